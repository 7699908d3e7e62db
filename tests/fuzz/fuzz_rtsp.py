"""Fuzz the RTSP server: `python -m tests.fuzz.fuzz_rtsp [corpus directory]...`, with atheris installed.

The property is the one of tests/protocol/rtsp/test_properties.py: any bytes are parsed or refused, never raised for,
and mean the same whole and byte by byte. tests/protocol replays the corpus without atheris.
"""

import sys

import atheris

with atheris.instrument_imports(include=["edge_streamer"]):
    from tests.support.rtsp.harness import check_bytes


def check(data: bytes) -> None:
    """Raise when a property breaks; atheris keeps the input."""
    check_bytes(data)


def main() -> None:
    """Run until a property breaks."""
    atheris.Setup(sys.argv, check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
