"""`edge-streamer user add | passwd | remove | list`: the file of users from the command line.

A password is never on the command line, where `ps` and the shell's history would show it: it is asked for twice on the
terminal, or it is the first line of standard input when that is no terminal. Called by `cli.main`, which prints a
`ConfigError` or `UserError` and exits with 2.
"""

import argparse
import getpass
import sys
from pathlib import Path
from typing import Final

from edge_streamer.accounts.users import MAX_PASSWORD_CHARACTERS, Role, UserError, Users, check_name, new_user
from edge_streamer.accounts.users_file import change_users, read_users, shown_path
from edge_streamer.config.load import users_path

EXIT_OK: Final = 0


def add_user_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `user` and its four commands to the parser's `commands`; each sets `command` to its function."""
    user = commands.add_parser("user", help="say who may log in", description="Say who may log in.")
    actions = user.add_subparsers(required=True, metavar="ACTION")

    add = actions.add_parser("add", help="add a user; the password is asked for, or read from standard input")
    add.add_argument("name", metavar="NAME", help="the user's name")
    add.add_argument(
        "--role", choices=[str(role) for role in Role], default=str(Role.VIEWER), help="what it may do (viewer)"
    )
    add.set_defaults(command=_add)

    passwd = actions.add_parser("passwd", help="give a user a new password")
    passwd.add_argument("name", metavar="NAME", help="the user's name")
    passwd.set_defaults(command=_passwd)

    remove = actions.add_parser("remove", help="remove a user")
    remove.add_argument("name", metavar="NAME", help="the user's name")
    remove.set_defaults(command=_remove)

    listing = actions.add_parser("list", help="list users and roles")
    listing.set_defaults(command=_list)

    for action in (add, passwd, remove, listing):
        action.add_argument("--users", metavar="FILE", type=Path, help="the file of users (default: auth.users)")
        action.add_argument("--config", metavar="FILE", type=Path, help="the configuration that names it")


def _add(arguments: argparse.Namespace) -> int:
    name, role = arguments.name, Role[arguments.role.upper()]
    check_name(name)

    def add(users: Users) -> Users:
        _check_absent(users, name)
        return users.having(user)

    path = _path(arguments)
    _check_absent(read_users(path) or Users(), name)  # before the operator types a password
    user = new_user(name, role, _ask_password())
    change_users(path, add)
    return _report(f"{name} ({role}) added to {shown_path(path)}")


def _passwd(arguments: argparse.Namespace) -> int:
    path, name = _path(arguments), arguments.name
    _check_present(read_users(path) or Users(), name, path)
    password = _ask_password()

    def change(users: Users) -> Users:
        _check_present(users, name, path)
        return users.having(new_user(name, users[name].role, password))

    change_users(path, change)
    return _report(f"{name} has a new password in {shown_path(path)}")


def _remove(arguments: argparse.Namespace) -> int:
    path, name = _path(arguments), arguments.name

    def remove(users: Users) -> Users:
        _check_present(users, name, path)
        return users.without(name)

    change_users(path, remove)
    return _report(f"{name} removed from {shown_path(path)}")


def _list(arguments: argparse.Namespace) -> int:
    path = _path(arguments)
    users = read_users(path)
    if users is None:
        raise UserError(f"{shown_path(path)}: no such file; edge-streamer user add NAME makes it")
    for user in users:
        print(f"{user.name}  {user.role}")
    if users.warning:
        print(f"edge-streamer: warning: {users.warning}", file=sys.stderr)
    return EXIT_OK


def _path(arguments: argparse.Namespace) -> Path:
    path: Path = arguments.users or users_path(arguments.config)
    return path


def _check_absent(users: Users, name: str) -> None:
    if name in users:
        raise UserError(f"{name} is a user already; edge-streamer user passwd {name} gives it a new password")


def _check_present(users: Users, name: str, path: Path) -> None:
    if name not in users:
        check_name(name)
        raise UserError(f"{name} is no user in {shown_path(path)}; edge-streamer user list shows the users")


def _ask_password() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline(MAX_PASSWORD_CHARACTERS + 2).removesuffix("\n")
    try:
        password = getpass.getpass("Password: ")
        is_same = getpass.getpass("The same again: ") == password
    except (EOFError, KeyboardInterrupt):
        raise UserError("no password; nothing was changed") from None
    if not is_same:
        raise UserError("the two passwords differ; nothing was changed")
    return password


def _report(done: str) -> int:
    print(f"{done}; in effect when the service starts the next time")
    return EXIT_OK
