"""The installed service under a real systemd: what it is told, what it hands over, and what it does when we hang."""

import subprocess
import time
from typing import Any

import pytest

from edge_streamer.logs.events import ServiceStarted, SessionEnded, SessionOpened, SourceEnded, SourceStarted
from edge_streamer.logs.fields import Event
from tests.support.netns.namespaces import SERVER_ADDRESS
from tests.systemd.conftest import ANYBODY, STREAM, UNIT, Installed
from tests.systemd.installation import UNITS

PASSWORD = "a good password"
NO_FRAMES = ANYBODY + '\n[streams.gone]\nsource = "v4l2"\ndevice = "/dev/video63"\nformat = "h264"\n'
ANOTHER = STREAM.replace("main", "another")
WITHOUT_LIBSYSTEMD = "[Service]\nInaccessiblePaths=/usr/lib/python3/dist-packages/systemd\n"
SHORT_WATCHDOG_S = 2
SHORT_WATCHDOG = f"[Service]\nWatchdogSec={SHORT_WATCHDOG_S}\n"


def entries_of(installed: Installed, event: type[Event], *matches: str) -> list[dict[str, Any]]:
    return installed.machine.journal(f"MESSAGE_ID={event.message_id}", *matches)


# --- ready


def test_it_is_ready_with_its_first_frame(installed: Installed) -> None:
    assert installed.is_ready()
    assert installed.get("/healthz")[0] == 200
    assert installed.machine.show(UNIT, "StatusText").startswith("1 of 1 streams up, 0 sessions, ")


def assert_left_alone(installed: Installed) -> None:
    """Let more than the watchdog's time pass; AssertionError if that ends the service."""
    before = installed.pid
    time.sleep(SHORT_WATCHDOG_S + 0.5)
    assert (installed.pid, installed.restarts) == (before, 0)


def test_a_camera_that_is_gone_delays_it_by_ten_seconds_and_is_no_reason_to_end_it(installed: Installed) -> None:
    installed.configure(NO_FRAMES, drop_in=SHORT_WATCHDOG)
    started_us = int(entries_of(installed, ServiceStarted)[-1]["__MONOTONIC_TIMESTAMP"])
    ready_us = int(installed.machine.show(UNIT, "ActiveEnterTimestampMonotonic"))
    assert 9.5 < (ready_us - started_us) / 1e6 < 12.0
    assert installed.machine.show(UNIT, "StatusText").startswith("1 of 2 streams up (gone: ")
    assert_left_alone(installed)


def test_without_python3_systemd_it_is_ready_all_the_same(installed: Installed) -> None:
    assert installed.uses_libsystemd()
    installed.configure(drop_in=WITHOUT_LIBSYSTEMD)
    assert not installed.uses_libsystemd()
    assert installed.is_ready()
    with installed.watch() as reader:
        reader.start()
        assert next(reader.packets(seconds=5))


def test_it_sees_another_time_zone_of_the_machine(installed: Installed) -> None:
    in_its_sandbox = ("nsenter", "--target", str(installed.pid), "--mount", "readlink", "/etc/localtime")
    for zone in ("Asia/Tokyo", "Etc/UTC"):
        installed.machine.run("ln", "--symbolic", f"/usr/share/zoneinfo/{zone}", "/etc/localtime.new")
        installed.machine.run("mv", "/etc/localtime.new", "/etc/localtime")  # as timedatectl does it
        assert installed.machine.run(*in_its_sandbox).strip() == f"/usr/share/zoneinfo/{zone}"


# --- sockets


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_the_first_viewer_starts_a_service_that_is_off(installed: Installed, transport) -> None:
    installed.machine.run("systemctl", "stop", UNIT)
    with installed.watch(transport) as reader:
        reader.start()
        assert next(reader.packets(seconds=5)).kind in ("rtp", "rtcp")
        (session,) = installed.get_json("/api/v1/sessions")
        assert session["peer_ip"] == installed.viewer.address  # and not ::ffff: before it
    assert installed.is_ready()


def test_ffprobe_starts_a_service_that_is_off(installed: Installed) -> None:
    installed.machine.run("systemctl", "stop", UNIT)
    with installed.viewer.namespace.entered():
        shown = "stream=codec_name,width,height"
        command = ["ffprobe", "-v", "error", "-rtsp_transport", "tcp", "-show_entries", shown, "-of", "csv=p=0"]
        asked = [*command, f"rtsp://{SERVER_ADDRESS}/main"]
        probed = subprocess.run(asked, capture_output=True, text=True, timeout=30, check=False)
    assert probed.stdout.strip() == "h264,320,180", probed.stderr


