"""Routes: what answers which method at which path, and, for the API, the words and types that describe it.

A path is looked up by asking finders in turn. Whoever offers the API builds its resources from `Route`s, so that what
is answered and what `/api/v1/openapi.json` says of it (`services.openapi`) are one thing; the page's files are found by
other means and not described. Values only: nothing here answers.
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
"""Handlers by method; GET's answers HEAD as well."""


class Finder(Protocol):
    """Somebody who has resources."""

    def find(self, path: str, /) -> Resource | None:
        """Return the resource at `path`; None when there is nothing."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What an operation answers when it has something to say: `body` is the type whose JSON it is, `str` or `bytes`
    where `content_types` are others, None for no content. `links` name operations whose parameter it shows, and where.
    """

    meaning: str
    body: Any = None
    content_types: tuple[str, ...] = (JSON,)
    links: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of a path. `handle` gets what stands for the path's parameter, if it has one, and the request.

    `problems` are the refusals of its own, by status; those that every request can get are not among them. `takes` is
    the type of the JSON that it wants.
    """

    name: str
    summary: str
    handle: Callable[..., HttpAnswer]
    answers: Mapping[HTTPStatus, Answer]
    problems: Mapping[HTTPStatus, str] = field(default_factory=dict)
    takes: Any = None


@dataclass(frozen=True, slots=True)
class PathParameter:
    """What stands in a path's braces; what `pattern` does not match is nothing that there could be."""

    name: str
    meaning: str
    pattern: str


@dataclass(frozen=True, slots=True)
class Route:
    """A path, which may have `{name}` of its parameter in it, and its operations by method."""

    path: str
    operations: Mapping[str, Operation]
    parameter: PathParameter | None = None

    def resource_at(self, path: str) -> Resource | None:
        """Return the resource, when `path` is one of this route's."""
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
