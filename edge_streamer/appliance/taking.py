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

from typing import Final

import msgspec

from edge_streamer.appliance.boot import Boot
from edge_streamer.appliance.card import Card, read_card
from edge_streamer.appliance.card_files import (
    blanked,
    digest_of,
    is_same_card,
    overwrite_pieces,
    pieces_of,
    read_card_files,
)
from edge_streamer.appliance.configuration import DEFAULT_CONFIGURATION, check_configuration
from edge_streamer.appliance.durable import read_if_there, replace_file, replace_if_changed
from edge_streamer.appliance.password import apply_password, tidy_users
from edge_streamer.appliance.settings_store import kept_settings, save_kept
from edge_streamer.config.config import Config
from edge_streamer.config.profiles import Profile
from edge_streamer.config.toml import ConfigError
from edge_streamer.device.appliance_status import AppliedSetting, ConfigurationOrigin, IgnoredSetting

CARD_NAME: Final = "edge-streamer.toml"
"""The file on the card that has the service's configuration."""
CONFIGURATION_MODE: Final = 0o644
"""It has no secret: the service's user reads it."""


def read_new_card(boot: Boot) -> None:
    """Read the card, unless it is the one that was taken before."""
    if not boot.mount.is_mounted:
        return
    boot.files = read_card_files(boot.paths.card)
    if not is_same_card(boot.files, boot.kept.card_digest, boot.kept.due):
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
    kept = msgspec.structs.replace(
        boot.kept,
        settings=kept_settings(boot.card.settings_after(boot.kept.device_settings())),
        configuration=configuration,
        origin=origin,
        card_digest=digest_of(blanked(boot.files, due)) if is_safe else "",
        applied=tuple(AppliedSetting(file=each.file, key=each.key, text=each.text) for each in boot.card.applied),
        ignored=tuple(IgnoredSetting(file=each.file, key=each.key, reason=each.reason) for each in boot.card.ignored),
        mistakes=(*mistakes, *boot.card.lost_secrets(boot.kept.device_settings())),
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
    profile = boot.profile()
    content = read_if_there(file)
    if content is None:
        content = DEFAULT_CONFIGURATION.encode()
        replace_file(file, content, CONFIGURATION_MODE)
    try:
        boot.streams = tuple(_check(boot, content, file.name, profile).streams)
    except ConfigError as error:
        boot.problems.append(f"{error} ({file.name} of the device; it is kept as {file.name}.faulty)")
        replace_file(file.with_name(f"{file.name}.faulty"), content, CONFIGURATION_MODE)
        boot.streams = _replace_faulty(boot, profile)


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


def _adopted(boot: Boot, card: Card) -> tuple[str | None, ConfigurationOrigin, tuple[str, ...]]:
    """Return the configuration to keep, where it comes from, and the mistakes."""
    before = boot.kept.configuration
    not_adopted: ConfigurationOrigin = "default" if before is None else "last_good"
    if card.configuration is None:
        # The card has none to adopt. Without a mistake it says nothing of the configuration, which stays as it is.
        return before, not_adopted if card.mistakes else boot.kept.origin, card.mistakes
    try:
        _check(boot, card.configuration.encode(), CARD_NAME, boot.profile())
    except ConfigError as error:
        said = str(error)
        mistake = said if said.startswith(CARD_NAME) else f"{CARD_NAME}: {said}"
        return before, not_adopted, (*card.mistakes, *([mistake] if mistake not in card.mistakes else []))
    return card.configuration, "card", card.mistakes


def _check(boot: Boot, content: bytes, name: str, profile: Profile) -> Config:
    return check_configuration(content, name, boot.paths, profile)


def _replace_faulty(boot: Boot, profile: Profile) -> tuple[str, ...]:
    """Replace the service's file by the last good one, or by the default if that has become faulty too."""
    for text in (boot.kept.configuration, DEFAULT_CONFIGURATION):
        try:
            config = _check(boot, text.encode(), boot.paths.configuration.name, profile) if text is not None else None
        except ConfigError:
            continue
        if text is not None and config is not None:
            replace_file(boot.paths.configuration, text.encode(), CONFIGURATION_MODE)
            return tuple(config.streams)
    return ()
