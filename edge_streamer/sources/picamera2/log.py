"""What libcamera and picamera2 write to standard error: warnings and errors, one line each, or nothing.

Called before libcamera is imported, which reads its environment once: by `source` and `list`.
"""

import logging
import os
import sys


class _OneLineFormatter(logging.Formatter):
    """Without the traceback, which the thread's own end prints."""

    def format(self, record: logging.LogRecord) -> str:
        cause = f": {record.exc_info[1]!r}" if record.exc_info else ""
        text = " ".join(record.getMessage().split())
        return f"{record.name} {record.levelname.lower()}: {text}{cause}"


def quieten() -> None:
    """Let warnings and errors through; the variable LIBCAMERA_LOG_LEVELS, where it is set, decides instead."""
    os.environ.setdefault("LIBCAMERA_LOG_LEVELS", "*:WARN")
    os.environ.setdefault("LIBCAMERA_LOG_NO_COLOR", "1")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_OneLineFormatter())
    _set_picamera2_log(handler)


def silence() -> None:
    """Let nothing through."""
    os.environ["LIBCAMERA_LOG_LEVELS"] = "*:FATAL"
    _set_picamera2_log(logging.NullHandler())


def _set_picamera2_log(handler: logging.Handler) -> None:
    log = logging.getLogger("picamera2")
    log.handlers = [handler]
    log.setLevel(logging.WARNING)
    log.propagate = False
