"""Runs the service from its start to its exit code: sets up the process (log, garbage collector), `App` and its loop.

    0  the service ended on a signal
    1  it could not run, because an address cannot be listened on; standard error says which

Called by `cli`, which defines the exit code for a wrong configuration.
"""

import gc
import logging
import os
import sys
from collections.abc import Callable, Iterator
from typing import Final

from edge_streamer.app.app import App
from edge_streamer.app.reload_plan import InEffect
from edge_streamer.app.reload_reader import Loaded
from edge_streamer.config.config import Config
from edge_streamer.device.settings import DeviceSettings
from edge_streamer.device.status_led import StatusLed
from edge_streamer.device.systemd import NO_SOCKETS, Sockets
from edge_streamer.logs.journal import new_log_handler
from edge_streamer.runtime.loop import Loop

log = logging.getLogger(__name__)

EXIT_OK: Final = 0
EXIT_CANNOT_RUN: Final = 1
GC_THRESHOLD: Final = (20_000, 50, 100)
"""Frames and viewers leave no reference cycles, only faults and reloads do. Python's default, a collection every 700
objects, would add 4 % to the CPU time of one viewer."""


def run(
    load: Callable[[], Loaded],
    *,
    inherited: Sockets = NO_SOCKETS,
    log_level: str = "info",
    led: StatusLed | None = None,
) -> int:
    """Serve what `load` reads, now and at each reload, until SIGTERM or SIGINT; return the exit code.

    ConfigError when the configuration has a mistake at the start. A service listens on the sockets that `inherited`
    (from systemd) has under its name, if any, and not on its configured addresses. Its state is shown on `led`.
    """
    config, sources = load()
    _set_up_logging(log_level)
    for warning in warnings_at_start(config):
        log.warning("%s", warning)
    loop = Loop()
    app = App(loop, InEffect.from_start(config, sources), load, inherited, led)
    try:
        app.start()
    except OSError as error:
        print(f"edge-streamer: {error}", file=sys.stderr)
        app.close()
        return EXIT_CANNOT_RUN
    app.print_welcome()
    gc.collect()
    gc.freeze()  # the objects made so far live until the end: no collection need look at them
    gc.set_threshold(*GC_THRESHOLD)
    loop.run()
    app.close()
    return EXIT_OK


def warnings_at_start(config: Config) -> Iterator[str]:
    """Yield, a line each, what of the configuration is allowed and probably not meant."""
    if config.users.warning:
        yield config.users.warning
    if config.device != DeviceSettings():
        yield "[device] has no effect here: only the device image applies it, from edge-streamer.toml on its card"


def _set_up_logging(level: str) -> None:
    """Log to standard error. If it was closed when the process started (`sys.stderr` is None), nothing is logged: its
    descriptor number may belong to another file by now."""
    logging.basicConfig(level=level.upper(), handlers=[new_log_handler(sys.stderr, os.environ)])
