"""The command line: argv -> Config -> `app.run.run()`, `check`, `probe`, `info` and `user`; exit codes.

    0  done, or the service ended as it was told to
    1  the service could not run (`app.run` says why)
    2  the command line or the configuration is wrong: one line on standard error says what and what to do

Only `serve` imports `app.run`, so that the others work on a machine where the service could not start.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

from edge_streamer import __version__
from edge_streamer.accounts.users import UserError
from edge_streamer.app.source_plan import PlannedSource, plan_sources
from edge_streamer.cli.users import add_user_commands
from edge_streamer.config.config import Config
from edge_streamer.config.encoder_limits import check_encoders
from edge_streamer.config.load import Overrides, load_config
from edge_streamer.config.profiles import Profile, select_profile
from edge_streamer.config.toml import ConfigError
from edge_streamer.device.board import read_board
from edge_streamer.device.cameras import find_cameras
from edge_streamer.device.status_led import StatusLed
from edge_streamer.device.systemd import NO_SOCKETS, Sockets, inherited_sockets
from edge_streamer.runtime.address import ListenAddress

EXIT_OK: Final = 0
EXIT_USAGE: Final = 2
LOG_LEVELS: Final = ("debug", "info", "warning", "error")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command in `argv` (the process's own if None) and return its exit code."""
    arguments = command_line_parser().parse_args(argv)
    try:
        return int(arguments.command(arguments))
    except (ConfigError, UserError) as error:
        print(f"edge-streamer: {error}", file=sys.stderr)
        return EXIT_USAGE


def _serve(arguments: argparse.Namespace) -> int:
    inherited = _inherited()
    from edge_streamer.app.run import run

    load = partial(_load_all, arguments, inherited)
    return run(load, inherited=inherited, log_level=arguments.log_level, led=_led(arguments))


def _load_all(arguments: argparse.Namespace, inherited: Sockets) -> tuple[Config, tuple[PlannedSource, ...]]:
    """Return the configuration and the sources to run; ConfigError when they cannot run here."""
    profile = _profile(arguments)
    config = _load(arguments, profile, inherited)
    return config, _plan(config, profile)


def _check(arguments: argparse.Namespace) -> int:
    profile = _profile(arguments)
    config = _load(arguments, profile)
    _plan(config, profile)
    _print(f"# The effective configuration, with the hardware profile {profile.name}.\n\n{config.to_toml()}")
    if config.users.warning:
        print(f"edge-streamer: warning: {config.users.warning}", file=sys.stderr)
    return EXIT_OK


def _probe(arguments: argparse.Namespace) -> int:
    from edge_streamer.cli.probe import probe

    report = probe()
    _print(f"{report.to_json() if arguments.json else report.to_text()}\n")
    return EXIT_OK


def _info(arguments: argparse.Namespace) -> int:
    from edge_streamer.cli.info import to_text
    from edge_streamer.device.info import read_device_info

    info = read_device_info()
    _print(f"{info.to_json() if arguments.json else to_text(info)}\n")
    return EXIT_OK


def _print(text: str) -> None:
    """Write to standard output; a reader that closes the pipe early (`| head`) is no error."""
    try:
        print(text, end="", flush=True)
    except BrokenPipeError:
        # Python flushes the rest of the buffer at exit, which would fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _profile(arguments: argparse.Namespace) -> Profile:
    return select_profile(arguments.profile, read_board())


def _led(arguments: argparse.Namespace) -> StatusLed | None:
    led = _profile(arguments).led
    return None if led is None else StatusLed(Path(led.path))


def _inherited() -> Sockets:
    """Return the listening sockets that systemd passed to this process, if any."""
    try:
        return inherited_sockets()
    except OSError as error:
        raise ConfigError(str(error)) from None


def _load(arguments: argparse.Namespace, profile: Profile, inherited: Sockets = NO_SOCKETS) -> Config:
    addresses = {
        name: tuple(ListenAddress(*each.getsockname()[:2]) for each in sockets) for name, sockets in inherited.items()
    }
    overrides = Overrides(arguments.rtsp, arguments.http, addresses)
    return load_config(arguments.config, profile=profile, overrides=overrides)


def _plan(config: Config, profile: Profile) -> tuple[PlannedSource, ...]:
    """Decide which sources feed the streams; ConfigError when a camera or the board's encoder cannot."""
    sources = plan_sources(config.streams, config.cameras, find_cameras(), profile.encoder)
    check_encoders({name: stream for source in sources for name, stream in source.streams.items()}, profile)
    return sources


def command_line_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands, which the manual page is written from as well."""
    parser = argparse.ArgumentParser(prog="edge-streamer", description="Serve a camera's H.264 to many RTSP viewers.")
    parser.add_argument("--version", action="version", version=f"edge-streamer {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    serve = commands.add_parser("serve", help="run the service", description="Run the service.")
    _add_configuration(serve)
    serve.add_argument("--rtsp", metavar="ADDR:PORT", help="listen here for RTSP instead of rtsp.listen")
    serve.add_argument("--http", metavar="ADDR:PORT", help="listen here for HTTP instead of http.listen")
    serve.add_argument("--log-level", choices=LOG_LEVELS, default="info", help="what to log (default: info)")
    serve.set_defaults(command=_serve)

    check = commands.add_parser("check", help="check a configuration and print what would be in effect")
    _add_configuration(check)
    check.set_defaults(command=_check, rtsp=None, http=None)

    probe = commands.add_parser("probe", help="print the board, its devices and what would run")
    probe.add_argument("--json", action="store_true", help="print JSON")
    probe.set_defaults(command=_probe)

    info = commands.add_parser("info", help="print model, serial number, version, slot, storage and clock")
    info.add_argument("--json", action="store_true", help="print JSON")
    info.set_defaults(command=_info)

    add_user_commands(commands)
    return parser


def _add_configuration(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", metavar="FILE", type=Path, help="the configuration, TOML (default: none)")
    parser.add_argument("--profile", metavar="NAME", help="the hardware profile (default: the one for this board)")
