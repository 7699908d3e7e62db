"""`/api/v1/device`: what this device is, and what the settings on its card did.

A finder of `services.http`. It answers with what the service last read (`app.device_reader`) and waits for nothing.
"""

from http import HTTPStatus
from typing import Final

import msgspec

from edge_streamer.device.info import DeviceInfo
from edge_streamer.protocol.http.messages import HttpRequest, HttpResponse
from edge_streamer.services.http.answers import JSON, ok
from edge_streamer.services.http.routes import Answer, Operation, Resource, Route, resource_among
from edge_streamer.services.status import TakeStatus

_DEVICE: Final = {HTTPStatus.OK: Answer("The device; null is unknown.", DeviceInfo)}


class DeviceRoutes:
    """The resource of the device."""

    def __init__(self, take_status: TakeStatus) -> None:
        self._take_status = take_status
        operation = Operation("getDevice", "Model, version, slot, storage, clock.", self._device, _DEVICE)
        self.routes: Final = (Route("/api/v1/device", {"GET": operation}),)

    def find(self, path: str) -> Resource | None:
        """Return the resource at `path`; None when there is none."""
        return resource_among(self.routes, path)

    def _device(self, _request: HttpRequest) -> HttpResponse:
        return ok(JSON, msgspec.json.encode(self._take_status().device))
