"""What a reload has to do, from two configurations."""

import re
from pathlib import Path

import pytest

from edge_streamer.app.reload_plan import RESTART_KEYS, InEffect, ReloadPlan, device_of, plan_reload
from edge_streamer.app.source_plan import PlannedSource, plan_sources
from edge_streamer.config.config import SECTIONS, Config
from edge_streamer.config.load import Overrides, build_config
from edge_streamer.config.toml import read_text
from edge_streamer.device.cameras import FoundCamera

MULTICAST = '[rtsp]\ntransports = ["tcp", "multicast"]\n'


def pattern(name: str, **keys: object) -> str:
    lines = "".join(f"{key} = {value}\n" for key, value in keys.items())
    return f'[streams.{name}]\nsource = "testpattern"\n{lines}'


def camera(name: str, number: int = 0, **keys: object) -> str:
    lines = "".join(f"{key} = {value}\n" for key, value in keys.items())
    return f'[streams.{name}]\nsource = "picamera2"\ncamera = {number}\n{lines}'


def loaded(
    text: str, found: tuple[FoundCamera, ...] = (), folder: Path = Path("/nowhere")
) -> tuple[Config, tuple[PlannedSource, ...]]:
    config = build_config(read_text(text.encode(), "test"), profile=None, overrides=Overrides(), folder=folder)
    return config, plan_sources(config.streams, config.cameras, found)


def plan(before: str, after: str) -> ReloadPlan:
    return plan_reload(InEffect.from_start(*loaded(before)), *loaded(after))


def names(sources: tuple[PlannedSource, ...]) -> list[list[str]]:
    return [list(source.streams) for source in sources]


def test_nothing_has_changed() -> None:
    text = pattern("main", fps=10) + camera("door") + MULTICAST
    done = plan(text, text)
    assert (done.begun, done.ended, done.needs_restart) == ((), (), ())
    assert done.outcome.changed == ()
    assert done.after == InEffect.from_start(*loaded(text))


def test_a_stream_with_another_key_is_replaced_and_the_others_are_left_alone() -> None:
    done = plan(pattern("main") + pattern("sub"), pattern("main", bitrate_bps=500_000) + pattern("sub"))
    assert (names(done.begun), names(done.ended)) == ([["main"]], [["main"]])
    assert (done.replaced, done.carried, done.added, done.removed) == (("main",), (), (), ())
    assert names(done.after.sources) == [["main"], ["sub"]]
    assert done.outcome.changed == ("main",)


def test_streams_come_and_go() -> None:
    done = plan(pattern("a") + pattern("b"), pattern("b") + pattern("c"))
    assert (names(done.begun), names(done.ended)) == ([["c"]], [["a"]])
    assert (done.replaced, done.added, done.removed) == ((), ("c",), ("a",))


def test_the_order_of_streams_is_no_change() -> None:
    done = plan(pattern("a") + pattern("b"), pattern("b") + pattern("a"))
    assert (done.begun, done.ended) == ((), ())


def test_a_stream_of_another_source_is_replaced() -> None:
    done = plan(pattern("main"), camera("main"))
    assert done.replaced == ("main",)


def test_the_other_stream_of_a_camera_is_carried_over() -> None:
    small = {"width": 640, "height": 360}
    done = plan(camera("main") + camera("sub", **small), camera("main", fps=10) + camera("sub", **small))
    assert names(done.begun) == names(done.ended) == [["main", "sub"]]
    assert (done.replaced, done.carried) == (("main",), ("sub",))


def test_the_settings_of_a_camera_replace_no_stream() -> None:
    done = plan(camera("main"), camera("main") + "[cameras.0]\nrotation = 180\n")
    assert names(done.begun) == [["main"]]
    assert (done.replaced, done.carried) == ((), ("main",))


def test_a_camera_that_is_there_now_is_taken() -> None:
    text = '[streams.main]\nsource = "auto"\n'
    plugged_in = FoundCamera("v4l2", None, "/dev/video0", "a camera")
    done = plan_reload(InEffect.from_start(*loaded(text)), *loaded(text, (plugged_in,)))
    assert done.replaced == ("main",)


# --- keys


RESTARTS = {
    "rtsp.listen": '[rtsp]\nlisten = "127.0.0.1:9554"\n',
    "rtsp.session_timeout_s": "[rtsp]\nsession_timeout_s = 30\n",
    "rtsp.udp_ports": "[rtsp]\nudp_ports = [60000, 60999]\n",
    "http.listen": '[http]\nlisten = "127.0.0.1:9080"\n',
    "link.dead_after_s": "[link]\ndead_after_s = 4.0\n",
    "link.start_cache_bytes": "[link]\nstart_cache_bytes = 1_000_000\n",
    "multicast.network": '[multicast]\nnetwork = "239.255.43.0/24"\n',
    "multicast.first_port": "[multicast]\nfirst_port = 52000\n",
    "multicast.ttl": "[multicast]\nttl = 4\n",
    "multicast.interface": '[multicast]\ninterface = "eth9"\n',
}


