"""The composition root: a `Config` becomes a loop with sources, streams and services on it, and one exit code.

The one module that may import everything; nothing imports it but the command line. What is decided here is who knows
whom, the order of start and end, and what people see first: the URLs to open.
"""

import gc
import logging
import resource
import secrets
import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import FrameType
from typing import Final

from edge_streamer.config import Config
from edge_streamer.media.registry import StreamRegistry
from edge_streamer.media.stream import Stream
from edge_streamer.multicast_config import group_places
from edge_streamer.protocol.digest import Algorithm, LoginRules
from edge_streamer.protocol.http.auth import HttpAuthenticator
from edge_streamer.protocol.rtsp.auth import ALLOW_ALL, Authorizer, LoginAuthorizer
from edge_streamer.runtime.address import bracketed
from edge_streamer.runtime.log_stream import StderrHandler
from edge_streamer.runtime.loop import Loop
from edge_streamer.runtime.multicast import GroupAddress
from edge_streamer.runtime.turns import TimeHistogram
from edge_streamer.services.http import HttpRoutes
from edge_streamer.services.http_access import HttpAccess
from edge_streamer.services.http_service import HttpService
from edge_streamer.services.login_failures import LoginFailures
from edge_streamer.services.metrics import MetricsExposition, ServiceCollector
from edge_streamer.services.rtsp.service import RtspService, RtspSettings
from edge_streamer.services.source_spec import StreamPolicy
from edge_streamer.services.source_times import SourceTimes
from edge_streamer.services.status import EndReason, Histogram, Limit, LimitValue, ServiceStatus
from edge_streamer.services.supervisor import SourceSupervisor
from edge_streamer.source_plan import PlannedSource
from edge_streamer.stream_config import DeviceStream, FileStream, StreamConfig
from edge_streamer.users import Role

log = logging.getLogger(__name__)

EXIT_OK: Final = 0
EXIT_CANNOT_RUN: Final = 1
LEAVE_WITHIN_S: Final = 1.5
"""Sources that have not ended by then are left to the end of their socketpair and to SIGKILL already sent."""
FLUSH_S: Final = 0.2
"""What BYE and last replies get to leave; who does not read them by then will not read them later."""


def run(config: Config, sources: Sequence[PlannedSource], *, log_level: str = "info") -> int:
    """Serve the streams of `sources` until SIGTERM or SIGINT; return the exit code."""
    _set_up_logging(log_level)
    if config.users.warning:
        log.warning("%s", config.users.warning)
    loop = Loop()
    app = App(loop, config, sources)
    try:
        app.start()
    except OSError as error:
        print(f"edge-streamer: {error}", file=sys.stderr)
        app.close()
        return EXIT_CANNOT_RUN
    app.print_welcome()
    gc.collect()
    gc.freeze()  # what lives from start to end need not be looked through again and again
    loop.run()
    app.close()
    return EXIT_OK


def _set_up_logging(level: str) -> None:
    """Log to standard error; to nobody when that was closed at our start, because its number is then anybody's."""
    handler = StderrHandler(sys.stderr.fileno()) if sys.stderr else logging.NullHandler()
    logging.basicConfig(
        level=level.upper(), handlers=[handler], format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )


