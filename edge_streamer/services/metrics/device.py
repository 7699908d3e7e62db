"""The metric families of the device itself: which it is, its storage, its clock, its settings. A part of `table`.

A fleet is told apart by the labels of `device_info`: one series a device, which changes only when the device gets
another version, slot or kernel.
"""

from collections.abc import Iterable
from typing import Final

from edge_streamer.device.info import DeviceInfo, ImageFacts
from edge_streamer.device.storage import Storage
from edge_streamer.services.metrics.families import Sample, Samples, StatusFamily, counter, gauge, if_known, info
from edge_streamer.services.status import ServiceStatus

_LABELS: Final = ("model", "serial", "version", "image_slot", "image", "board", "kernel")
_NO_IMAGE: Final = ImageFacts()


def _device_info(status: ServiceStatus) -> Iterable[Sample]:
    device = status.device
    if device.kernel is None:
        return []  # nothing has been read yet: a series without labels would only be gone a moment later
    image = device.image or _NO_IMAGE
    labels = (device.model, device.serial, device.version, device.slot, image.version, image.board, device.kernel)
    return [(tuple(label or "" for label in labels), 1)]


def _life_used(status: ServiceStatus) -> Iterable[Sample]:
    return [((wear.device,), wear.life_used_ratio) for wear in status.device.wear if wear.life_used_ratio is not None]


def _free_bytes(storage: Storage | None) -> float | None:
    return None if storage is None else storage.free_bytes


def _total_bytes(storage: Storage | None) -> float | None:
    return None if storage is None else storage.total_bytes


def _written_bytes(storage: Storage | None) -> float | None:
    return None if storage is None else storage.written_bytes


def _has_initial_password(device: DeviceInfo) -> float | None:
    return None if device.card is None else device.card.has_initial_password


def _mistakes(device: DeviceInfo) -> float | None:
    return None if device.card is None else len(device.card.mistakes)


DEVICE_FAMILIES: Final[tuple[StatusFamily, ...]] = (
    info(
        "device_info",
        "The device and what runs on it; a label is empty where it is unknown, as image and image_slot without a "
        "device image.",
        Samples(_LABELS, _device_info),
    ),
    gauge(
        "device_uptime_seconds",
        "Time since the device was started; absent where it is unknown.",
        if_known(lambda status: status.device.uptime_s),
    ),
    gauge(
        "clock_synchronised",
        "Whether the clock follows a time source: 1 or 0; absent where nobody knows.",
        if_known(lambda status: status.device.clock_synchronised),
    ),
    gauge(
        "storage_size_bytes",
        "Size of the data partition, without a device image of the file system that has /var.",
        if_known(lambda status: _total_bytes(status.device.storage)),
    ),
    gauge(
        "storage_free_bytes",
        "Free space on it.",
        if_known(lambda status: _free_bytes(status.device.storage)),
    ),
    counter(
        "storage_written_bytes_total",
        "Bytes written to the data partition since it was made, as ext4 counts them; absent elsewhere.",
        if_known(lambda status: _written_bytes(status.device.storage)),
    ),
    gauge(
        "storage_life_used_ratio",
        "Share of its life time that an eMMC module has used, upper end of a tenth, 1.1 beyond it; absent for SD cards "
        "and disks, which do not tell.",
        Samples(("device",), _life_used),
    ),
    gauge(
        "device_initial_password",
        "Whether the password that the device made for itself is still in use: 1 or 0; absent without a device image.",
        if_known(lambda status: _has_initial_password(status.device)),
    ),
    gauge(
        "device_settings_mistakes",
        "Mistakes that the last start found in the settings on the card; absent without a device image.",
        if_known(lambda status: _mistakes(status.device)),
    ),
)