OTHERS = {
    "rtsp.transports": '[rtsp]\ntransports = ["tcp"]\n',
    "rtsp.max_sessions": "[rtsp]\nmax_sessions = 3\n",
    "rtsp.max_sessions_per_address": "[rtsp]\nmax_sessions_per_address = 3\n",
    "rtsp.max_connections": "[rtsp]\nmax_connections = 3\n",
    "rtsp.max_connections_per_address": "[rtsp]\nmax_connections_per_address = 3\n",
    "rtsp.setup_within_s": "[rtsp]\nsetup_within_s = 3\n",
    "rtsp.max_pending_describes": "[rtsp]\nmax_pending_describes = 3\n",
    "rtsp.max_header_bytes": "[rtsp]\nmax_header_bytes = 2048\n",
    "rtsp.max_body_bytes": "[rtsp]\nmax_body_bytes = 0\n",
    "http.max_connections": "[http]\nmax_connections = 3\n",
    "http.max_connections_per_address": "[http]\nmax_connections_per_address = 3\n",
    "auth.anonymous": "[auth]\nanonymous = true\n",
    "auth.users": '[auth]\nusers = "users"\n',
    "auth.basic": '[auth]\nbasic = "always"\n',
    "auth.sha256": "[auth]\nsha256 = true\n",
    "auth.metrics_networks": "[auth]\nmetrics_networks = []\n",
    "device.name": '[device]\nname = "garden"\n',
    "device.password": '[device]\npassword = "12345678"\n',
    "device.time_zone": '[device]\ntime_zone = "UTC"\n',
    "device.ntp_servers": "[device]\nntp_servers = []\n",
    "device.ssh_keys": "[device]\nssh_keys = []\n",
    "device.wifi": '[device.wifi]\nssid = "net"\n',
    "device.network": '[device.network]\naddress = "192.0.2.7/24"\n',
}


def test_every_key_of_a_section_is_changed_alone() -> None:
    keys = {f"{section}.{field}" for section, struct in SECTIONS.items() for field in struct.__struct_fields__}
    assert set(RESTARTS) | set(OTHERS) == keys
    assert set(RESTARTS) == set(RESTART_KEYS)


def test_the_page_of_operators_names_every_key_that_waits_for_a_restart() -> None:
    page = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
    (row,) = [line for line in page.splitlines() if "`needs_restart`" in line and line.startswith("| `rtsp.listen`")]
    named = re.findall(r"`([^`]*)`", row.split("|")[1])
    sections = {name.strip("[]") for name in named if name.startswith("[")}
    assert {key for key in RESTART_KEYS if key.partition(".")[0] not in sections} == set(named) - {"[multicast]"}


@pytest.mark.parametrize("key", OTHERS)
def test_a_key_that_waits_for_nothing_is_in_effect(key: str, tmp_path: Path) -> None:
    (tmp_path / "users").write_text(f"alice viewer MD5={'0' * 32}\n")
    changed = loaded(pattern("main") + OTHERS[key], folder=tmp_path)
    done = plan_reload(InEffect.from_start(*loaded(pattern("main"))), *changed)
    assert done.needs_restart == ()
    assert done.after == InEffect.from_start(*changed)
    assert done.after.config != loaded(pattern("main"))[0]


@pytest.mark.parametrize("key", RESTART_KEYS)
def test_what_waits_for_a_restart_is_not_in_effect(key: str) -> None:
    before = InEffect.from_start(*loaded(pattern("main")))
    done = plan_reload(before, *loaded(pattern("main") + RESTARTS[key]))
    assert done.needs_restart == (key,)
    assert done.after == before
    again = plan_reload(done.after, *loaded(pattern("main") + RESTARTS[key]))
    assert again.needs_restart == (key,), "until it has been restarted"
    assert plan_reload(done.after, *loaded(pattern("main"))).needs_restart == ()


def test_other_keys_are_in_effect() -> None:
    written = '[rtsp]\nmax_sessions = 3\nsession_timeout_s = 30\ntransports = ["udp"]\n[auth]\nanonymous = true\n'
    done = plan(pattern("main"), pattern("main") + written)
    config = done.after.config
    assert (config.rtsp.max_sessions, config.rtsp.transports, config.auth.anonymous) == (3, {"udp"}, True)
    assert config.rtsp.session_timeout_s == 60
    assert done.needs_restart == ("rtsp.session_timeout_s",)
    assert done.outcome.changed == ()


# --- multicast groups


def test_groups_stay_where_viewers_were_told() -> None:
    before = InEffect.from_start(*loaded(MULTICAST + pattern("a") + pattern("b")))
    done = plan_reload(before, *loaded(MULTICAST + pattern("b")))
    assert done.after.places == {"b": before.places["b"]}
    assert done.needs_restart == ("streams.b: its multicast group",), "after a restart it has the first place"


def test_a_new_stream_gets_a_group_unless_somebody_has_it() -> None:
    before = InEffect.from_start(*loaded(MULTICAST + pattern("a") + pattern("b")))
    appended = plan_reload(before, *loaded(MULTICAST + pattern("a") + pattern("b") + pattern("c")))
    assert set(appended.after.places) == {"a", "b", "c"}
    assert appended.needs_restart == ()
    put_first = plan_reload(before, *loaded(MULTICAST + pattern("c") + pattern("a") + pattern("b")))
    assert put_first.after.places == before.places
    assert set(put_first.needs_restart) == {f"streams.{name}: its multicast group" for name in "abc"}


def test_groups_are_nobodys_business_without_multicast() -> None:
    assert plan(pattern("a") + pattern("b"), pattern("b")).needs_restart == ()


# --- devices


def test_devices_are_the_same_whatever_they_are_called(tmp_path: Path) -> None:
    device, link = tmp_path / "video0", tmp_path / "by-id"
    device.touch()
    link.symlink_to(device)
    text = '[streams.main]\nsource = "v4l2"\ndevice = "{}"\n'
    by_name, by_id = (loaded(text.format(path))[1][0] for path in (device, link))
    assert device_of(by_name) == device_of(by_id) == str(device)


def test_what_can_be_opened_twice_has_no_device() -> None:
    assert device_of(loaded(pattern("main"))[1][0]) == ""
    assert device_of(loaded(camera("main", 1))[1][0]) == "camera 1"