class App:
    """Everything that runs, on one loop."""

    def __init__(self, loop: Loop, config: Config, sources: Sequence[PlannedSource]) -> None:
        self._loop = loop
        self._config = config
        self._started_wall_s = time.time()
        self._streams = StreamRegistry()
        self._times = SourceTimes()
        self._sources = [self._new_source(source) for source in sources]
        self._login_failures = LoginFailures()
        self._rtsp = RtspService(
            loop,
            self._streams,
            _rtsp_settings(config),
            new_authorizer=_authorizer_maker(config),
            login_failures=self._login_failures,
        )
        sources_by_stream = {name: source for source in self._sources for name in source.streams}
        metrics = MetricsExposition(ServiceCollector(self.status))
        routes = HttpRoutes(self.status, metrics, self.stream_urls, sources_by_stream)
        access = _http_access(config, self._login_failures)
        self._http = HttpService(
            loop,
            routes,
            access,
            max_connections=config.http.max_connections,
            max_connections_per_address=config.http.max_connections_per_address,
        )
        self._rtsp_addresses: list[tuple[str, int]] = []
        self._http_addresses: list[tuple[str, int]] = []
        self._signals = 0

    def _new_source(self, source: PlannedSource) -> SourceSupervisor:
        streams = [_new_stream(name, stream, self._config.link.dead_after_s) for name, stream in source.streams.items()]
        for stream in streams:
            stream.on_format_changed = partial(self._end_stream, EndReason.STREAM_REPLACED, stream)
            self._streams.add(stream)
        return SourceSupervisor(
            self._loop,
            source.spec,
            streams,
            self._times,
            partial(self._end_stream, EndReason.STREAM_ENDED),
            [_policy(stream) for stream in source.streams.values()],
        )

    def _end_stream(self, reason: EndReason, stream: Stream) -> None:
        self._rtsp.end_all(reason, stream)

    # --- start

    def start(self) -> None:
        """Listen, then start the sources. OSError, naming the address, when one cannot be had."""
        _raise_descriptor_limit()
        self._rtsp_addresses = [_listen(self._rtsp.listen, "RTSP", a.host, a.port) for a in self._config.rtsp.listen]
        self._http_addresses = [_listen(self._http.listen, "HTTP", a.host, a.port) for a in self._config.http.listen]
        signal.set_wakeup_fd(self._loop.wake_writer.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        for source in self._sources:
            source.start()

    def stream_urls(self, host: str) -> list[str]:
        """Return the URLs for a client that reached us as `host` (empty: as we are bound)."""
        return [
            f"rtsp://{_shown_host(address, host)}:{port}/{stream.name}"
            for address, port in self._rtsp_addresses
            for stream in self._streams
        ]

    def print_welcome(self) -> None:
        """Print what to open, for people and for scripts: one URL a line."""
        pages = [f"http://{_shown_host(host, '')}:{port}/" for host, port in self._http_addresses]
        print("edge_streamer is running. Open one of these (ffplay, VLC, an NVR; http in a browser):", flush=True)
        for url in (*self.stream_urls(""), *pages):
            print(f"  {url}", flush=True)

    # --- end

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        del frame
        self._signals += 1
        if self._signals == 1:
            self._loop.post(partial(self._leave, number))
        else:
            self._loop.stop()

    def _leave(self, number: int) -> None:
        """Say goodbye to viewers, end the sources, and stop when both are done or time is up."""
        log.info("%s: leaving", signal.Signals(number).name)
        self._rtsp.close()
        self._http.close()
        for source in self._sources:
            source.stop()
        self._leave_when_done(self._loop.now() + FLUSH_S, self._loop.now() + LEAVE_WITHIN_S)

    def _leave_when_done(self, earliest: float, latest: float) -> None:
        now = self._loop.now()
        are_stopped = all(source.is_stopped for source in self._sources)
        if now >= latest or (now >= earliest and are_stopped):
            self._loop.stop()
        else:
            self._loop.call_later(0.02, lambda: self._leave_when_done(earliest, latest))

    def close(self) -> None:
        """Give back the process's signals and the loop's descriptors."""
        signal.set_wakeup_fd(-1)
        for source in self._sources:
            source.kill()
        self._loop.close()

    # --- what is known

    def status(self) -> ServiceStatus:
        """Return a snapshot of everything."""
        counters, traffic = self._rtsp.counters, self._rtsp.traffic()
        return ServiceStatus(
            started_wall_s=self._started_wall_s,
            sessions=self._rtsp.sessions(),
            streams=tuple(status for source in self._sources for status in source.statuses()),
            sessions_limit=self._config.rtsp.max_sessions,
            write_budget_s=self._config.link.dead_after_s,
            worst_turn_s=self._loop.turn_times.worst_s,
            loop_turns=_histogram(self._loop.turn_times),
            frame_handoff=_histogram(self._times.handoff),
            capture_to_send=_histogram(self._times.capture_to_send),
            time_to_first_frame=_histogram(self._times.first_frame),
            sessions_started=counters.sessions_started,
            sessions_ended=counters.sessions_ended,
            rtsp_connections=self._rtsp.gate.accepted,
            rtsp_requests=counters.requests,
            rtsp_responses=counters.responses,
            rtsp_protocol_errors=counters.protocol_errors,
            rtsp_auth_failures=self._login_failures.counts["rtsp"],
            http_auth_failures=self._login_failures.counts["http"],
            limits=_limits(self._config),
            limits_reached=self._limits_reached(),
            connections_open={"rtsp": self._rtsp.gate.open, "http": self._http.gate.open},
            sent_bytes=traffic.sent_bytes,
            sent_packets=traffic.sent_packets,
            discarded_frames=traffic.discarded_frames,
            handler_faults=self._loop.faults,
        )

    def _limits_reached(self) -> Mapping[Limit, int]:
        rtsp, http = self._rtsp.gate.refused, self._http.gate.refused
        return {
            **self._rtsp.counters.limits_reached,
            Limit.RTSP_CONNECTIONS: rtsp["total"],
            Limit.RTSP_CONNECTIONS_PER_ADDRESS: rtsp["per_address"],
            Limit.HTTP_CONNECTIONS: http["total"],
            Limit.HTTP_CONNECTIONS_PER_ADDRESS: http["per_address"],
            Limit.DESCRIPTORS: rtsp["descriptors"] + http["descriptors"],
        }


# --- from the configuration to what runs


def _policy(stream: StreamConfig) -> StreamPolicy:
    return StreamPolicy(stream.on_demand, stream.linger_s, stream.give_up_after_s)


def _new_stream(name: str, stream: StreamConfig, dead_after_s: float) -> Stream:
    return Stream(
        name,
        dead_after_s=dead_after_s,
        link_bitrate_bps=stream.link_bitrate_bps or _encoder_bps(stream),
        skips_for_slow_readers=stream.slow_readers == "skip",
    )


def _encoder_bps(stream: StreamConfig) -> int:
    """The rate that we ask an encoder for; 0 where pictures come encoded and the rate has to be measured."""
    match stream:
        case FileStream() | DeviceStream(format="h264"):
            return 0
        case _:
            return stream.bitrate_bps


def _rtsp_settings(config: Config) -> RtspSettings:
    rtsp = config.rtsp
    return RtspSettings(
        transports=tuple(rtsp.transports),
        session_timeout_s=rtsp.session_timeout_s,
        max_sessions=rtsp.max_sessions,
        max_sessions_per_address=rtsp.max_sessions_per_address,
        max_connections=rtsp.max_connections,
        max_connections_per_address=rtsp.max_connections_per_address,
        setup_within_s=rtsp.setup_within_s,
        max_pending_describes=rtsp.max_pending_describes,
        max_header_bytes=rtsp.max_header_bytes,
        max_body_bytes=rtsp.max_body_bytes,
        udp_ports=(rtsp.udp_ports.first, rtsp.udp_ports.last),
        groups=_multicast_groups(config),
        dead_after_s=config.link.dead_after_s,
    )


def _multicast_groups(config: Config) -> Mapping[str, GroupAddress]:
    multicast = config.multicast
    places = group_places(multicast, config.streams)
    return {name: GroupAddress(*place, multicast.ttl, multicast.interface or "") for name, place in places.items()}


def _limits(config: Config) -> Mapping[str, LimitValue]:
    rtsp, http = config.rtsp, config.http
    return {
        Limit.SESSIONS: rtsp.max_sessions,
        Limit.SESSIONS_PER_ADDRESS: rtsp.max_sessions_per_address,
        Limit.RTSP_CONNECTIONS: rtsp.max_connections,
        Limit.RTSP_CONNECTIONS_PER_ADDRESS: rtsp.max_connections_per_address,
        Limit.SETUP_WITHIN: rtsp.setup_within_s,
        Limit.PENDING_DESCRIBES: rtsp.max_pending_describes,
        Limit.UDP_PORTS: rtsp.udp_ports.to_toml(),
        Limit.HTTP_CONNECTIONS: http.max_connections,
        Limit.HTTP_CONNECTIONS_PER_ADDRESS: http.max_connections_per_address,
        Limit.DESCRIPTORS: resource.getrlimit(resource.RLIMIT_NOFILE)[0],
        "rtsp.max_header_bytes": rtsp.max_header_bytes,
        "rtsp.max_body_bytes": rtsp.max_body_bytes,
        "rtsp.session_timeout_s": rtsp.session_timeout_s,
    }


def _login_rules(config: Config) -> LoginRules:
    algorithms = (Algorithm.MD5, Algorithm.SHA_256) if config.auth.sha256 else (Algorithm.MD5,)
    return LoginRules(config.users, algorithms, basic=config.auth.basic == "always")


def _authorizer_maker(config: Config) -> Callable[[], Authorizer]:
    if config.auth.anonymous or not config.users:
        return lambda: ALLOW_ALL
    rules = _login_rules(config)
    return lambda: LoginAuthorizer(rules, secrets.token_hex(16))


def _http_access(config: Config, failures: LoginFailures) -> HttpAccess:
    return HttpAccess(
        config.users,
        HttpAuthenticator(_login_rules(config), secrets.token_bytes(32)),
        failures,
        everybodys_role=_everybodys_role(config),
        monitoring_networks=config.auth.metrics_networks,
    )


def _everybodys_role(config: Config) -> Role | None:
    """Return what is allowed without logging in. Without users only this machine reaches the service (`config`)."""
    if config.auth.anonymous:
        return Role.VIEWER
    return None if config.users else Role.ADMIN


def _listen(listen: Callable[[str, int], tuple[str, int]], what: str, host: str, port: int) -> tuple[str, int]:
    try:
        return listen(host, port)
    except OSError as error:
        reason = error.strerror or str(error)
        raise OSError(
            f"cannot listen for {what} on {bracketed(host)}:{port}: {reason}; is another server running there? "
            f"(--{what.lower()} ADDR:PORT takes another address)"
        ) from None


def _raise_descriptor_limit() -> None:
    """Allow as many descriptors as the system lets us: a thousand viewers are a thousand sockets."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _shown_host(bound: str, reached: str) -> str:
    """Return the host for a URL: where everything is listened on, the name the client used or this machine's."""
    if bound in ("0.0.0.0", "::"):  # noqa: S104 - compared, not bound
        return reached or socket.gethostname()
    return bracketed(bound)


def _histogram(times: TimeHistogram) -> Histogram:
    counts, total = [], 0
    for count in times.counts:
        total += count
        counts.append(total)
    return Histogram((*times.bounds_s, float("inf")), tuple(counts), times.sum_s)
