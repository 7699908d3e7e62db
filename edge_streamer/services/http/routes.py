"""Routes: the handler of each method at each path, and, for the API, the words and types that describe it.

A path is looked up by asking finders in turn. The finders of the API build their resources from `Route`s, from which
`/api/v1/openapi.json` (`services.api.openapi`) is made too, so that API and description agree; the page's finder has
no `Route`s, and its files are not described. This module has values only and answers no request.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from typing import Any, Protocol, TypeAlias

from edge_streamer.protocol.http.messages import HttpRequest
from edge_streamer.services.http.answers import JSON, HttpAnswer

Handler: TypeAlias = Callable[[HttpRequest], HttpAnswer]
Resource: TypeAlias = Mapping[str, Handler]
"""Handlers by method; the handler of GET answers HEAD as well."""


class Finder(Protocol):
    """Maps paths to resources."""

    def find(self, path: str, /) -> Resource | None:
        """Return the resource at `path`; None when there is none."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A successful response of an operation. `body` is the type whose JSON is sent, `str` or `bytes` where
    `content_types` has other types, None for no content. `links` maps operations, whose parameter the body contains, to
    its place in the body.
    """

    meaning: str
    body: Any = None
    content_types: tuple[str, ...] = (JSON,)
    links: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of a path. `handle` gets the value of the path's parameter, if it has one, and the request.

    `problems` are the refusals of this operation, by status, without those that every request can get. `takes` is the
    type of the JSON body that the request must have.
    """

    name: str
    summary: str
    handle: Callable[..., HttpAnswer]
    answers: Mapping[HTTPStatus, Answer]
    problems: Mapping[HTTPStatus, str] = field(default_factory=dict)
    takes: Any = None


@dataclass(frozen=True, slots=True)
class PathParameter:
    """The parameter in a path's braces. A value that `pattern` does not match can name nothing."""

    name: str
    meaning: str
    pattern: str


@dataclass(frozen=True, slots=True)
class Route:
    """A path, which may contain the `{name}` of a parameter, and its operations by method."""

    path: str
    operations: Mapping[str, Operation]
    parameter: PathParameter | None = None

    def resource_at(self, path: str) -> Resource | None:
        """Return the resource at `path`; None when this route does not match it."""
        match = re.fullmatch(self._pattern, path)
        if match is None:
            return None
        return {method: partial(operation.handle, *match.groups()) for method, operation in self.operations.items()}

    @property
    def _pattern(self) -> str:
        before, braced, after = self.path.partition(f"{{{self.parameter.name}}}" if self.parameter else "\0")
        return re.escape(before) + ("([^/]+)" if braced else "") + re.escape(after)


def resource_among(routes: Sequence[Route], path: str) -> Resource | None:
    """Return the resource at `path`; None when none of `routes` has it."""
    return next((resource for route in routes if (resource := route.resource_at(path)) is not None), None)
