"""A JPEG of the camera's next frame while the encoders go on.

The event loop only keeps the frame's buffer back (one of six); the JPEG is made in a thread of its own, and the answer
goes through the mailbox. One at a time. Used by `session`.
"""

import io
import threading
from dataclasses import dataclass
from itertools import count
from typing import Final

from edge_streamer.sources.picamera2.mailbox import Mailbox, SnapshotEnded
from edge_streamer.sources.picamera2.roles import Camera, CaptureJob

WITHIN_S: Final = 4.0
"""Shorter than the server's own time limit, so that the reply carries the source's reason."""


@dataclass(frozen=True, slots=True)
class _Pending:
    output: int
    serial: int
    until: float


class SnapshotTaker:
    """The snapshot that is being made, if there is one; `now` is CLOCK_MONOTONIC in seconds."""

    def __init__(self, camera: Camera, mailbox: Mailbox) -> None:
        self._camera = camera
        self._mailbox = mailbox
        self._serials = count()
        self._pending: _Pending | None = None

    def ask(self, output: int, now: float) -> bool:
        """Begin a snapshot of an output; False while another is being made."""
        if self._pending is not None:
            return False
        pending = self._pending = _Pending(output, next(self._serials), now + WITHIN_S)

        def save(job: CaptureJob) -> None:
            threading.Thread(target=self._save, args=(pending, job), name="snapshot", daemon=True).start()

        self._camera.capture(save)
        return True

    def accepts(self, event: SnapshotEnded) -> bool:
        """Return whether this answer belongs to the open request, and close the request."""
        if self._pending is None or event.serial != self._pending.serial:
            return False  # its time was over, and that was said
        self._pending = None
        return True

    def overdue(self, now: float) -> int | None:
        """Return the output whose snapshot took too long, once."""
        if self._pending is None or now < self._pending.until:
            return None
        output, self._pending = self._pending.output, None
        return output

    def _save(self, pending: _Pending, job: CaptureJob) -> None:
        jpeg = io.BytesIO()
        try:
            request = job.get_result()
            try:
                request.save(self._camera.stream_names[pending.output], jpeg, format="jpeg")
            finally:
                request.release()
        except Exception as error:  # noqa: BLE001  # the thread's boundary: a snapshot that fails costs no stream
            self._mailbox.post(SnapshotEnded(pending.output, pending.serial, reason=f"no JPEG: {error!r}"))
        else:
            self._mailbox.post(SnapshotEnded(pending.output, pending.serial, jpeg=jpeg.getvalue()))
