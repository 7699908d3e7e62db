"""Users as values: names, roles and passwords that may be, and those that may not."""

import pytest

from edge_streamer.accounts.users import Role, User, UserError, Users, new_user
from edge_streamer.protocol.digest import Algorithm

PASSWORD = "a good password"
HA1 = "0123456789abcdef" * 2


def test_roles_are_ordered() -> None:
    assert Role.VIEWER < Role.OPERATOR < Role.ADMIN
    assert [str(role) for role in Role] == ["viewer", "operator", "admin"]


@pytest.mark.parametrize("name", ["", "a b", "a:b", 'a"', "ä", "a" * 65, "a\n", "#a"])
def test_what_cannot_be_a_name(name: str) -> None:
    with pytest.raises(UserError, match="is no user name; allowed: 1 to 64 of the characters"):
        new_user(name, Role.VIEWER, PASSWORD)


@pytest.mark.parametrize(
    ("password", "says"),
    [
        ("1234567", "8 to 128 characters, this one has 7"),
        ("x" * 129, "8 to 128 characters, this one has 129"),
        ("a good\tpassword", "no control characters"),
        ("a good password\r", "no control characters"),
        ("a good password\udcff", "no control characters"),
    ],
)
def test_what_cannot_be_a_password(password: str, says: str) -> None:
    with pytest.raises(UserError, match=says):
        new_user("alice", Role.VIEWER, password)
    for allowed in ("12345678", "x" * 128, "pässwörter 雪"):
        assert new_user("alice", Role.VIEWER, allowed).role is Role.VIEWER


@pytest.mark.parametrize(
    ("name", "ha1"), [("a b", {Algorithm.MD5: HA1}), ("alice", {}), ("alice", {Algorithm.MD5: "0"})]
)
def test_no_user_of_that_kind_can_be_built(name: str, ha1: dict[Algorithm, str]) -> None:
    with pytest.raises(ValueError, match="not a"):
        User(name, Role.VIEWER, ha1)


def test_no_users() -> None:
    assert not Users()
    assert Users() == Users(warning="x")
