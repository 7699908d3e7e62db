"""The HTTP router: takes a request and returns the answer of the resource at its path, or 404 or 405.

The HTTP connections (`service`) call it on the loop, so a handler must be quick or defer its response. The router
reads no socket (`runtime`), parses no HTTP (`protocol.http`) and knows no path; `app` gives it the finders.
"""

from collections.abc import Sequence
from http import HTTPStatus

from edge_streamer.protocol.http.messages import HttpRequest
from edge_streamer.services.http.answers import HttpAnswer, refuse
from edge_streamer.services.http.routes import Finder, Resource


class HttpRoutes:
    """The resources of all `finders`. `handle` answers any request and raises only for a fault in the service."""

    def __init__(self, finders: Sequence[Finder]) -> None:
        """Where several finders have a path, the first of them answers it."""
        self._finders = tuple(finders)

    def handle(self, request: HttpRequest) -> HttpAnswer:
        """Return the answer to `request`: a response, a deferred one or an upgrade. A response to HEAD has a body,
        which the protocol leaves out."""
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
