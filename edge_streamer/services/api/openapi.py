"""`/api/v1/openapi.json`: the API described to programs (OpenAPI 3.1), made from the routes and types that are the API.

A finder of `services.http`, given the routes of the others. Responses that any request can get, whatever its path, are
written here: the refusals of `http.access` and of the protocol. The page's files and the messages on an open WebSocket
cannot be described here (`live.routes` describes the messages).
"""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any, Final, Protocol

import msgspec

from edge_streamer import __version__
from edge_streamer.protocol.http.messages import HttpRequest, HttpResponse
from edge_streamer.services.http.answers import JSON, ok
from edge_streamer.services.http.routes import Answer, Operation, PathParameter, Resource, Route, resource_among

PROBLEM_JSON: Final = "application/problem+json"
_PLACE_OF_PATHS: Final = "../.."
"""Relative to the description's own address (OpenAPI 3.1 section 4.8.5): a proxy may serve all below a path."""
_PLACE_OF_SCHEMAS: Final = "#/components/schemas/{name}"

_ALWAYS_POSSIBLE: Final = {
    HTTPStatus.BAD_REQUEST: "This is not HTTP/1.1.",
    HTTPStatus.REQUEST_TIMEOUT: "The request did not arrive in time.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body is too large.",
    HTTPStatus.MISDIRECTED_REQUEST: "No users are configured, and the Host is not localhost.",
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: "The head is too large.",
    HTTPStatus.NOT_IMPLEMENTED: "The only transfer coding is chunked.",
    HTTPStatus.HTTP_VERSION_NOT_SUPPORTED: "The server speaks HTTP/1.1.",
}
_LOGIN_NEEDED: Final = {HTTPStatus.UNAUTHORIZED: "Log in; the answer has the challenges."}
_ROLE_NEEDED: Final = {HTTPStatus.FORBIDDEN: "The user's role may not do that."}
_GENERAL_PROBLEMS: Final = _ALWAYS_POSSIBLE | _LOGIN_NEEDED | _ROLE_NEEDED
_SCHEMES: Final = {
    "digest": "RFC 7616, with MD5 and, where configured, SHA-256.",
    "basic": "RFC 7617. Over plain HTTP an eavesdropper can read the password.",
}
_DESCRIPTION: Final = (
    "The API of an edge_streamer service. Reading needs the role `viewer`, everything else `operator`. Networks listed "
    "in `auth.metrics_networks` may read `/metrics` and `/healthz` without logging in."
)


class ProblemDocument(msgspec.Struct, frozen=True):
    """Every error (RFC 9457): `title` is the status in words, `detail` says in one sentence what is wrong."""

    title: str
    status: int
    detail: str


class Logins(Protocol):
    """The rules for logging in: `http.access`."""

    @property
    def login_schemes(self) -> tuple[str, ...]:
        """The authentication schemes on offer, by their names in HTTP; empty without users."""

    def needs_login(self, method: str) -> bool:
        """Whether a client must log in to use `method`."""


class ApiDescription:
    """Describes `routes` and its own route; the description is made anew for each request."""

    def __init__(self, routes: Iterable[Route], logins: Logins) -> None:
        described = {HTTPStatus.OK: Answer("OpenAPI 3.1.", dict[str, Any])}
        itself = Operation("getDescription", "This description.", self._show, described)
        self._own = Route("/api/v1/openapi.json", {"GET": itself})
        self._routes = (*routes, self._own)
        self._logins = logins

    def find(self, path: str) -> Resource | None:
        """Return the resource at `path`; None when there is none."""
        return resource_among((self._own,), path)

    def _show(self, _request: HttpRequest) -> HttpResponse:
        return ok(JSON, msgspec.json.encode(self.document()))

    def document(self) -> dict[str, Any]:
        """Return the description."""
        types = list(_types(self._routes))
        schemas, components = msgspec.json.schema_components(types, ref_template=_PLACE_OF_SCHEMAS)
        writer = _Writer(self._logins, dict(zip(map(repr, types), schemas, strict=True)), _parameters(self._routes))
        return {
            "openapi": "3.1.0",
            "info": {"title": "edge_streamer", "version": __version__, "description": _DESCRIPTION},
            "servers": [{"url": _PLACE_OF_PATHS}],
            "paths": {route.path: writer.path(route) for route in self._routes},
            "components": {
                "schemas": components,
                "responses": {status.name: _problem(meaning) for status, meaning in _GENERAL_PROBLEMS.items()},
                "securitySchemes": _security_schemes(self._logins.login_schemes),
            },
        }


