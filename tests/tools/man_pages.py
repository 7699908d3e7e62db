"""The manual pages of the Debian package: edge-streamer(1) from the command line's parser, edge-streamer.toml(5) from
the structs that the configuration is made of.

`tests/docs/test_man_pages.py` fails when `docs/man` has anything else. Regenerate with
`python -m tests.tools.man_pages`.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from msgspec import NODEFAULT, Struct, inspect

from edge_streamer.cli.main import command_line_parser
from edge_streamer.config.toml import allowed, description, write_value
from edge_streamer.services.marks import extra_of, fields_of
from tests.tools.configuration_docs import TABLES

FOLDER: Final = Path(__file__).parents[2] / "docs" / "man"
_COMMANDS_END: Final = r"""
.SH EXIT STATUS
.TP
.B 0
The command is done, or the service ended as it was told to.
.TP
.B 1
The service could not run; the log says why.
.TP
.B 2
The command line or the configuration is wrong; one line on standard error says what, and what to do.
.SH FILES
.TP
.I /etc/edge_streamer/edge_streamer.toml
The configuration of the packaged service: \fBedge\-streamer.toml\fR(5).
.TP
.I /etc/edge_streamer/users
The users who may log in: \fBedge\-streamer user add\fR.
.TP
.I /usr/share/doc/edge\-streamer
What the service reports and what to do about it, and examples for Prometheus, Grafana and nginx.
.SH SEE ALSO
.BR edge\-streamer.toml (5),
.BR systemctl (1),
.BR journalctl (1)
"""
_TOML_BEGIN: Final = r""".TH EDGE\-STREAMER.TOML 5 "" edge_streamer
.SH NAME
edge\-streamer.toml \- configuration of the camera service
.SH DESCRIPTION
The file is TOML. Keys that it does not set have the defaults below; without any file the service has two streams,
\fImain\fR and \fIsub\fR, of the camera if there is one.
.PP
.B edge\-streamer check \-\-config
.I FILE
says of each mistake where it is and what is allowed, and prints what would be in effect.
.B systemctl reload edge_streamer
applies a changed file; sessions of unchanged streams go on.
"""
_TOML_END: Final = r""".SH EXAMPLE
.nf
[streams.main]
width = 1920
height = 1080
fps = 25
bitrate_bps = 4000000
.fi
.SH SEE ALSO
.BR edge\-streamer (1)
"""


def render_all() -> dict[str, str]:
    """Return each page's text by the name of its file."""
    return {"edge-streamer.1": _commands_page(), "edge-streamer.toml.5": _configuration_page()}


def main() -> None:
    """Write the pages."""
    FOLDER.mkdir(exist_ok=True)
    for name, text in render_all().items():
        (FOLDER / name).write_text(text)


def _commands_page() -> str:
    parser = command_line_parser()
    head = (
        '.TH EDGE\\-STREAMER 1 "" edge_streamer\n.SH NAME\n'
        "edge\\-streamer \\- serve a camera by RTSP to recorders and players\n.SH SYNOPSIS\n"
        ".B edge\\-streamer\n.I COMMAND\n[\\fIOPTION\\fR]...\n.SH DESCRIPTION\n"
    )
    sections = "".join(_command(each, text) for each, text in _commands(parser))
    return f"{head}{_roff(parser.description or '')}\n.SH COMMANDS\n{sections}{_COMMANDS_END.lstrip()}"


def _commands(parser: argparse.ArgumentParser) -> Iterator[tuple[argparse.ArgumentParser, str]]:
    """Yield the parser and the help of each command that has none below it."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            texts = {choice.dest: choice.help or "" for choice in action._choices_actions}
            for name, below in action.choices.items():
                deeper = list(_commands(below))
                yield from deeper or [(below, texts.get(name, ""))]


def _command(parser: argparse.ArgumentParser, text: str) -> str:
    """Return a command, what it does, and its options."""
    lines = [f".SS {_roff(parser.prog)}", _roff(_sentence(parser.description or text))]
    for action in parser._actions:
        if isinstance(action, argparse._HelpAction):
            continue
        names = ", ".join(f"\\fB{_roff(name)}\\fR" for name in action.option_strings)
        value = "" if action.nargs == 0 else f"\\fI{_roff(_value_name(action))}\\fR"
        lines += [".TP", " ".join(part for part in (names, value) if part), _roff(_sentence(action.help or ""))]
    return "\n".join(lines) + "\n"


def _value_name(action: argparse.Action) -> str:
    if isinstance(action.metavar, str):
        return action.metavar
    return "|".join(map(str, action.choices)) if action.choices else action.dest.upper()


def _configuration_page() -> str:
    tables = "".join(_table(title, struct_type) for title, struct_type in TABLES.items())
    return f"{_TOML_BEGIN}{tables}{_TOML_END}"


def _table(title: str, struct_type: type[Struct]) -> str:
    keys = "".join(_key(key, field) for key, field in fields_of(struct_type).items())
    return f".SH {_roff(title)}\n{keys}"


def _key(key: str, field: inspect.Field) -> str:
    meaning = description(field).replace("`", "")
    if extra_of(field).get("restart_only"):
        meaning += " A change waits for a restart."
    facts = f"Allowed: {allowed(field)}. {_default(field)}"
    return f".TP\n\\fB{_roff(key)}\\fR\n{_roff(meaning)}\n.br\n{_roff(facts)}\n"


def _default(field: inspect.Field) -> str:
    if field.required:
        return "It must be written."
    return "Default: left out." if field.default in (None, NODEFAULT) else f"Default: {write_value(field.default)}."


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:].rstrip(".") + "."


def _roff(text: str) -> str:
    """Return text that troff prints as it is: a backslash, a hyphen and a leading control character are escaped."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace("%%", "%")
    return f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped


if __name__ == "__main__":
    main()
