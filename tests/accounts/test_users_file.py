"""The file of users: what is in it, what is not, and that a change is whole or did not happen."""

import multiprocessing
import os
import re
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_streamer.accounts.users import Role, User, UserError, Users, new_user
from edge_streamer.accounts.users_file import (
    MAX_FILE_BYTES,
    MAX_USERS,
    NO_USERS_FILE,
    change_users,
    default_users_path,
    parse_users,
    read_users,
)
from edge_streamer.protocol.digest import Algorithm, compute_ha1

PASSWORD = "a good password"
HA1 = "0123456789abcdef" * 2


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "users"


def add(path: Path, name: str, role: Role = Role.VIEWER) -> None:
    change_users(path, lambda users: users.having(new_user(name, role, PASSWORD)))


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def refusal(lines: str) -> str:
    with pytest.raises(UserError) as error:
        parse_users(lines.splitlines(), "users")
    assert len(str(error.value).splitlines()) == 1
    return str(error.value)


# --- what is in it


def test_a_new_file_holds_hashes_and_says_what_they_are(path: Path) -> None:
    add(path, "front-desk", Role.OPERATOR)
    text = path.read_text()
    assert PASSWORD not in text
    head = [line for line in text.splitlines() if line.startswith("#")]
    assert "as good as the password" in "".join(head)
    (line,) = [line for line in text.splitlines() if not line.startswith("#")]
    md5, sha256 = (compute_ha1(each, "front-desk", PASSWORD.encode()) for each in Algorithm)
    assert line == f"front-desk operator MD5={md5} SHA-256={sha256}"
    assert mode_of(path) == 0o600


def test_a_new_file_is_private_whatever_the_umask_says(path: Path) -> None:
    before = os.umask(0)
    try:
        add(path, "alice")
    finally:
        os.umask(before)
    assert mode_of(path) == 0o600
    assert os.listdir(path.parent) == ["users"]


def test_what_is_written_is_read_again(path: Path) -> None:
    add(path, "alice")
    add(path, "bob", Role.ADMIN)
    users = read_users(path)
    assert users is not None
    assert [(user.name, user.role) for user in users] == [("alice", Role.VIEWER), ("bob", Role.ADMIN)]
    assert (len(users), "bob" in users, "eve" in users) == (2, True, False)
    assert users.ha1("alice", Algorithm.MD5) == compute_ha1(Algorithm.MD5, "alice", PASSWORD.encode())
    assert users.ha1("eve", Algorithm.MD5) is None
    assert users.warning == ""


def test_there_need_be_no_file(path: Path) -> None:
    assert read_users(path) is None


def test_no_secret_is_in_a_repr(path: Path) -> None:
    add(path, "alice")
    users = read_users(path)
    assert users is not None
    assert not re.search("[0-9a-f]{32}", repr(users))


def test_comments_blank_lines_and_one_hash_only() -> None:
    users = parse_users(["# alice", "", "  ", f"  bob   admin\tMD5={HA1} "], "users")
    assert list(users) == [User("bob", Role.ADMIN, {Algorithm.MD5: HA1})]


# --- what is refused


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("alice", "no role"),
        (f"alice root MD5={HA1}", "no role"),
        ("alice viewer", "not NAME ROLE"),
        ("alice viewer MD5", "not NAME ROLE"),
        (f"alice viewer SHA-1={HA1}", "not NAME ROLE"),
        (f"alice viewer MD5={HA1[1:]}", "not NAME ROLE"),
        (f"alice viewer SHA-256={HA1}", "not NAME ROLE"),
        (f"alice viewer MD5={HA1.upper()}", "not NAME ROLE"),
        (f"a:b viewer MD5={HA1}", "not NAME ROLE"),
        (f"{'a' * 65} viewer MD5={HA1}", "not NAME ROLE"),
        (f"bob viewer MD5={HA1}", "twice"),
    ],
)
def test_a_wrong_line_is_named_and_not_quoted(line: str, says: str) -> None:
    answer = refusal(f"# head\nbob viewer MD5={HA1}\n{line}")
    assert answer.startswith("users, line 3: ")
    assert says in answer
    assert HA1[1:] not in answer.lower()


def test_too_many_users_are_refused() -> None:
    lines = [f"user{number} viewer MD5={HA1}" for number in range(MAX_USERS + 1)]
    assert len(parse_users(lines[1:], "users")) == MAX_USERS
    assert f"{MAX_USERS + 1} users are too many" in refusal("\n".join(lines))


@pytest.mark.parametrize("content", [b"alice\xff", b"#" * (MAX_FILE_BYTES + 1)])
def test_what_is_no_text_or_endless_is_refused(content: bytes, path: Path) -> None:
    path.write_bytes(content)
    with pytest.raises(UserError, match="no file of users"):
        read_users(path)


def test_what_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot be read \(Is a directory\)"):
        read_users(tmp_path)


@given(st.lists(st.text() | st.sampled_from(["alice viewer MD5=" + HA1, "bob admin SHA-256=" + HA1 * 2])))
def test_any_lines_are_users_or_one_line_of_error(lines: list[str]) -> None:
    answer = ""
    users = Users()
    try:
        users = parse_users(lines, "users")
    except UserError as error:
        answer = str(error)
    assert len(answer.splitlines()) <= 1
    assert set(users.by_name) <= {"alice", "bob"}


