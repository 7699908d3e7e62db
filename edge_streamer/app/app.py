"""The composition root: a `Config` becomes a loop with sources, streams and services on it.

The one module that may import everything; only `app.run` imports it. It decides how the parts are connected, in which
order they start and end, and what is printed first: the URLs to open.
"""

import logging
import os
import resource
import signal
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import FrameType
from typing import Any, Final

from edge_streamer import __version__
from edge_streamer.accounts.login_failures import LoginFailures
from edge_streamer.app.device_reader import DeviceReader
from edge_streamer.app.reload_plan import InEffect, plan_reload
from edge_streamer.app.reload_reader import Loaded, Reloader
from edge_streamer.app.running_sources import RunningSources
from edge_streamer.app.settings import access_rules, authorizer_maker
from edge_streamer.device.health import BoardSensors
from edge_streamer.device.info import read_device_info
from edge_streamer.device.status_led import StatusLed
from edge_streamer.device.systemd import NO_SOCKETS, Notifier, Sockets
from edge_streamer.logs.events import ServiceStarted, ServiceStopping, log_event
from edge_streamer.media.registry import StreamRegistry
from edge_streamer.runtime.address import ListenAddress, bracketed, in_url
from edge_streamer.runtime.loop import Loop
from edge_streamer.runtime.tcp.listener_group import ListenerGroup
from edge_streamer.services.api.device import DeviceRoutes
from edge_streamer.services.api.openapi import ApiDescription
from edge_streamer.services.api.reload import ControlRoutes
from edge_streamer.services.api.sessions import SessionRoutes
from edge_streamer.services.api.status import StatusRoutes
from edge_streamer.services.api.streams import StreamRoutes
from edge_streamer.services.http.access import HttpAccess
from edge_streamer.services.http.router import HttpRoutes
from edge_streamer.services.http.service import HttpService
from edge_streamer.services.led_reports import LedFacts, LedReporter
from edge_streamer.services.limits import DESCRIPTORS, limits_in_effect
from edge_streamer.services.live.routes import LiveRoutes
from edge_streamer.services.metrics.exposition import MetricsExposition, ServiceCollector
from edge_streamer.services.rtsp.service import RtspService
from edge_streamer.services.rtsp.settings import group_addresses
from edge_streamer.services.status import Histogram, OnReloaded, ReloadOutcome, ServiceStatus
from edge_streamer.services.unit_reports import UnitReporter, UnitState
from edge_streamer.services.web.page import PageRoutes

log = logging.getLogger(__name__)

LEAVE_WITHIN_S: Final = 1.5
"""The service does not wait longer: a source still running by then ends by SIGKILL, or when its socketpair closes."""
FLUSH_S: Final = 0.2
"""Time for BYE and the last replies to be sent; a client that has not read them by then will not read them later."""