def test_the_first_scrape_starts_a_service_that_is_off(installed: Installed) -> None:
    installed.machine.run("systemctl", "stop", UNIT)
    assert installed.get("/api/v1/streams")[0] == 200


def test_nothing_else_is_listened_on(installed: Installed) -> None:
    ports = installed.machine.run("sh", "-c", "cat /proc/net/tcp /proc/net/tcp6").splitlines()
    listening = [line.split()[1].rpartition(":")[2] for line in ports if " 0A " in line]
    assert sorted(int(port, 16) for port in listening) == [80, 554]


# --- when it ends or hangs


def test_who_connects_while_it_restarts_waits_and_is_served(installed: Installed) -> None:
    installed.signal("SIGKILL")
    with installed.watch() as reader:  # RestartSec= has just begun
        reader.start()
        assert next(reader.packets(seconds=5))
    assert installed.restarts == 1


def test_one_that_hangs_is_ended_with_a_traceback_and_started_again(installed: Installed) -> None:
    installed.configure(drop_in=SHORT_WATCHDOG)
    assert_left_alone(installed)
    began = time.time()
    installed.signal("SIGSTOP")
    installed.machine.wait_until("it was started again", lambda: installed.restarts == 1, 15)
    installed.wait_until_ready()
    lines = [entry["MESSAGE"] for entry in installed.machine.journal(f"--since=@{began:.3f}", f"--unit={UNIT}")]
    assert any("Watchdog timeout" in line for line in lines), lines
    assert any("Fatal Python error: Aborted" in line for line in lines), lines
    with installed.watch() as reader:
        reader.start()
        assert next(reader.packets(seconds=5))


def test_it_leaves_in_order(installed: Installed) -> None:
    run = f"_SYSTEMD_INVOCATION_ID={installed.machine.show(UNIT, 'InvocationID')}"
    with installed.watch() as reader:
        reader.start()
        began = time.monotonic()
        installed.machine.run("systemctl", "stop", UNIT)
        assert time.monotonic() - began < 5
    assert installed.machine.show(UNIT, "Result") == "success"
    assert installed.machine.show(UNIT, "ExecMainStatus") == "0"
    (session,) = entries_of(installed, SessionEnded, run)
    assert session["REASON"] == "shutdown"
    (source,) = entries_of(installed, SourceEnded, run)
    assert source["EXIT_CODE"] == "0"  # it was asked, not killed


# --- configuration


def test_open_to_everybody_without_users_it_does_not_start(installed: Installed) -> None:
    installed.prepare(STREAM)
    installed.machine.fails("systemctl", "start", UNIT)
    assert installed.machine.show(UNIT, "ExecMainStatus") == "2"
    assert installed.restarts == 0
    lines = [entry["MESSAGE"] for entry in installed.machine.journal(f"--unit={UNIT}", "--lines=20")]
    assert any("no log-in is required; add a user" in line for line in lines), lines


def test_users_come_as_a_credential(installed: Installed) -> None:
    add = ("edge-streamer", "user", "add", "alice")
    installed.machine.run("sh", "-c", f"echo {PASSWORD} | {' '.join(add)}")
    try:
        installed.configure(STREAM)
        assert installed.get("/api/v1/streams")[0] == 401
        with installed.watch() as reader:
            assert reader.request("DESCRIBE", f"rtsp://{SERVER_ADDRESS}/main").status == 401
    finally:
        installed.machine.run("rm", "/etc/edge_streamer/users")


def stream_names(installed: Installed) -> list[str]:
    return sorted(stream["name"] for stream in installed.get_json("/api/v1/streams"))


@pytest.fixture
def waiting_reload(installed: Installed) -> Installed:
    """The service with the drop-in for systemd 253: a reload has come to its end when `systemctl reload` returns."""
    installed.configure(drop_in=(UNITS / f"{UNIT}.d" / "notify-reload.conf.example").read_text())
    return installed


def test_a_reload_ends_no_session(installed: Installed) -> None:
    before = installed.pid
    with installed.watch() as reader:
        reader.start()
        installed.edit(ANYBODY + ANOTHER)
        installed.reload()
        installed.machine.wait_until("the stream is there", lambda: stream_names(installed) == ["another", "main"], 5)
        assert next(reader.packets(seconds=5))
    assert (installed.pid, installed.is_ready()) == (before, True)


