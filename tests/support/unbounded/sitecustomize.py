"""Have libx264's SPS lack its bitstream_restriction, as the SPS of many hardware encoders does.

Python imports a module of this name by itself when it starts. Nothing happens until a source imports the encoder.
"""

import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import PathFinder

ENCODER = "edge_streamer.sources.encoding.x264"


class _EncoderFinder(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name != ENCODER:
            return None
        sys.meta_path.remove(self)
        spec = PathFinder.find_spec(name, path)
        spec.loader = _UnboundingLoader(spec.loader)
        return spec


class _UnboundingLoader(Loader):
    def __init__(self, real):
        self._real = real

    def create_module(self, spec):
        return self._real.create_module(spec)

    def exec_module(self, module):
        self._real.exec_module(module)
        from tests.support.unbounded.unbounding import unbounded_access_unit

        encode = module.X264Encoder.encode

        def encode_unbounded(self, *arguments, **options):
            data, is_key_frame = encode(self, *arguments, **options)
            return unbounded_access_unit(data) if is_key_frame else data, is_key_frame

        module.X264Encoder.encode = encode_unbounded


sys.meta_path.insert(0, _EncoderFinder())