class App:
    """Everything that runs, on one loop."""

    def __init__(
        self,
        loop: Loop,
        running: InEffect,
        load: Callable[[], Loaded],
        inherited: Sockets = NO_SOCKETS,
        led: StatusLed | None = None,
    ) -> None:
        config = running.config
        self._loop = loop
        self._running = running
        self._inherited = inherited
        self._started_wall_s = time.time()
        self._streams = StreamRegistry()
        self._sensors = BoardSensors(loop.now)
        self._device = DeviceReader(loop, read_device_info)
        self._login_failures = LoginFailures()
        self._rtsp = RtspService(
            loop,
            self._streams,
            config.rtsp,
            groups=group_addresses(config.multicast, running.places),
            dead_after_s=config.link.dead_after_s,
            new_authorizer=authorizer_maker(config),
            login_failures=self._login_failures,
        )
        self._sources = RunningSources(loop, self._streams, config.link, self._rtsp.sessions)
        self._sources.take(running.sources)
        self._reloader = Reloader(loop, load, self._apply)
        self._access = HttpAccess(access_rules(config), self._login_failures)
        self._live = LiveRoutes(loop, self._streams, self.status)
        self._http = HttpService(loop, self._http_routes(), self._access, config.http)
        self._rtsp_addresses: list[tuple[str, int]] = []
        self._http_addresses: list[tuple[str, int]] = []
        self._signals = 0
        self._had_terminal = _has_terminal()
        notifier = Notifier.from_environment()
        self._unit = UnitReporter(loop, notifier, self._unit_state) if notifier else None
        self._led = LedReporter(loop, led, self._led_facts) if led else None

    def _http_routes(self) -> HttpRoutes:
        described = (
            StatusRoutes(self.status, MetricsExposition(ServiceCollector(self.status)), self._loop.post),
            StreamRoutes(self.status, self._sources.source_of),
            SessionRoutes(self.status, self._rtsp.sessions.kick),
            DeviceRoutes(self.status),
            ControlRoutes(self.reload),
            self._live,
        )
        description = ApiDescription([route for each in described for route in each.routes], self._access)
        return HttpRoutes((*described, description, PageRoutes(self.stream_urls)))

    # --- start

    def start(self) -> None:
        """Listen, then start the sources. OSError, naming the address, when an address cannot be listened on."""
        _raise_descriptor_limit()
        self._rtsp_addresses = self._open("rtsp", self._rtsp.listeners, self._running.config.rtsp.listen)
        self._http_addresses = self._open("http", self._http.listeners, self._running.config.http.listen)
        signal.set_wakeup_fd(self._loop.wake_writer.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        signal.signal(signal.SIGHUP, self._on_hangup)
        self._tell_start()
        self._sources.start()
        self._device.start()
        if self._unit is not None:
            self._unit.start()
        if self._led is not None:
            self._led.start()

    def _tell_start(self) -> None:
        rtsp, http = (
            tuple(f"{bracketed(host)}:{port}" for host, port in addresses)
            for addresses in (self._rtsp_addresses, self._http_addresses)
        )
        streams = tuple(stream.name for stream in self._streams)
        log_event(log, ServiceStarted(version=__version__, rtsp=rtsp, http=http, streams=streams))

    def _open(self, name: str, listeners: ListenerGroup[Any], listen: Sequence[ListenAddress]) -> list[tuple[str, int]]:
        if name in self._inherited:
            return [listeners.serve_on(each) for each in self._inherited[name]]
        return [_listen(listeners.listen, name.upper(), address.host, address.port) for address in listen]

    def stream_urls(self, host: str) -> list[str]:
        """Return the URLs for a client that reached this server as `host` (empty: as the listeners are bound)."""
        return [
            f"rtsp://{_shown_host(address, host)}:{port}/{stream.name}"
            for address, port in self._rtsp_addresses
            for stream in self._streams
        ]

    def print_welcome(self) -> None:
        """Print the URLs to open, one a line, so that scripts can read them too."""
        pages = [f"http://{_shown_host(host, '')}:{port}/" for host, port in self._http_addresses]
        print("edge_streamer is running. Open one of these (ffplay, VLC, an NVR; http in a browser):", flush=True)
        for url in (*self.stream_urls(""), *pages):
            print(f"  {url}", flush=True)

    # --- reload

    def _on_hangup(self, number: int, frame: FrameType | None) -> None:
        if self._had_terminal and not _has_terminal():
            self._on_signal(number, frame)  # the terminal was closed: no Ctrl-C could end the service any more
        else:
            self._loop.post(lambda: self.reload(lambda _outcome: None))

    def reload(self, on_done: OnReloaded) -> None:
        """Read the configuration again and apply it; call `on_done` with the outcome."""

        def finish(outcome: ReloadOutcome) -> None:
            if self._unit is not None:
                self._unit.end_reload()
            if self._led is not None:
                self._led.end_reload(is_refused=bool(outcome.error))
            on_done(outcome)

        if self._unit is not None:
            self._unit.begin_reload()
        self._reloader.reload(finish)

    def _apply(self, loaded: Loaded) -> ReloadOutcome:
        before, plan = self._running.config, plan_reload(self._running, *loaded)
        if self._signals:
            return plan.outcome  # the service is ending: no source is started any more
        self._running = plan.after
        config = plan.after.config
        if config.users.warning:
            log.warning("%s", config.users.warning)
        self._rtsp.apply(config.rtsp, group_addresses(config.multicast, plan.after.places), authorizer_maker(config))
        self._access.apply(access_rules(config))
        if (config.auth, config.users) != (before.auth, before.users):
            # A browser cannot be kicked, so all are closed; the pages whose user may still log in connect again.
            self._live.close()
        self._http.apply(config.http)
        self._sources.apply(plan)
        return plan.outcome

    # --- end

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        del frame
        self._signals += 1
        if self._signals == 1:
            self._loop.post(partial(self._leave, number))
        else:
            self._loop.stop()

    def _leave(self, number: int) -> None:
        """End the sessions and the sources in order; stop the loop when both are done or time is up."""
        log_event(log, ServiceStopping(signal=signal.Signals(number).name))
        if self._unit is not None:
            self._unit.leave()
        if self._led is not None:
            self._led.leave()
        self._rtsp.close()
        self._http.close()
        self._sources.stop()
        self._leave_when_done(self._loop.now() + FLUSH_S, self._loop.now() + LEAVE_WITHIN_S)

    def _leave_when_done(self, earliest: float, latest: float) -> None:
        now = self._loop.now()
        if now >= latest or (now >= earliest and self._sources.is_stopped):
            self._loop.stop()
        else:
            self._loop.call_later(0.02, lambda: self._leave_when_done(earliest, latest))

    def close(self) -> None:
        """Release the signal wake-up descriptor and the loop's descriptors; kill the sources that still run."""
        signal.set_wakeup_fd(-1)
        self._sources.kill()
        if self._unit is not None:
            self._unit.close()
        self._loop.close()

    # --- status

    def status(self) -> ServiceStatus:
        """Return the present status of the whole service."""
        config, times = self._running.config, self._sources.times
        counters, traffic, board = self._rtsp.sessions.counters, self._rtsp.sessions.traffic(), self._sensors.health()
        return ServiceStatus(
            started_wall_s=self._started_wall_s,
            sessions=self._rtsp.sessions.statuses(),
            streams=self._sources.statuses(),
            sessions_limit=config.rtsp.max_sessions,
            write_budget_s=config.link.dead_after_s,
            worst_turn_s=self._loop.turn_times.worst_s,
            loop_turns=Histogram.of(self._loop.turn_times),
            capture_to_send=Histogram.of(times.capture_to_send),
            time_to_first_frame=Histogram.of(times.first_frame),
            sessions_started=counters.sessions_started,
            sessions_ended=counters.sessions_ended,
            rtsp_connections=self._rtsp.gate.accepted,
            rtsp_requests=counters.requests,
            rtsp_responses=counters.responses,
            rtsp_protocol_errors=counters.protocol_errors,
            rtsp_auth_failures=self._login_failures.counts["rtsp"],
            http_auth_failures=self._login_failures.counts["http"],
            limits=limits_in_effect(config.rtsp, config.http),
            limits_reached=self._limits_reached(),
            connections_open={"rtsp": self._rtsp.gate.open, "http": self._http.gate.open},
            connections_evicted={
                "rtsp": self._rtsp.gate.evicted.total(),
                "http": self._http.gate.evicted.total(),
            },
            sent_bytes=traffic.sent_bytes,
            sent_packets=traffic.sent_packets,
            discarded_frames=traffic.discarded_frames,
            handler_faults=self._loop.faults,
            board_temperature_c=board.temperature_c,
            board_throttled=board.throttled,
            device=self._device.info(),
        )

    def _unit_state(self) -> UnitState:
        """Return what systemd is told. At the start it is asked for ten times a second: too often for all sessions."""
        return UnitState(self._sources.statuses(), self._rtsp.sessions.count, self._sources.stuck())

    def _led_facts(self) -> LedFacts:
        card = self._device.info().card
        return LedFacts(self._sources.statuses(), has_mistakes=card is not None and bool(card.mistakes))

    def _limits_reached(self) -> Mapping[str, int]:
        rtsp, http = (gate.refused + gate.evicted for gate in (self._rtsp.gate, self._http.gate))
        return {
            **self._rtsp.sessions.counters.limits_reached,
            "rtsp.max_connections": rtsp["total"],
            "rtsp.max_connections_per_address": rtsp["per_address"],
            "http.max_connections": http["total"],
            "http.max_connections_per_address": http["per_address"],
            DESCRIPTORS: rtsp["descriptors"] + http["descriptors"],
        }


def _listen(listen: Callable[[str, int], tuple[str, int]], what: str, host: str, port: int) -> tuple[str, int]:
    try:
        return listen(host, port)
    except OSError as error:
        reason = error.strerror or str(error)
        raise OSError(
            f"cannot listen for {what} on {bracketed(host)}:{port}: {reason}; is another server running there? "
            f"(--{what.lower()} ADDR:PORT takes another address)"
        ) from None


def _has_terminal() -> bool:
    """Whether a standard stream is a terminal that is still there."""
    return any(os.isatty(descriptor) for descriptor in (0, 1, 2))


def _raise_descriptor_limit() -> None:
    """Raise the soft limit of descriptors to the hard limit: a thousand viewers are a thousand sockets."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _shown_host(bound: str, reached: str) -> str:
    """Return the host for a URL; for a wildcard address, the name that the client used or this machine's name."""
    if bound in ("0.0.0.0", "::"):  # noqa: S104 - compared, not bound
        return reached or socket.gethostname()
    return in_url(bound)
