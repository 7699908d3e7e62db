"""The command line of a source process.

    python -m edge_streamer.sources KIND [--fd N] [--output JSON]... [--options JSON]

Exit status: 0 stopped or ended, 1 failed (the reason was reported), 2 wrong command line (one line says what). The
server starts it with `--fd`; without `--fd` it writes output 0 to standard output.
"""

import argparse
import signal
import sys
import traceback
from typing import Final, NoReturn, assert_never

from edge_streamer.protocol.source.request import (
    KINDS,
    CameraOptions,
    FileOptions,
    PatternOptions,
    Request,
    SlateOptions,
    V4l2Options,
    parse_request,
)
from edge_streamer.sources.ending import SourceError, SourceStopped
from edge_streamer.sources.link import Link, ServerLink
from edge_streamer.sources.pipe import PipeLink

FINISH_S: Final = 1.0
"""How long an ending source may take to deliver its last frames and its reason."""


class _OneLineParser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\n")


def main() -> int:
    """Run the source that the command line names and return its exit status."""
    request = _parse_arguments()
    _set_signals(is_child=request.fd is not None)
    link: Link
    if request.fd is not None:
        try:
            link = ServerLink(request.fd, len(request.outputs))
        except OSError as error:
            print(f"descriptor {request.fd} is no socket: {error.strerror}", file=sys.stderr)
            return 2
    elif sys.stdout.isatty():
        print("This writes H.264: pipe it, for example into `| ffplay -`, or `> clip.h264`.", file=sys.stderr)
        return 2
    else:
        link = PipeLink(sys.stdout.fileno())
    return _run(link, request)


def _parse_arguments() -> Request:
    parser = _OneLineParser(prog="edge_streamer.sources", description="Make H.264 and hand it to a server or a pipe.")
    parser.add_argument("kind", metavar="KIND", help=", ".join(KINDS))
    parser.add_argument("--fd", type=int, help="inherited end of a socketpair; without: Annex B to stdout")
    parser.add_argument("--output", action="append", default=[], metavar="JSON", help="one stream; repeat for more")
    parser.add_argument("--options", default="{}", metavar="JSON", help="the kind's own keys")
    arguments = parser.parse_args()
    try:
        return parse_request(arguments.kind, arguments.output, arguments.options, arguments.fd)
    except ValueError as error:
        parser.error(str(error))


def _set_signals(*, is_child: bool) -> None:
    """Reset SIGTERM to its default action, which ends even a source that hangs in a library. A child of the server
    ignores SIGINT: a terminal's Ctrl-C is for the server."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN if is_child else signal.SIG_DFL)


def _run(link: Link, request: Request) -> int:
    try:
        _run_kind(link, request)
    except SourceStopped:
        pass
    except SourceError as failure:
        return _fail(link, str(failure))
    except ImportError as error:
        return _fail(link, f"{_what_it_needs(request)}: {error}")
    except Exception as error:  # noqa: BLE001  # the program's boundary: the server is told why
        traceback.print_exc()
        return _fail(link, f"the source has a fault: {error!r}")
    link.finish(FINISH_S)
    return 0


def _run_kind(link: Link, request: Request) -> None:
    """Run a kind. It is imported here: a missing library is reported to the server, and the file source does not load
    the drawing code."""
    match request.options:
        case PatternOptions():
            from edge_streamer.sources.testpattern.source import run_test_pattern

            run_test_pattern(link, request.encoded)
        case FileOptions() as options:
            from edge_streamer.sources.file.source import run_file

            run_file(link, options)
        case CameraOptions() as options:
            from edge_streamer.sources.picamera2.source import run_picamera2

            run_picamera2(link, request.encoded, options)
        case V4l2Options() as options:
            from edge_streamer.sources.v4l2.source import run_v4l2

            run_v4l2(link, request.encoded, options)
        case SlateOptions() as options:
            from edge_streamer.sources.slate.source import run_slate

            run_slate(link, request.encoded[0], options)
        case _:
            assert_never(request.options)


def _what_it_needs(request: Request) -> str:
    if isinstance(request.options, CameraOptions):
        return "a picamera2 source needs picamera2 and libcamera (Raspberry Pi OS and Debian: python3-picamera2)"
    return "a source needs PyAV (Debian: python3-av; pip: edge-streamer[video])"


def _fail(link: Link, reason: str) -> int:
    link.send_note(0, event="failed", reason=reason)
    link.finish(FINISH_S)
    return 1


if __name__ == "__main__":
    sys.exit(main())
