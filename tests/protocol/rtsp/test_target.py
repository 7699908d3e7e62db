import pytest

from edge_streamer.protocol.rtsp.target import Target, parse_target

MAIN = "rtsp://cam:8554/main/"

CASES = [
    ("rtsp://cam:8554/main", "main", None, MAIN),
    ("rtsp://cam:8554/main/", "main", None, MAIN),
    ("rtsp://cam:8554/main/trackID=0", "main", 0, MAIN),
    ("rtsp://cam:8554/main/trackID=0/", "main", 0, MAIN),
    ("rtsp://cam:8554/main/trackid=12", "main", 12, MAIN),
    ("rtsp://cam:8554/main?a=b/trackID=0", "main", 0, MAIN),  # ffmpeg, Scrypted
    ("rtsp://cam:8554/main/?a=b/trackID=0", "main", 0, MAIN),
    ("rtsp://cam:8554/main/trackID=0?a=b", "main", 0, MAIN),  # GStreamer
    ("rtsp://cam:8554/main?user=admin&password=secret", "main", None, MAIN),
    ("rtsp://admin:secret@cam:8554/main", "main", None, MAIN),
    ("rtsp://admin:se@cret@cam:8554/main", "main", None, MAIN),
    ("RTSP://cam:8554/main", "main", None, MAIN),
    ("rtsp://cam:8554/main/*", "main", None, MAIN),  # the session's control attribute, joined as a name
    ("rtsp://cam:8554/main/*/", "main", None, MAIN),
    ("rtsp://cam:8554/main/*/trackID=0", "main", 0, MAIN),
    ("rtsp://cam:8554/main/*/trackID=0?a=b", "main", 0, MAIN),
    ("rtsp://cam:8554/main?a=b/*", "main", None, MAIN),
    ("rtsp://cam:8554/main?a=b/*/trackID=0", "main", 0, MAIN),
    ("rtsp://cam:8554/main/*?a=b", "main", None, MAIN),
    ("rtsp://cam/live/main/*", "live/main", None, "rtsp://cam/live/main/"),
    ("rtsp://cam/main*", "main*", None, "rtsp://cam/main*/"),
    ("rtsp://cam/*", "*", None, "rtsp://cam/*/"),
    ("rtsps://cam/main", "main", None, "rtsps://cam/main/"),
    ("rtsp://[2001:db8::1]:8554/main", "main", None, "rtsp://[2001:db8::1]:8554/main/"),
    ("rtsp://[fe80::1%eth0]:8554/main", "main", None, "rtsp://[fe80::1]:8554/main/"),  # a zone is the client's own
    ("rtsp://[fe80::1%25eth0.100]/main/trackID=0", "main", 0, "rtsp://[fe80::1]/main/"),  # RFC 6874
    ("rtsp://admin:secret@[fe80::1%en-0_a]:554/main", "main", None, "rtsp://[fe80::1]:554/main/"),
    ("rtsp://cam/live/main", "live/main", None, "rtsp://cam/live/main/"),
    ("rtsp://cam//main//", "main", None, "rtsp://cam/main/"),
    ("rtsp://cam/my%20cam", "my cam", None, "rtsp://cam/my%20cam/"),
    ("rtsp://cam/caf\u00c3\u00a9", "café", None, "rtsp://cam/caf\u00c3\u00a9/"),  # UTF-8 as Latin-1, as it comes
    ("rtsp://cam/main/trackID=1000", "main/trackID=1000", None, "rtsp://cam/main/trackID=1000/"),
    ("rtsp://cam/maintrackID=0", "maintrackID=0", None, "rtsp://cam/maintrackID=0/"),
    ("rtsp://cam/trackID=0", "", 0, "rtsp://cam/"),
    ("rtsp://cam", "", None, "rtsp://cam/"),
    ("rtsp://cam/a%0d%0ab%00", "a\ufffd\ufffdb\ufffd", None, "rtsp://cam/a%0d%0ab%00/"),
    ("rtsp://cam/a%ff", "a\ufffd", None, "rtsp://cam/a%ff/"),
    # No host that could be repeated: the address the client reached stands in.
    ("/main/trackID=0", "main", 0, "rtsp://192.0.2.1/main/"),
    ("main", "main", None, "rtsp://192.0.2.1/main/"),
    ("rtsp:///main", "main", None, "rtsp://192.0.2.1/main/"),
    ("rtsp://admin:sec/ret@cam/main", "ret@cam/main", None, "rtsp://192.0.2.1/ret@cam/main/"),
    ("rtsp://a b/main", "main", None, "rtsp://192.0.2.1/main/"),
    ("rtsp://[%eth0]/main", "main", None, "rtsp://192.0.2.1/main/"),
    ("rtsp://[fe80::1%]/main", "main", None, "rtsp://192.0.2.1/main/"),
    ("rtsp://cam%eth0/main", "main", None, "rtsp://192.0.2.1/main/"),
    ("http://cam/main", "http://cam/main", None, "rtsp://192.0.2.1/http://cam/main/"),
    ("*", "*", None, "rtsp://192.0.2.1/*/"),
]


@pytest.mark.parametrize(("uri", "path", "track", "base_url"), CASES)
def test_parse(uri: str, path: str, track: int | None, base_url: str) -> None:
    assert parse_target(uri, "192.0.2.1") == Target(path, track, base_url)


@pytest.mark.parametrize("uri", [case[0] for case in CASES])
def test_the_base_url_means_the_same_stream_again(uri: str) -> None:
    target = parse_target(uri, "192.0.2.1")
    again = parse_target(target.base_url, "198.51.100.1")
    assert (again.path, again.base_url) == (target.path, target.base_url)


@pytest.mark.parametrize("uri", [case[0] for case in CASES])
def test_no_secret_is_repeated(uri: str) -> None:
    target = parse_target(uri, "192.0.2.1")
    assert "secret" not in target.base_url
    assert "admin" not in target.base_url


def test_an_ipv6_host_of_ours_gets_its_brackets() -> None:
    assert parse_target("/main", "2001:db8::1").base_url == "rtsp://[2001:db8::1]/main/"


def test_the_control_url_is_what_clients_join_from_content_base_and_sdp() -> None:
    assert parse_target("rtsp://cam/main", "").control_url(0) == "rtsp://cam/main/trackID=0"


def test_a_url_of_stars_takes_no_longer_than_another() -> None:
    """A pattern that steps back from each of them would take minutes here."""
    uri = "rtsp://cam/main" + "/*" * 100_000
    assert parse_target(uri, "").path == "main"
    assert parse_target(uri + "x", "").path == uri.removeprefix("rtsp://cam/") + "x"
