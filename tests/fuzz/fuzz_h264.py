"""Fuzz what reads H.264: `python -m tests.fuzz.fuzz_h264 [corpus directory]...`, with atheris installed.

The properties are those of tests/support/access_unit_check.py; tests/codec replays the corpus without atheris.
"""

import sys

import atheris

with atheris.instrument_imports(include=["edge_streamer"]):
    from tests.support.access_unit_check import check_access_unit


def main() -> None:
    """Run until a property breaks; atheris keeps the input."""
    atheris.Setup(sys.argv, check_access_unit)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