class _Writer:
    """Writes one description. `schemas` by the type's name, `parameters` by the operation's."""

    def __init__(self, logins: Logins, schemas: Mapping[str, Any], parameters: Mapping[str, str]) -> None:
        self._logins = logins
        self._schemas = schemas
        self._parameters = parameters

    def path(self, route: Route) -> dict[str, Any]:
        item: dict[str, Any] = {"parameters": [_path_parameter(route.parameter)]} if route.parameter else {}
        for method, operation in route.operations.items():
            item[method.lower()] = self._operation(method, operation)
        return item

    def _operation(self, method: str, operation: Operation) -> dict[str, Any]:
        answers = {str(status.value): self._answer(answer) for status, answer in operation.answers.items()}
        written: dict[str, Any] = {
            "operationId": operation.name,
            "summary": operation.summary,
            "responses": answers | self._problems(method, operation),
        }
        if operation.takes is not None:
            content = {JSON: {"schema": self._schemas[repr(operation.takes)]}}
            written["requestBody"] = {"required": True, "content": content}
        if self._logins.login_schemes:
            optional: list[dict[str, Any]] = [] if self._logins.needs_login(method) else [{}]
            written["security"] = [*optional, *({scheme: []} for scheme in self._logins.login_schemes)]
        return written

    def _answer(self, answer: Answer) -> dict[str, Any]:
        written: dict[str, Any] = {"description": answer.meaning}
        if answer.body is not None:
            content = {} if answer.body is bytes else {"schema": self._schemas[repr(answer.body)]}
            written["content"] = dict.fromkeys(answer.content_types, content)
        if answer.links:
            written["links"] = {name: self._link(name, place) for name, place in answer.links.items()}
        return written

    def _link(self, operation: str, place: str) -> dict[str, Any]:
        return {"operationId": operation, "parameters": {self._parameters[operation]: place}}

    def _problems(self, method: str, operation: Operation) -> dict[str, Any]:
        can_log_in = bool(self._logins.login_schemes)
        general = [*_ALWAYS_POSSIBLE, *(_LOGIN_NEEDED if can_log_in else ())]
        general += _ROLE_NEEDED if can_log_in and method != "GET" else ()
        own = {status: _problem(meaning) for status, meaning in operation.problems.items()}
        problems = {status: {"$ref": f"#/components/responses/{status.name}"} for status in general} | own
        return {str(status.value): problems[status] for status in sorted(problems) if status not in operation.answers}


def _problem(meaning: str) -> dict[str, Any]:
    schema = {"$ref": _PLACE_OF_SCHEMAS.format(name=ProblemDocument.__name__)}
    return {"description": meaning, "content": {PROBLEM_JSON: {"schema": schema}}}


def _types(routes: Iterable[Route]) -> Iterable[Any]:
    yield ProblemDocument
    for route in routes:
        for operation in route.operations.values():
            bodies = (operation.takes, *(answer.body for answer in operation.answers.values()))
            yield from (body for body in bodies if body not in (None, bytes))


def _parameters(routes: Iterable[Route]) -> dict[str, str]:
    return {
        operation.name: route.parameter.name
        for route in routes
        if route.parameter
        for operation in route.operations.values()
    }


def _path_parameter(parameter: PathParameter) -> dict[str, Any]:
    schema = {"type": "string", "pattern": f"^{parameter.pattern}$"}
    return {"name": parameter.name, "in": "path", "required": True, "description": parameter.meaning, "schema": schema}


def _security_schemes(schemes: Iterable[str]) -> dict[str, Any]:
    return {scheme: {"type": "http", "scheme": scheme, "description": _SCHEMES[scheme]} for scheme in schemes}