# --- changes


def test_comments_and_the_lines_of_others_stay(path: Path) -> None:
    path.write_text(f"# ours\n\nalice   viewer  MD5={HA1}\n  # the gate\nbob admin MD5={HA1}\n")
    change_users(path, lambda users: users.having(new_user("bob", Role.ADMIN, PASSWORD)))
    add(path, "carol")
    lines = path.read_text().splitlines()
    assert lines[:4] == ["# ours", "", f"alice   viewer  MD5={HA1}", "  # the gate"]
    assert [line.split()[0] for line in lines[4:]] == ["bob", "carol"]
    assert HA1 not in lines[4]
    change_users(path, lambda users: users.without("alice"))
    assert path.read_text().splitlines() == lines[:2] + lines[3:]


def test_a_wrong_line_forbids_a_change_and_nothing_is_lost(path: Path) -> None:
    path.write_text(f"alice viewer MD5={HA1}\nbob\n")
    with pytest.raises(UserError, match=r"users, line 2: no role"):
        add(path, "carol")
    assert path.read_text() == f"alice viewer MD5={HA1}\nbob\n"
    assert os.listdir(path.parent) == ["users"]


def test_a_change_that_fails_changes_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add(path, "alice")
    before = path.read_bytes()

    def no_space(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(UserError, match=r"cannot be changed \(No space left on device\); it is as it was"):
        add(path, "bob")
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == ["users"]


def test_a_change_on_the_way_to_the_disk_is_whole_before_it_has_the_name(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(path, "alice")
    steps: list[str] = []
    rename, fsync = os.rename, os.fsync
    monkeypatch.setattr(os, "fsync", lambda descriptor: (steps.append("fsync"), fsync(descriptor)))
    monkeypatch.setattr(os, "rename", lambda old, new: (steps.append("rename"), rename(old, new)))
    add(path, "bob")
    assert steps == ["fsync", "rename", "fsync"]


def test_too_many_users_cannot_be_written(path: Path) -> None:
    path.write_text("".join(f"user{number} viewer MD5={HA1}\n" for number in range(MAX_USERS)))
    with pytest.raises(UserError, match="too many"):
        add(path, "one-more")
    users = read_users(path)
    assert users is not None
    assert len(users) == MAX_USERS


def _add_a_few(path: Path, letter: str) -> None:
    for number in range(5):
        add(path, f"{letter}{number}")


def test_two_changes_at_once_are_both_made(path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_add_a_few, args=(path, letter)) for letter in "ab"]
    for process in processes:
        process.start()
    for process in processes:
        process.join(30)
    users = read_users(path)
    assert users is not None
    assert sorted(users.by_name) == [f"{letter}{number}" for letter in "ab" for number in range(5)]


def test_the_folder_is_made_and_a_link_stays_a_link(tmp_path: Path) -> None:
    real, link = tmp_path / "etc" / "users", tmp_path / "link"
    link.symlink_to(real)
    add(link, "alice")
    assert link.is_symlink()
    assert "alice" in real.read_text()


# --- the mode


TIGHT_MODES = (0o600, 0o400, 0o640, 0o440)
WIDE_MODES = (0o644, 0o604, 0o660, 0o777)


@pytest.mark.parametrize("mode", TIGHT_MODES + WIDE_MODES, ids=oct)
def test_a_wide_mode_is_warned_about(mode: int, path: Path) -> None:
    add(path, "alice")
    path.chmod(mode)
    users = read_users(path)
    assert users is not None
    assert (f"mode {mode:04o}" in users.warning) is (mode in WIDE_MODES)
    assert bool(users.warning) is (mode in WIDE_MODES)


@pytest.mark.parametrize(("before", "after"), [(0o600, 0o600), (0o640, 0o640), (0o644, 0o640), (0o666, 0o640)])
def test_a_change_keeps_the_group_that_reads_and_nobody_else(before: int, after: int, path: Path) -> None:
    add(path, "alice")
    path.chmod(before)
    add(path, "bob")
    assert mode_of(path) == after


def test_a_change_keeps_the_owner(path: Path) -> None:
    add(path, "alice")
    if os.geteuid() == 0:
        os.chown(path, 1234, 2345)
    before = path.stat()
    add(path, "bob")
    after = path.stat()
    assert (after.st_uid, after.st_gid) == (before.st_uid, before.st_gid)
    assert after.st_ino != before.st_ino


def test_where_the_users_are_when_nobody_says(tmp_path: Path) -> None:
    etc = Path("/etc/edge_streamer/users")
    assert default_users_path({}) == etc
    assert default_users_path({"CREDENTIALS_DIRECTORY": str(tmp_path)}) == etc
    (tmp_path / "rtsp-users").touch()
    assert default_users_path({"CREDENTIALS_DIRECTORY": str(tmp_path)}) == tmp_path / "rtsp-users"
    (tmp_path / "rtsp-users").write_bytes(NO_USERS_FILE)
    assert default_users_path({"CREDENTIALS_DIRECTORY": str(tmp_path)}) == etc
