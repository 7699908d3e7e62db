"""Modules that picamera2 imports at start and a streaming service never calls: a display, process titles, raw files."""

import sys
from types import ModuleType


class _AnyName:
    """picamera2 builds a table of KMS pixel formats when it is imported; no one looks into it."""

    def __getattr__(self, name):
        return name


def install():
    _add("pykms", PixelFormat=_AnyName())
    _add("prctl")
    _add("pidng")
    _add("pidng.camdefs", Picamera2Camera=object)
    _add("pidng.core", PICAM2DNG=object)


def _add(name, **members):
    module = ModuleType(name)
    vars(module).update(members)
    sys.modules[name] = module
