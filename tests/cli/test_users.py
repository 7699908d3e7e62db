"""`edge-streamer user ...`: what is asked, printed and changed, and that no password is on the command line."""

import getpass
import io
import sys
from pathlib import Path

import pytest

from edge_streamer.accounts.users import Role
from edge_streamer.accounts.users_file import read_users
from edge_streamer.cli.main import main
from edge_streamer.protocol.digest import Algorithm, compute_ha1


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Shell:
    """Runs commands on a file of users, with lines on standard input or answers at a terminal."""

    def __init__(self, path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.path = path
        self._monkeypatch = monkeypatch
        self._capsys = capsys

    def run(self, *argv: str, stdin: str = "") -> tuple[int, str, str]:
        self._monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        return self._main(argv)

    def run_at_terminal(self, *argv: str, answers: tuple[object, ...]) -> tuple[int, str, str]:
        left = list(answers)

        def ask(prompt: str) -> object:
            answer = left.pop(0)
            if isinstance(answer, BaseException):
                raise answer
            return answer

        self._monkeypatch.setattr(sys, "stdin", Terminal())
        self._monkeypatch.setattr(getpass, "getpass", ask)
        outcome = self._main(argv)
        assert not left, "asked less often than expected"
        return outcome

    def _main(self, argv: tuple[str, ...]) -> tuple[int, str, str]:
        code = main(["user", *argv, "--users", str(self.path)])
        printed = self._capsys.readouterr()
        return code, printed.out, printed.err

    def knows(self, name: str, password: str) -> bool:
        users = read_users(self.path)
        assert users is not None
        return users.ha1(name, Algorithm.MD5) == compute_ha1(Algorithm.MD5, name, password.encode())


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(tmp_path / "users", monkeypatch, capsys)


def test_a_user_is_added_from_standard_input(shell: Shell) -> None:
    code, out, err = shell.run("add", "alice", stdin="a good password\nand more\n")
    assert (code, err) == (0, "")
    assert out == f"alice (viewer) added to {shell.path}; in effect when the service starts the next time\n"
    assert shell.knows("alice", "a good password")


def test_a_user_is_added_at_the_terminal(shell: Shell) -> None:
    argv = ("add", "bob", "--role", "operator")
    code, out, _ = shell.run_at_terminal(*argv, answers=("a good password", "a good password"))
    assert code == 0
    assert out.startswith("bob (operator) added")
    assert shell.knows("bob", "a good password")
    users = read_users(shell.path)
    assert users is not None
    assert users["bob"].role is Role.OPERATOR


@pytest.mark.parametrize(
    ("answers", "says"),
    [
        (("a good password", "a bad password"), "the two passwords differ; nothing was changed"),
        ((KeyboardInterrupt(),), "no password; nothing was changed"),
        (("a good password", EOFError()), "no password; nothing was changed"),
        (("short", "short"), "a password has 8 to 128 characters, this one has 5"),
    ],
)
def test_what_goes_wrong_at_the_terminal(answers: tuple[object, ...], says: str, shell: Shell) -> None:
    assert shell.run_at_terminal("add", "alice", answers=answers) == (2, "", f"edge-streamer: {says}\n")
    assert not shell.path.exists()


@pytest.mark.parametrize("stdin", ["", "\n", "short\n", "x" * 500, "tab\tin the middle\n", "ended by DOS\r\n"])
def test_what_is_no_password_on_standard_input(stdin: str, shell: Shell) -> None:
    code, out, err = shell.run("add", "alice", stdin=stdin)
    assert (code, out) == (2, "")
    assert err.startswith("edge-streamer: a password has ")
    assert not shell.path.exists()


def test_names_are_looked_at_before_a_password_is_asked_for(shell: Shell) -> None:
    assert shell.run_at_terminal("add", "a b", answers=())[2].startswith("edge-streamer: 'a b' is no user name")
    shell.run("add", "alice", stdin="a good password\n")
    code, _, err = shell.run_at_terminal("add", "alice", answers=())
    assert (code, err) == (
        2,
        "edge-streamer: alice is a user already; edge-streamer user passwd alice gives it a new password\n",
    )
    code, _, err = shell.run_at_terminal("passwd", "eve", answers=())
    assert (code, err) == (
        2,
        f"edge-streamer: eve is no user in {shell.path}; edge-streamer user list shows the users\n",
    )


def test_a_new_password_leaves_the_role(shell: Shell) -> None:
    shell.run("add", "alice", "--role", "admin", stdin="a good password\n")
    code, out, _ = shell.run("passwd", "alice", stdin="a better password\n")
    assert (code, out) == (
        0,
        f"alice has a new password in {shell.path}; in effect when the service starts the next time\n",
    )
    assert shell.knows("alice", "a better password")
    assert shell.run("list") == (0, "alice  admin\n", "")


def test_users_are_listed_and_removed(shell: Shell) -> None:
    for name in ("alice", "bob"):
        shell.run("add", name, stdin="a good password\n")
    assert shell.run("list") == (0, "alice  viewer\nbob  viewer\n", "")
    code, out, _ = shell.run("remove", "alice")
    assert (code, out.partition(";")[0]) == (0, f"alice removed from {shell.path}")
    assert shell.run("list") == (0, "bob  viewer\n", "")
    assert shell.run("remove", "alice")[0] == 2
    assert shell.run("remove", "a b")[2].startswith("edge-streamer: 'a b' is no user name")


def test_a_list_of_nobody_says_how_to_begin(shell: Shell) -> None:
    code, _, err = shell.run("list")
    assert (code, err) == (2, f"edge-streamer: {shell.path}: no such file; edge-streamer user add NAME makes it\n")


def test_a_wide_mode_is_warned_about(shell: Shell) -> None:
    shell.run("add", "alice", stdin="a good password\n")
    shell.path.chmod(0o644)
    code, out, err = shell.run("list")
    assert (code, out) == (0, "alice  viewer\n")
    assert err.startswith(f"edge-streamer: warning: {shell.path}: mode 0644 ")


def test_the_configuration_names_the_file(tmp_path: Path, shell: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "edge.toml"
    config.write_text('[auth]\nusers = "users"\n')
    shell.run("add", "alice", stdin="a good password\n")
    assert main(["user", "list", "--config", str(config)]) == 0
    assert capsys.readouterr().out == "alice  viewer\n"
    assert main(["check", "--config", str(config)]) == 0
    printed = capsys.readouterr()
    assert f'users = "{shell.path}"' in printed.out
    assert printed.err == ""
    shell.path.chmod(0o644)
    main(["check", "--config", str(config)])
    assert "warning: " in capsys.readouterr().err


@pytest.mark.parametrize(
    "argv",
    [
        ["user"],
        ["user", "add"],
        ["user", "add", "alice", "secret"],
        ["user", "add", "alice", "--password", "secret"],
        ["user", "add", "alice", "--role", "root"],
        ["user", "frobnicate"],
    ],
)
def test_a_wrong_command_line_is_exit_2(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(argv)
    assert ended.value.code == 2
    assert "usage: edge-streamer" in capsys.readouterr().err
