"""`/api/v1/status`, `/healthz`, `/metrics`: the service's status for scripts, load balancers and Prometheus.

A finder of `services.http`. Each answer is computed from one `ServiceStatus` and waits for nothing; a scrape takes its
status in one turn of the loop and is written in the next, since a scrape with many sessions takes milliseconds.
"""

from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from edge_streamer.protocol.http.messages import HttpRequest, HttpResponse
from edge_streamer.services.api.documents import StatusDocument, YouDocument, status_document
from edge_streamer.services.http.answers import JSON, SECURITY_HEADERS, DeferredResponse, Respond, ok
from edge_streamer.services.http.routes import Answer, Operation, Resource, Route, resource_among
from edge_streamer.services.metrics.exposition import Collected, MetricsExposition
from edge_streamer.services.status import StreamStatus, TakeStatus

_TEXT: Final = "text/plain; charset=utf-8"
_METRICS: Final = ("text/plain", "application/openmetrics-text")


class StatusRoutes:
    """The resources of status, health and metrics."""

    def __init__(
        self, take_status: TakeStatus, metrics: MetricsExposition, post: Callable[[Callable[[], None]], None]
    ) -> None:
        """`post` calls a function in the next turn of the loop."""
        self._take_status = take_status
        self._metrics = metrics
        self._post = post
        self.routes: Final = (
            Route("/api/v1/status", {"GET": Operation("getStatus", "What runs, and how well.", self._status, _STATUS)}),
            Route("/healthz", {"GET": Operation("getHealth", "Whether all is well.", self._health, _HEALTH)}),
            Route("/metrics", {"GET": Operation("getMetrics", "Metrics for Prometheus.", self._scrape, _SCRAPE)}),
        )

    def find(self, path: str) -> Resource | None:
        """Return the resource at `path`; None when there is none."""
        return resource_among(self.routes, path)

    def _status(self, request: HttpRequest) -> HttpResponse:
        you = YouDocument(request.user or None, request.role)
        return ok(JSON, status_document(self._take_status(), you))

    def _health(self, _request: HttpRequest) -> HttpResponse:
        reasons = [_reason(stream) for stream in self._take_status().streams if stream.is_failing]
        status = HTTPStatus.SERVICE_UNAVAILABLE if reasons else HTTPStatus.OK
        body = "".join(f"{line}\n" for line in reasons or ["ok"])
        return HttpResponse(status, (("content-type", _TEXT), *SECURITY_HEADERS), body.encode())

    def _scrape(self, request: HttpRequest) -> DeferredResponse:
        def begin(respond: Respond) -> None:
            collected = self._metrics.collect()
            self._post(lambda: respond(self._exposition(collected, request)))

        return DeferredResponse(begin)

    def _exposition(self, collected: Collected, request: HttpRequest) -> HttpResponse:
        headers = request.headers
        scrape = self._metrics.render(collected, headers.get("accept", ""), headers.get("accept-encoding", ""))
        vary = ("vary", "accept, accept-encoding")
        if not scrape.content_encoding:
            return ok(scrape.content_type, scrape.body, vary)
        return ok(scrape.content_type, scrape.body, vary, ("content-encoding", scrape.content_encoding))


_STATUS: Final = {HTTPStatus.OK: Answer("The present status of the service.", StatusDocument)}
_HEALTH: Final = {
    HTTPStatus.OK: Answer("Every wanted stream is up, or is starting on demand.", str, ("text/plain",)),
    HTTPStatus.SERVICE_UNAVAILABLE: Answer("A line for each other wanted stream.", str, ("text/plain",)),
}
_SCRAPE: Final = {HTTPStatus.OK: Answer("Text format, or OpenMetrics where it is accepted.", str, _METRICS)}


def _reason(stream: StreamStatus) -> str:
    """Return one line, whatever line breaks the source's reason contains."""
    return f"{stream.name}: {' '.join(stream.reason.split()) or 'not up'}"
