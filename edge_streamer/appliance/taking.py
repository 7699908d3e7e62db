"""The steps that take a card: read it, keep what it says, write the service's configuration, overwrite secrets.

Their order makes a power cut harmless; each line says what a cut after it leaves:

    read_new_card         nothing was changed
    set_password          the password is in the file of users, and still on the card: it is set again, to the same
    keep_card             settings.json has everything, and says that the next two are due
    write_configuration   the service has the new configuration; written again, it is the same
    overwrite_secrets     some sectors of secrets are overwritten: `card_files` knows such a card, and goes on
    settle                nothing is due any more

So the service finds the old configuration or the new one, whole, at every instant.
"""

import hashlib
from typing import TYPE_CHECKING, Final

import msgspec

from edge_streamer import __version__
from edge_streamer.appliance.boot import Boot
from edge_streamer.appliance.card_files import (
    blanked,
    digest_of,
    is_same_card,
    overwrite_pieces,
    pieces_of,
    read_card_files,
)
from edge_streamer.appliance.durable import read_if_there, replace_file, replace_if_changed
from edge_streamer.appliance.password import apply_password, tidy_users
from edge_streamer.appliance.settings_store import Checked, kept_settings, save_kept
from edge_streamer.device.appliance_status import AppliedSetting, ConfigurationOrigin, IgnoredSetting

if TYPE_CHECKING:
    from edge_streamer.appliance.card import Card

CARD_NAME: Final = "edge-streamer.toml"
"""The file on the card that has the service's configuration."""
DEFAULT_CONFIGURATION: Final = b"# The default configuration: `edge-streamer check` prints all that is in effect.\n"
CONFIGURATION_MODE: Final = 0o644
"""It has no secret: the service's user reads it."""


def read_new_card(boot: Boot) -> None:
    """Read the card, unless it is the one that was taken before."""
    if not boot.mount.is_mounted:
        return
    boot.files = read_card_files(boot.paths.card)
    if not is_same_card(boot.files, boot.kept.card_digest, boot.kept.due):
        from edge_streamer.appliance.card import read_card

        boot.card = read_card(boot.paths.card)


def set_password(boot: Boot) -> None:
    """Set the admin's password: the card's, or one that is made for this device, if it has none."""
    if faulty := tidy_users(boot.paths.users):
        boot.problems.append(faulty)
    boot.initial_password = apply_password(boot.paths, boot.card.settings.password if boot.card else None)
    boot.is_password_set = True


def keep_card(boot: Boot) -> None:
    """Keep what the card says, and what is to be done with it.

    Where the password could not be set, or /data does not outlast the power, the secrets stay on the card, and it is
    taken again at the next boot.
    """
    if boot.card is None:
        return
    configuration, origin, mistakes = _adopted(boot, boot.card)
    is_safe = boot.is_password_set and boot.slot.keeps_data
    due = pieces_of(boot.files, boot.card.secrets) if is_safe else ()
    before = boot.kept.device_settings()
    lost = boot.card.lost_secrets(before, has_initial_password=boot.initial_password is not None)
    kept = msgspec.structs.replace(
        boot.kept,
        settings=kept_settings(boot.card.settings_after(before)),
        configuration=configuration,
        origin=origin,
        card_digest=digest_of(blanked(boot.files, due)) if is_safe else "",
        applied=tuple(AppliedSetting(file=each.file, key=each.key, text=each.text) for each in boot.card.applied),
        ignored=tuple(IgnoredSetting(file=each.file, key=each.key, reason=each.reason) for each in boot.card.ignored),
        mistakes=(*mistakes, *lost),
        configuration_is_due=origin == "card" or boot.kept.configuration_is_due,
        due=due,
    )
    save_kept(boot.paths.settings, kept)
    boot.kept = kept


def write_configuration(boot: Boot) -> None:
    """Write the configuration of the card for the service, if that is due; mend a file that the service cannot load."""
    file = boot.paths.configuration
    if boot.kept.configuration_is_due and boot.kept.configuration is not None:
        replace_if_changed(file, boot.kept.configuration.encode(), CONFIGURATION_MODE)
    boot.kept = msgspec.structs.replace(boot.kept, configuration_is_due=False)
    content = read_if_there(file)
    if content is None:
        content = DEFAULT_CONFIGURATION
        replace_file(file, content, CONFIGURATION_MODE)
    mistake = _check_for_service(boot, content)
    if mistake:
        boot.problems.append(f"{mistake} ({file.name} of the device; it is kept as {file.name}.faulty)")
        replace_file(file.with_name(f"{file.name}.faulty"), content, CONFIGURATION_MODE)
        _replace_faulty(boot)


def overwrite_secrets(boot: Boot) -> None:
    """Overwrite the secrets on the card that are kept now."""
    if not boot.kept.due:
        return
    if not is_same_card(boot.files, boot.kept.card_digest, boot.kept.due):
        raise ValueError("the files are not those that were kept")
    with boot.mount.writable():
        overwrite_pieces(boot.paths.card, boot.kept.due)
    boot.kept = msgspec.structs.replace(boot.kept, due=())


def settle(boot: Boot) -> None:
    """Keep what is done, so that the next boot does nothing."""
    save_kept(boot.paths.settings, boot.kept)


def _adopted(boot: Boot, card: "Card") -> tuple[str | None, ConfigurationOrigin, tuple[str, ...]]:
    """Return the configuration to keep, where it comes from, and the mistakes."""
    before = boot.kept.configuration
    not_adopted: ConfigurationOrigin = "default" if before is None else "last_good"
    if card.configuration is None:
        # The card has none to adopt. Without a mistake it says nothing of the configuration, which stays as it is.
        return before, not_adopted if card.mistakes else boot.kept.origin, card.mistakes
    from edge_streamer.appliance.configuration import mistake_in

    mistake, _ = mistake_in(card.configuration.encode(), CARD_NAME, boot.paths)
    if mistake:
        told = mistake if mistake.startswith(CARD_NAME) else f"{CARD_NAME}: {mistake}"
        return before, not_adopted, (*card.mistakes, *([told] if told not in card.mistakes else []))
    return card.configuration, "card", card.mistakes


def _check_for_service(boot: Boot, content: bytes) -> str:
    """Return the mistake in the service's file, empty if there is none: then note its streams, for later boots too."""
    sha256 = hashlib.sha256(content).hexdigest()
    checked = boot.kept.checked
    if checked is None or (checked.version, checked.sha256) != (__version__, sha256):
        from edge_streamer.appliance.configuration import mistake_in

        mistake, streams = mistake_in(content, boot.paths.configuration.name, boot.paths)
        if mistake:
            return mistake
        checked = Checked(version=__version__, sha256=sha256, streams=streams)
        boot.kept = msgspec.structs.replace(boot.kept, checked=checked)
    boot.streams = checked.streams
    return ""


def _replace_faulty(boot: Boot) -> None:
    """Replace the service's file by the last good one, or by the default if that has become faulty too."""
    last_good = [] if boot.kept.configuration is None else [boot.kept.configuration.encode()]
    for content in (*last_good, DEFAULT_CONFIGURATION):
        if not _check_for_service(boot, content):
            replace_file(boot.paths.configuration, content, CONFIGURATION_MODE)
            return
