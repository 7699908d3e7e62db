"""Logging in on the wire: section 4.3's exchanges of clients that were read, and what must not be possible."""

import pytest

from edge_streamer.protocol.digest import Algorithm
from edge_streamer.protocol.rtsp.server.events import ProtocolErrorOccurred, RefusalRequested
from tests.support.rtsp.digest_client import DigestClient
from tests.support.rtsp.locked_ladder import ALICE, BOB, LockedLadder, locked_ladder

URL = "rtsp://cam:554/main"
BASE = f"{URL}/"
SETUP_URL = f"{URL}/trackID=0"
TCP = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1"
WRONG = DigestClient("alice", "a bad password")


def test_go2rtc_logs_in_with_describe_and_keeps_to_the_nonce() -> None:
    ladder = locked_ladder()
    ladder.peer(
        f"DESCRIBE {URL} RTSP/1.0",
        "CSeq: 1",
        "User-Agent: go2rtc/1.9.9",
        "Accept: application/sdp",
        "Require: www.onvif.org/ver20/backchannel",
    )
    challenge = ladder.expect_challenge()
    assert set(challenge) == {"realm", "nonce"}
    ladder.peer(f"DESCRIBE {URL} RTSP/1.0", "CSeq: 2", f"Authorization: {ALICE.answer(challenge, 'DESCRIBE', URL)}")
    ladder.expect(200, cseq="2", content_base=BASE)
    ladder.peer(
        f"SETUP {SETUP_URL} RTSP/1.0", "CSeq: 3", TCP, f"Authorization: {ALICE.answer(challenge, 'SETUP', SETUP_URL)}"
    )
    session = ladder.expect(200).session_id
    ladder.peer(
        f"PLAY {BASE} RTSP/1.0",
        "CSeq: 4",
        f"Session: {session}",
        f"Authorization: {ALICE.answer(challenge, 'PLAY', BASE)}",
    )
    ladder.expect(200)
    assert ladder.session.user == "alice"
    ladder.wait(s=3600)  # however long it lasts, nobody has to log in again
    ladder.peer(
        f"OPTIONS {BASE} RTSP/1.0", "CSeq: 5", f"Session: {session}",
        f"Authorization: {ALICE.answer(challenge, 'OPTIONS', BASE)}",
    )  # fmt: skip
    ladder.expect(200)


def test_go2rtc_brings_its_old_nonce_to_a_new_connection() -> None:
    old = locked_ladder()
    old.request("DESCRIBE", URL)
    old_challenge = old.expect_challenge()
    new = old.connect()
    new.peer(f"DESCRIBE {URL} RTSP/1.0", "CSeq: 1", f"Authorization: {ALICE.answer(old_challenge, 'DESCRIBE', URL)}")
    challenge = new.expect_challenge()  # at once: it is no wrong password
    assert challenge["nonce"] != old_challenge["nonce"]
    assert "stale" not in challenge
    new.request("DESCRIBE", URL, as_user=ALICE)
    new.expect(200)


def test_ffmpeg_logs_in() -> None:
    ladder = locked_ladder()
    ladder.request("OPTIONS", URL, "User-Agent: Lavf60.16.100")
    ladder.expect(200)
    ladder.request("DESCRIBE", URL, "Accept: application/sdp")
    ladder.expect_challenge()
    ladder.request("DESCRIBE", URL, as_user=ALICE)
    ladder.expect(200)
    ladder.request("SETUP", SETUP_URL, "Transport: RTP/AVP/UDP;unicast;client_port=20000-20001", as_user=ALICE)
    ladder.expect(200)


def test_vlc_names_the_base_url_in_the_digest_of_setup() -> None:
    ladder = locked_ladder()
    ladder.request("SETUP", SETUP_URL, TCP, as_user=ALICE, digest_uri=BASE)
    ladder.expect(200)


def test_happytime_names_the_base_url_without_its_slash() -> None:
    ladder = locked_ladder()
    ladder.request("SETUP", SETUP_URL, TCP, as_user=ALICE, digest_uri=URL)
    ladder.expect(200)


def test_bosch_bvms_names_the_path_only() -> None:
    ladder = locked_ladder()
    ladder.request("DESCRIBE", URL, as_user=ALICE, digest_uri="/main")
    ladder.expect(200)


def test_scrypted_quotes_the_algorithm() -> None:
    ladder = locked_ladder()
    ladder.request("DESCRIBE", URL)
    value = ALICE.answer(ladder.expect_challenge(), "DESCRIBE", URL, more=', algorithm="MD5"')
    ladder.peer(f"DESCRIBE {URL} RTSP/1.0", "CSeq: 1", f"Authorization: {value}")
    ladder.expect(200)


@pytest.mark.parametrize("quoted", [False, True])
def test_a_client_may_use_qop_though_none_is_offered(quoted: bool) -> None:
    ladder = locked_ladder()
    ladder.request("DESCRIBE", URL)
    value = ALICE.answer(ladder.expect_challenge(), "DESCRIBE", URL, qop=True)
    if quoted:
        value = value.replace("qop=auth, nc=00000001", 'qop="auth", nc="00000001"')
    ladder.peer(f"DESCRIBE {URL} RTSP/1.0", "CSeq: 1", f"Authorization: {value}")
    ladder.expect(200)


def test_exoplayer_writes_everything_in_lower_case() -> None:
    ladder = locked_ladder()
    ladder.peer(f"DESCRIBE {URL} RTSP/1.0", "cseq: 0")
    value = ALICE.answer(ladder.expect_challenge(), "DESCRIBE", URL)
    ladder.peer(f"DESCRIBE {URL} RTSP/1.0", "cseq: 1", f"authorization: {value}")
    ladder.expect(200, cseq="1")


