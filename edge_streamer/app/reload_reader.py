"""One reload at a time: reads the configuration in a thread, and hands the result to the loop.

Reading may block on a slow or broken SD card, and the loop must not block. Called by `app` for SIGHUP and for
`POST /api/v1/reload`; `reload_plan` decides what a reload changes, and `app` does it.
"""

import logging
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from edge_streamer.app.in_thread import call_in_thread
from edge_streamer.app.source_plan import PlannedSource
from edge_streamer.config.config import Config
from edge_streamer.config.toml import ConfigError
from edge_streamer.logs.events import ConfigurationReloaded, ReloadRefused, log_event
from edge_streamer.runtime.loop import Loop
from edge_streamer.services.status import OnReloaded, ReloadOutcome

log = logging.getLogger(__name__)

Loaded: TypeAlias = tuple[Config, Sequence[PlannedSource]]

_FAULT: Final = "a fault of the service, whose traceback is in the log: the configuration may be in effect in part"


class Reloader:
    """Runs reloads one after the other. `load` reads the configuration, in a thread, and raises ConfigError for a
    mistake; `apply` puts it into effect, on the loop."""

    def __init__(self, loop: Loop, load: Callable[[], Loaded], apply: Callable[[Loaded], ReloadOutcome]) -> None:
        self._loop = loop
        self._load = load
        self._apply = apply
        self._asked: list[OnReloaded] = []
        self._is_reading = False

    def reload(self, on_done: OnReloaded) -> None:
        """Reload, and call `on_done` in a later turn. A request that comes while a reload is under way gets another
        reload after it: the file may have been changed after it was read."""
        self._asked.append(on_done)
        if not self._is_reading:
            self._begin()

    def _begin(self) -> None:
        asked, self._asked = self._asked, []
        self._is_reading = True
        call_in_thread(self._loop, "reload", self._read, lambda loaded: self._finish(loaded, asked))

    def _read(self) -> Loaded | ConfigError:
        """In the thread."""
        try:
            return self._load()
        except ConfigError as error:
            return error
        except Exception as error:
            log.exception("the configuration could not be read")
            return ConfigError(f"the configuration could not be read: {type(error).__name__}")

    def _finish(self, loaded: Loaded | ConfigError, asked: list[OnReloaded]) -> None:
        self._is_reading = False
        if self._asked:
            self._begin()
        outcome = ReloadOutcome(error=_FAULT)
        try:
            outcome = ReloadOutcome(error=str(loaded)) if isinstance(loaded, ConfigError) else self._apply(loaded)
        finally:  # the loop counts the fault; systemd and the client, which wait for the end, hear of it all the same
            _tell(outcome, asked)


def _tell(outcome: ReloadOutcome, asked: Sequence[OnReloaded]) -> None:
    if outcome.error:
        log_event(log, ReloadRefused(detail=outcome.error))
    else:
        log_event(log, ConfigurationReloaded(streams=outcome.changed, needs_restart=outcome.needs_restart))
    for on_done in asked:
        on_done(outcome)
