"""RTP-Info (RFC 2326 section 12.33): sequence number and time of the first packet after a PLAY reply."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RtpInfo:
    """The first packet then sent: `seq` its 16-bit number, `rtptime` its 32-bit timestamp.

    `url` is the track's control URL as the client derived it (ffmpeg compares the text), without userinfo.
    """

    url: str
    seq: int
    rtptime: int

    def __post_init__(self) -> None:
        if not (0 <= self.seq < 1 << 16 and 0 <= self.rtptime < 1 << 32):
            raise ValueError(f"no RTP position: seq {self.seq}, rtptime {self.rtptime}")

    def encode(self) -> str:
        """Return the field's value. It always has rtptime: retina needs it as soon as there are two streams."""
        return f"url={self.url};seq={self.seq};rtptime={self.rtptime}"
