"""Put the stand-ins in front of picamera2, in the one process of the camera root that imports it.

Python imports a module of this name by itself when it starts. Nothing happens until `picamera2.source` is imported; the
server, which never imports it, runs as it is. So the product needs no hook for its test.
"""

import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import PathFinder


class _Picamera2Finder(MetaPathFinder):
    """Finds the real picamera2 once, and has the stand-ins installed around its first execution."""

    def find_spec(self, name, path=None, target=None):
        if name != "picamera2":
            return None
        sys.meta_path.remove(self)
        spec = PathFinder.find_spec(name, path)
        if spec is not None:
            spec.loader = _StandInLoader(spec.loader)
        return spec


class _StandInLoader(Loader):
    def __init__(self, real):
        self._real = real

    def create_module(self, spec):
        return self._real.create_module(spec)

    def exec_module(self, module):
        import camera_stand_ins

        camera_stand_ins.before_picamera2()
        self._real.exec_module(module)
        camera_stand_ins.after_picamera2()


sys.meta_path.insert(0, _Picamera2Finder())