@pytest.mark.parametrize("uri", [URL, "*"])
@pytest.mark.parametrize(
    "more", [(), ("Authorization: Basic Og==", "User-Agent: Java / Seetec")], ids=["ZM", "Qognify"]
)
def test_options_needs_no_login(uri: str, more: tuple[str, ...]) -> None:
    ladder = locked_ladder()
    ladder.request("OPTIONS", uri, *more)
    ladder.expect(200, www_authenticate=None)


def test_grandstream_sends_a_corrupt_digest_after_the_right_one() -> None:
    ladder = locked_ladder()
    ladder.request("DESCRIBE", URL, as_user=ALICE)
    ladder.expect(200)
    ladder.request("SETUP", SETUP_URL, TCP, as_user=WRONG)
    ladder.expect(200)
    assert ladder.session.user == "alice"


def test_another_user_may_take_over_a_connection() -> None:
    ladder = locked_ladder()
    ladder.request("DESCRIBE", URL, as_user=ALICE)
    ladder.request("SETUP", SETUP_URL, TCP, as_user=BOB)
    ladder.forget()
    assert ladder.session.user == "bob"


@pytest.mark.parametrize(
    "method", ["DESCRIBE", "SETUP", "PLAY", "PAUSE", "TEARDOWN", "GET_PARAMETER", "SET_PARAMETER", "X"]
)
def test_everything_else_needs_a_login_and_the_connection_stays(method: str) -> None:
    ladder = locked_ladder()
    ladder.request(method, URL, TCP)
    ladder.expect_challenge()
    assert not ladder.protocol.closing
    ladder.request("DESCRIBE", URL, as_user=ALICE)
    ladder.expect(200)


def test_a_session_of_somebody_else_cannot_be_used_without_a_login() -> None:
    viewer = locked_ladder()
    viewer.request("SETUP", SETUP_URL, "Transport: RTP/AVP;unicast;client_port=5000-5001", as_user=ALICE)
    session = viewer.expect(200).session_id
    viewer.forget()
    other = viewer.connect()  # from the same address: by RFC 2326 it might take the session over
    for method in ("PLAY", "TEARDOWN"):
        other.request(method, URL, f"Session: {session}")
        other.expect_challenge()
    assert viewer.session.connection_id == 1
    viewer.expect_nothing()


def test_a_wrong_password_waits_and_what_is_behind_it_waits_too() -> None:
    ladder = locked_ladder()
    ladder.request("DESCRIBE", URL, as_user=WRONG)
    failed = ladder.expect_failure("alice")
    assert "good" not in repr(failed)
    ladder.request("OPTIONS", URL)
    ladder.request("DESCRIBE", URL, as_user=ALICE)
    ladder.wait(s=2)
    ladder.expect_nothing()
    assert ladder.protocol.is_waiting, "wrong passwords hold no place"
    ladder.refuse(failed)
    ladder.expect_challenge()
    ladder.expect(200, public="OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE, TEARDOWN, GET_PARAMETER, SET_PARAMETER")
    ladder.expect(200, content_base=BASE)
    ladder.expect_nothing()
    assert not ladder.protocol.has_question


def test_who_sends_much_behind_a_wrong_password_is_ended() -> None:
    ladder = locked_ladder()
    ladder.request("DESCRIBE", URL, as_user=WRONG)
    ladder.expect_failure("alice")
    for _ in range(3):
        ladder.send(b"x" * 100_000)
    ladder.expect_event(ProtocolErrorOccurred, kind="pipeline_limit")
    ladder.expect(400)
    assert ladder.protocol.closing


def test_who_hangs_up_is_not_answered() -> None:
    ladder = locked_ladder()
    ladder.request("DESCRIBE", URL, as_user=WRONG)
    ladder.expect_failure("alice")
    ladder.hang_up()
    ladder.expect_nothing()
    assert not ladder.protocol.has_question


def test_each_challenge_is_a_field_of_its_own() -> None:
    ladder = locked_ladder(Algorithm.MD5, Algorithm.SHA_256, basic=True)
    ladder.request("DESCRIBE", URL)
    lines = [line for line in ladder.sent.decode().split("\r\n") if line.startswith("WWW-Authenticate: ")]
    assert lines == [
        f'WWW-Authenticate: Digest realm="edge_streamer", nonce="{ladder.nonce}"',
        f'WWW-Authenticate: Digest realm="edge_streamer", nonce="{ladder.nonce}", algorithm=SHA-256',
        'WWW-Authenticate: Basic realm="edge_streamer"',
    ]


def test_basic_where_it_is_wished() -> None:
    ladder = locked_ladder(basic=True)
    ladder.request("DESCRIBE", URL, f"Authorization: {ALICE.basic()}")
    ladder.expect(200)
    ladder = locked_ladder()
    ladder.request("DESCRIBE", URL, f"Authorization: {ALICE.basic()}")
    ladder.expect_challenge()


def login(data: bytes, cut: int) -> LockedLadder:
    ladder = locked_ladder()
    for part in (data[:cut], data[cut:]):
        ladder.send(part)
    return ladder


def test_a_login_cut_anywhere_is_a_login() -> None:
    challenge = {"realm": "edge_streamer", "nonce": "nonce-of-connection-1"}
    lines = (
        f"DESCRIBE {URL} RTSP/1.0",
        "CSeq: 1",
        f"Authorization: {ALICE.answer(challenge, 'DESCRIBE', URL)}",
        "",
        "",
    )
    data = "\r\n".join(lines).encode()
    for cut in range(len(data) + 1):
        login(data, cut).expect(200)
    wrong = data.replace(b'response="', b'response="0')
    for cut in range(len(wrong) + 1):
        login(wrong, cut).expect_event(RefusalRequested, user="alice")
