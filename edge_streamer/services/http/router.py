"""The front of all HTTP routes: a request in, the response of whoever has its path out, or 404 and 405.

Called by the application's HTTP connections (`service`), on the loop: whatever answers is quick, or defers its
answer. It reads no socket (`runtime`), parses no HTTP (`protocol.http`) and knows no path; who has which is
said by `app`, which gives it the finders.
"""

from collections.abc import Sequence
from http import HTTPStatus

from edge_streamer.protocol.http.messages import HttpRequest
from edge_streamer.services.http.answers import HttpAnswer, refuse
from edge_streamer.services.http.routes import Finder, Resource


class HttpRoutes:
    """The resources of all `finders`; `handle` answers any request and raises only for faults of the service's own."""

    def __init__(self, finders: Sequence[Finder]) -> None:
        """The first finder that has a path has it."""
        self._finders = tuple(finders)

    def handle(self, request: HttpRequest) -> HttpAnswer:
        """Return the response to `request`, or who will give it; for HEAD it has the body that the protocol leaves
        out."""
        resource = self._resource_at(request.path)
        if resource is None:
            return refuse(HTTPStatus.NOT_FOUND, "There is nothing at this path.")
        is_head = request.method == "HEAD" and "GET" in resource
        handler = resource.get("GET" if is_head else request.method)
        if handler is None:
            # RFC 9110 section 15.5.6: a 405 says what is allowed.
            allowed = ", ".join(_allowed_methods(resource))
            return refuse(HTTPStatus.METHOD_NOT_ALLOWED, f"This path allows {allowed}.", ("allow", allowed))
        return handler(request)

    def _resource_at(self, path: str) -> Resource | None:
        return next((found for finder in self._finders if (found := finder.find(path)) is not None), None)


def _allowed_methods(resource: Resource) -> list[str]:
    reading = ["GET", "HEAD"] if "GET" in resource else []
    return [*reading, *(method for method in resource if method != "GET")]
