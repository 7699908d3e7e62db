"""What a wrong password costs whom, and what of it reaches the log."""

import logging

import pytest

from edge_streamer.accounts.login_failures import (
    FIRST_DELAY_S,
    FORGET_AFTER_S,
    LONGEST_DELAY_S,
    MAX_ADDRESSES,
    LoginFailures,
)

NVR = "192.0.2.7"


def test_each_wrong_password_waits_longer_up_to_a_limit() -> None:
    failures = LoginFailures()
    delays = [failures.note("rtsp", NVR, "alice", 0.0) for _ in range(2000)]
    assert delays[:6] == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6, 2.0])
    assert set(delays[5:]) == {LONGEST_DELAY_S}


def test_other_addresses_do_not_wait() -> None:
    failures = LoginFailures()
    for _ in range(9):
        failures.note("rtsp", NVR, "alice", 0.0)
    assert failures.note("http", "192.0.2.8", "alice", 0.0) == FIRST_DELAY_S


def test_rtsp_and_http_wait_together_and_are_counted_apart() -> None:
    failures = LoginFailures()
    assert failures.counts == {}
    failures.note("rtsp", NVR, "alice", 0.0)
    assert failures.note("http", NVR, "alice", 0.0) == 2 * FIRST_DELAY_S
    assert (failures.counts["rtsp"], failures.counts["http"]) == (1, 1)


def test_a_quiet_minute_is_forgiven() -> None:
    failures = LoginFailures()
    for now in (0.0, FORGET_AFTER_S - 1):
        failures.note("rtsp", NVR, "alice", now)
    assert failures.note("rtsp", NVR, "alice", 2 * FORGET_AFTER_S - 2) == 4 * FIRST_DELAY_S
    assert failures.note("rtsp", NVR, "alice", 3 * FORGET_AFTER_S) == FIRST_DELAY_S


def test_a_network_of_ipv6_addresses_is_one_peer() -> None:
    failures = LoginFailures()
    failures.note("rtsp", "2001:db8::1", "alice", 0.0)
    assert failures.note("rtsp", "2001:db8::ffff:1", "alice", 0.0) == 2 * FIRST_DELAY_S
    assert failures.note("rtsp", "2001:db8:0:1::1", "alice", 0.0) == FIRST_DELAY_S
    assert failures.note("rtsp", "fe80::1%eth0", "alice", 0.0) == FIRST_DELAY_S


def test_only_so_many_addresses_are_remembered_and_the_quietest_is_forgotten() -> None:
    failures = LoginFailures()
    failures.note("rtsp", NVR, "alice", 0.0)
    for number in range(MAX_ADDRESSES):
        failures.note("rtsp", f"10.0.{number // 256}.{number % 256}", "alice", 0.0)
        failures.note("rtsp", "198.51.100.1", "alice", 0.0)
    assert len(failures._addresses) == MAX_ADDRESSES
    assert failures.note("rtsp", NVR, "alice", 0.0) == FIRST_DELAY_S
    assert failures.note("rtsp", "198.51.100.1", "alice", 0.0) == LONGEST_DELAY_S


def test_the_log_says_who_and_how_often_once_a_second(caplog: pytest.LogCaptureFixture) -> None:
    failures = LoginFailures()
    with caplog.at_level(logging.WARNING):
        for now in (0.0, 0.1, 0.9, 1.0):
            failures.note("rtsp", NVR, "front-desk", now)
        failures.note("http", "192.0.2.8", "nvr", 1.0)
    assert caplog.messages == [
        "login failed protocol=rtsp peer=192.0.2.7 user=front-desk failures=1",
        "login failed protocol=rtsp peer=192.0.2.7 user=front-desk failures=4",
        "login failed protocol=http peer=192.0.2.8 user=nvr failures=1",
    ]


@pytest.mark.parametrize("user", ["p@ssw0rd!", "a b", "", "x" * 65, "ä", "a\nlogin ok", "\udc80"])
def test_what_is_no_user_name_is_not_logged(user: str, caplog: pytest.LogCaptureFixture) -> None:
    LoginFailures().note("rtsp", NVR, user, 0.0)
    assert caplog.messages == ['login failed protocol=rtsp peer=192.0.2.7 user="(no user name)" failures=1']
