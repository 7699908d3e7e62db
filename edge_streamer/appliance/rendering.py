"""What the rest of the system reads, made anew in /run at each boot: host name, network, keys of SSH, time zone."""

from pathlib import Path
from typing import Final

from edge_streamer.appliance.boot import Boot
from edge_streamer.appliance.durable import remove_leftover, replace_file
from edge_streamer.appliance.network_files import SECRET_FILES, rendered

LOCAL_TIME: Final = "edge_streamer-appliance/localtime"
"""Below /run: what /etc/localtime of the image is a link to. Without a time zone it is not there, which means UTC."""
_ZONES: Final = Path("/usr/share/zoneinfo")


def set_host_name(boot: Boot) -> None:
    """Give the kernel the host name: the root's /etc/hostname is the same on every device."""
    boot.paths.host_name.write_text(boot.host_name)


def render_files(boot: Boot) -> None:
    """Write the files of the network. /run is empty at each boot, so none of a boot before is left."""
    files = rendered(boot.kept.device_settings(), boot.host_name, stream=boot.streams[0] if boot.streams else "main")
    for name, text in files.items():
        path = boot.paths.run / name
        _make_folders(path.parent, boot.paths.run)
        replace_file(path, text.encode(), mode=0o600 if name in SECRET_FILES else 0o644)


def set_time_zone(boot: Boot) -> None:
    """Let /etc/localtime, which is a link, lead to the zone of the settings."""
    zone = boot.kept.device_settings().time_zone
    link = boot.paths.run / LOCAL_TIME
    _make_folders(link.parent, boot.paths.run)
    remove_leftover(link)
    if zone is not None:
        link.symlink_to(_ZONES / zone)


def _make_folders(folder: Path, run: Path) -> None:
    """Make the folders below /run that are missing, readable for all whatever the unit's umask is."""
    missing = [each for each in (folder, *folder.parents) if each.is_relative_to(run) and not each.exists()]
    for each in reversed(missing):
        each.mkdir(mode=0o755)
        each.chmod(0o755)
