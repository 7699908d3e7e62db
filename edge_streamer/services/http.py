"""What the service answers over HTTP: metrics, health, status and a page for people; a request in, a response out.

Called by the application's HTTP connections, on the loop: everything here is computed from one snapshot of the status
and never waits. It reads no socket (`runtime`) and parses no HTTP (`protocol.http`); what asks a source, or changes it,
is in `http_streams`.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Final

from edge_streamer.protocol.http.messages import HttpRequest, HttpResponse
from edge_streamer.services.http_answers import JSON, SECURITY_HEADERS, DeferredResponse, ok, refuse
from edge_streamer.services.http_streams import Resource, StreamRoutes, StreamSource
from edge_streamer.services.index_page import CONTENT_SECURITY_POLICY, index_page
from edge_streamer.services.metrics import MetricsExposition
from edge_streamer.services.status import ServiceStatus, StreamStatus
from edge_streamer.services.status_document import status_document

TakeSnapshot = Callable[[], ServiceStatus]
StreamUrls = Callable[[str], Sequence[str]]
"""The `rtsp://` addresses for a client that reached us under this host name, which may be empty."""

_HOST: Final = re.compile(r"([A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{0,5})?")
"""A name, an IPv4 address or an IPv6 address in brackets, then a port: all that a Host header of ours can be."""


class HttpRoutes:
    """The routes by path; `handle` answers any request and raises only for faults of the service's own."""

    def __init__(
        self,
        take_snapshot: TakeSnapshot,
        metrics: MetricsExposition,
        stream_urls: StreamUrls,
        sources: Mapping[str, StreamSource],
    ) -> None:
        """`sources` by the names of the streams that they feed."""
        self._take_snapshot = take_snapshot
        self._metrics = metrics
        self._stream_urls = stream_urls
        self._streams = StreamRoutes(take_snapshot, sources)
        self._resources: Final[dict[str, Resource]] = {
            "/": {"GET": self._index},
            "/healthz": {"GET": self._health},
            "/metrics": {"GET": self._scrape},
            "/api/v1/status": {"GET": self._status},
        }

    def handle(self, request: HttpRequest) -> HttpResponse | DeferredResponse:
        """Return the response to `request`, or who will give it; for HEAD it has the body that the protocol leaves
        out."""
        resource = self._resources.get(request.path) or self._streams.find(request.path)
        if resource is None:
            return refuse(HTTPStatus.NOT_FOUND, "There is nothing at this path.")
        handler = resource.get("GET" if request.method == "HEAD" else request.method)
        if handler is None:
            # RFC 9110 section 15.5.6: a 405 says what is allowed.
            allowed = ", ".join(["GET", "HEAD", *(method for method in resource if method != "GET")])
            return refuse(HTTPStatus.METHOD_NOT_ALLOWED, f"This path allows {allowed}.", ("allow", allowed))
        return handler(request)

    def _index(self, request: HttpRequest) -> HttpResponse:
        page = index_page(self._stream_urls(_host_name(request)))
        policy = ("content-security-policy", CONTENT_SECURITY_POLICY)
        return ok("text/html; charset=utf-8", page.encode(), policy)

    def _health(self, _request: HttpRequest) -> HttpResponse:
        reasons = [_reason(stream) for stream in self._take_snapshot().streams if stream.is_failing]
        status = HTTPStatus.SERVICE_UNAVAILABLE if reasons else HTTPStatus.OK
        body = "".join(f"{line}\n" for line in reasons or ["ok"])
        return HttpResponse(status, (("content-type", "text/plain; charset=utf-8"), *SECURITY_HEADERS), body.encode())

    def _scrape(self, request: HttpRequest) -> HttpResponse:
        headers = request.headers
        scrape = self._metrics.render(headers.get("accept", ""), headers.get("accept-encoding", ""))
        vary = ("vary", "accept, accept-encoding")
        if not scrape.content_encoding:
            return ok(scrape.content_type, scrape.body, vary)
        return ok(scrape.content_type, scrape.body, vary, ("content-encoding", scrape.content_encoding))

    def _status(self, _request: HttpRequest) -> HttpResponse:
        return ok(JSON, status_document(self._take_snapshot()))


def _host_name(request: HttpRequest) -> str:
    """Return the Host header without its port; empty when it is no host's name, whatever else it is."""
    host = _HOST.fullmatch(request.headers.get("host", ""))
    return host.group(1) if host else ""


def _reason(stream: StreamStatus) -> str:
    """Return one line, whatever the source wrote into its reason."""
    return f"{stream.name}: {' '.join(stream.reason.split()) or 'not up'}"