def test_a_reload_can_be_waited_for(waiting_reload: Installed) -> None:
    waiting_reload.edit(ANYBODY + ANOTHER)
    waiting_reload.reload()
    assert stream_names(waiting_reload) == ["another", "main"]


def test_a_reload_of_a_mistake_changes_nothing_and_says_why(waiting_reload: Installed) -> None:
    before = waiting_reload.pid
    waiting_reload.edit(ANYBODY + "\n[stream.main]\n")
    waiting_reload.reload()
    assert (waiting_reload.pid, waiting_reload.is_ready()) == (before, True)
    assert stream_names(waiting_reload) == ["main"]
    lines = [entry["MESSAGE"] for entry in waiting_reload.machine.journal(f"--unit={UNIT}", "--lines=20")]
    assert any("reload refused" in line for line in lines), lines


# --- the sandbox


def status_of(installed: Installed, pid: int) -> dict[str, str]:
    lines = installed.machine.run("cat", f"/proc/{pid}/status").splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def test_neither_it_nor_its_sources_have_rights(installed: Installed) -> None:
    pids = installed.machine.run("cat", f"/sys/fs/cgroup/system.slice/{UNIT}/cgroup.procs").split()
    assert len(pids) == 2
    for pid in pids:
        status = status_of(installed, int(pid))
        assert status["NoNewPrivs"] == "1"
        assert status["Seccomp"] == "2"
        assert {int(status[name], 16) for name in ("CapEff", "CapPrm", "CapBnd", "CapAmb")} == {0}
        assert 61184 <= int(status["Uid"].split()[0]) <= 65519  # systemd's range of dynamic users


def test_it_is_in_the_groups_that_own_cameras_and_serial_ports(installed: Installed) -> None:
    groups = installed.machine.run("getent", "group", "video", "dialout").splitlines()
    wanted = {line.split(":")[2] for line in groups}
    assert wanted <= set(status_of(installed, installed.pid)["Groups"].split())


@pytest.mark.parametrize("path", ["/usr/x", "/etc/edge_streamer/x", "/etc/x", "/var/lib/x"])
def test_it_cannot_write(installed: Installed, path: str) -> None:
    inside = ("nsenter", "--target", str(installed.pid), "--mount")  # root, but with the service's view of the files
    assert "Read-only file system" in installed.machine.fails(*inside, "touch", path)


def test_children_are_not_handed_the_listening_sockets(installed: Installed) -> None:
    pids = installed.machine.run("cat", f"/sys/fs/cgroup/system.slice/{UNIT}/cgroup.procs").split()
    (source,) = (pid for pid in pids if int(pid) != installed.pid)
    environment = installed.machine.run("cat", f"/proc/{source}/environ").split("\0")
    assert not [each for each in environment if each.startswith("LISTEN_")]


# --- the journal


def test_an_event_has_fields_to_search_by(installed: Installed) -> None:
    with installed.watch() as reader:
        reader.start()
        session, port = reader.session_id, reader.socket.getsockname()[1]
    ended = (SessionEnded, f"SESSION={session}")
    installed.machine.wait_until("the end is in the journal", lambda: entries_of(installed, *ended), 5)
    (entry,) = entries_of(installed, *ended)
    assert (entry["STREAM"], entry["PEER"]) == ("main", f"{installed.viewer.address}:{port}")
    assert entry["REASON"] == "peer_closed"
    assert entry["SYSLOG_IDENTIFIER"] == "edge_streamer"
    assert entry["_SYSTEMD_UNIT"] == UNIT
    assert entry["MESSAGE"].startswith("session ended reason=peer_closed ")
    assert entries_of(installed, SessionOpened, f"SESSION={session}")


def test_the_catalog_explains_an_event(installed: Installed) -> None:
    explained = installed.machine.run("journalctl", "--catalog", f"MESSAGE_ID={SourceStarted.message_id}", "--lines=1")
    assert " Subject: A source was started" in explained


def test_what_the_service_does_not_log_itself_has_its_name_too(installed: Installed) -> None:
    printed = installed.machine.journal(f"_SYSTEMD_UNIT={UNIT}", "_TRANSPORT=stdout", "SYSLOG_IDENTIFIER=edge_streamer")
    assert any(f"http://{entry['_HOSTNAME']}:80/" in entry["MESSAGE"] for entry in printed)
