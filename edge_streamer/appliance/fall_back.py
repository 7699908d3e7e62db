"""`python3 -m edge_streamer.appliance fall-back`: the service could not start with the card's configuration.

At boot a configuration is checked before the cameras are there, so a mistake that only the hardware shows (more than
the encoder makes, say) is found by the service itself: it ends, and systemd starts this program
(edge_streamer-fall-back.service). The configuration before the card's is in effect again, and the mistake is told where
those of the boot are.
"""

import sys
from typing import Final

import msgspec

from edge_streamer.appliance.commands import Run
from edge_streamer.appliance.durable import read_if_there, replace_file
from edge_streamer.appliance.paths import Paths
from edge_streamer.appliance.publishing import write_status
from edge_streamer.appliance.settings_store import Kept, load_kept, save_kept
from edge_streamer.appliance.taking import CARD_NAME, CONFIGURATION_MODE, DEFAULT_CONFIGURATION
from edge_streamer.device.appliance_status import read_appliance_status

UNIT: Final = "edge_streamer.service"
_SAID_BY: Final = "edge-streamer: "
"""What the command line puts before a mistake."""


def fall_back(paths: Paths, run: Run) -> int:
    """Return the exit code: 0 when the service was started with the configuration before, or has no mistake in its own;
    1 when there is nothing to fall back to. OSError when the service cannot be started."""
    mistake = _mistake_of_service(paths, run)
    if not mistake:
        print("the service's configuration has no mistake: it ended for another reason", file=sys.stderr)
        return 0
    kept = load_kept(paths.settings)
    if kept.origin != "card" or kept.configuration is None:
        print(f"{mistake}; no configuration of the card is in effect, so there is none to fall back from")
        return 1
    _restore(paths, _without_card(kept, f"{CARD_NAME}: {mistake}"))
    run(["systemctl", "reset-failed", UNIT])
    run(["systemctl", "start", "--no-block", UNIT])
    run(["systemctl", "restart", "--no-block", "edge_streamer-announce.service"])
    return 0


def _mistake_of_service(paths: Paths, run: Run) -> str:
    """Return what `check` says of the configuration on this hardware, empty if nothing."""
    try:
        run(["edge-streamer", "check", "--config", str(paths.configuration)])
    except OSError as error:
        return str(error).replace(_SAID_BY, "")
    return ""


def _without_card(kept: Kept, mistake: str) -> Kept:
    """Return what is kept instead: also the next boot writes the configuration before the card's, if power goes now."""
    return msgspec.structs.replace(
        kept,
        configuration=kept.configuration_before,
        configuration_before=None,
        origin="default" if kept.configuration_before is None else "last_good",
        mistakes=(*kept.mistakes, mistake),
        configuration_is_due=kept.configuration_before is not None,
    )


def _restore(paths: Paths, kept: Kept) -> None:
    save_kept(paths.settings, kept)
    refused = read_if_there(paths.configuration)
    if refused is not None:
        replace_file(paths.configuration.with_name(f"{paths.configuration.name}.faulty"), refused, CONFIGURATION_MODE)
    content = DEFAULT_CONFIGURATION if kept.configuration is None else kept.configuration.encode()
    replace_file(paths.configuration, content, CONFIGURATION_MODE)
    save_kept(paths.settings, msgspec.structs.replace(kept, configuration_is_due=False))
    status = read_appliance_status(paths.status)
    if status is not None:
        told = msgspec.structs.replace(
            status, configuration=kept.origin, mistakes=(*status.mistakes, kept.mistakes[-1])
        )
        write_status(paths, told)
