"""UniFi Protect: GET_PARAMETER about each 10 s; a 454 makes it cut and pull anew (thingino-firmware#490)."""

import pytest

from tests.support.rtsp.ladder import Ladder


@pytest.mark.parametrize("session", [(), ("Session: 1A2B3C40",), ("Session: 1A2B3C40;timeout=60",), ("Session: 0",)])
def test_get_parameter_is_always_200(ladder: Ladder, session: tuple[str, ...]) -> None:
    ladder.play()
    for cseq in range(10, 20):
        ladder.wait(s=10)
        ladder.peer("GET_PARAMETER rtsp://cam:554/main RTSP/1.0", f"CSeq: {cseq}", *session)
        assert ladder.expect(200, cseq=str(cseq)).body == b""
    ladder.expect_nothing()
