"""Multicast: one sender for a stream, whatever number of sessions listen to its group.

A `MulticastSender` is what its stream delivers to, once a frame. Sessions do not join the stream but the sender (it is
their `playback.Feed`), which costs nothing per frame: it plays while one of them does. Its sockets are there from the
first SETUP, so that a machine without a way to the group says 461 and the client takes another transport, to the end of
the last session, which is when the group is told BYE. Reports go to the group, once for all (RFC 3550 section 6.2).

What one viewer would have got alone, everybody gets or nobody: a viewer that joins is given a key frame as soon as the
stream's rule allows to ask for one, and never the frames since the last, which all others have had.
"""

from collections.abc import Callable, Mapping

from edge_streamer.media.stream import Stream
from edge_streamer.protocol.rtp.packetizer import PacketizedFrame
from edge_streamer.protocol.rtp.rtcp import sender_ssrc
from edge_streamer.protocol.rtsp.headers.transport import MulticastTarget, TransportReply
from edge_streamer.runtime.loop import Loop
from edge_streamer.runtime.udp.multicast import GroupAddress, MulticastGroup
from edge_streamer.services.rtsp.playback import Playback
from edge_streamer.services.rtsp.transports.interleaved import Traffic


class MulticastSenders:
    """The senders that there are now: of each stream that a session is set up for, one."""

    def __init__(
        self, loop: Loop, addresses: Mapping[str, GroupAddress], cname: str, on_closed: Callable[[Traffic], None]
    ) -> None:
        """`addresses` has the streams' groups by name; `on_closed` is given what a sender has sent, at its end."""
        self._loop = loop
        self.addresses = addresses
        self._cname = cname
        self._on_closed = on_closed
        self._senders: dict[Stream, MulticastSender] = {}

    def open_wire(self, stream: Stream) -> tuple["MulticastWire", TransportReply]:
        """Return the wire of one more session, and what to answer its SETUP; OSError when the group is out of reach."""
        sender = self._senders.get(stream) or self._open_sender(stream)
        address = sender.group.address
        target = MulticastTarget(address.host, address.ports, address.ttl)
        return MulticastWire(sender), TransportReply("multicast", stream.identity.ssrc, target=target)

    def _open_sender(self, stream: Stream) -> "MulticastSender":
        address = self.addresses.get(stream.name)
        if address is None:
            raise OSError(f"{stream.name} has no multicast group before the service is restarted")
        group = MulticastGroup(address)
        self._senders[stream] = MulticastSender(self._loop, stream, group, self._cname, self._forget)
        return self._senders[stream]

    def _forget(self, sender: "MulticastSender") -> None:
        del self._senders[sender.stream]
        self._on_closed(sender)

    def send_reports(self, now: float) -> None:
        """Send each group its sender report."""
        for sender in self._senders.values():
            sender.send_report(now)

    def traffic(self) -> tuple[Traffic, ...]:
        """Return what the living senders have sent."""
        return tuple(self._senders.values())


class MulticastSender:
    """One stream's group: the stream's `Viewer`, and its sessions' `Feed`."""

    name = "multicast"
    batch_kind = None

    def __init__(
        self,
        loop: Loop,
        stream: Stream,
        group: MulticastGroup,
        cname: str,
        on_closed: Callable[["MulticastSender"], None],
    ) -> None:
        self.stream = stream
        self.group = group
        self.discarded_frames = 0
        self._loop = loop
        self._cname = cname
        self._on_closed = on_closed
        self._members: dict[MulticastWire, None] = {}  # set up; in their order
        self._playing: set[Playback] = set()
        self._is_watching = False
        self._has_started = False
        self._owes_key_frame = False
        group.start(loop, self._take_rtcp, self._give_up)

    @property
    def sent_bytes(self) -> int:
        """RTP bytes that the kernel took, once for everybody."""
        return self.group.sent_bytes

    @property
    def sent_packets(self) -> int:
        """RTP packets that the kernel took, once for everybody."""
        return self.group.sent_packets

    # --- sessions come and go

    def add(self, member: "MulticastWire") -> None:
        """Keep the group open for one more session."""
        self._members[member] = None

    def remove(self, member: "MulticastWire") -> None:
        """Say goodbye to the group when its last session has ended."""
        del self._members[member]
        if not self._members:
            if self._has_started:
                self.group.send_rtcp(self.stream.track.goodbye(self._cname, ""))
            self.group.close()
            self._on_closed(self)

    def join(self, viewer: Playback, now: float) -> None:
        """Answer PLAY at once, without RTP-Info: the next packet's time is not known. Then see to a key frame."""
        self._playing.add(viewer)
        viewer.answer_at_last()
        if self._is_watching:
            self._owes_key_frame = True
            self._ask_for_key_frame(now)
        else:
            self._is_watching = True
            self.stream.join(self, now)

    def leave(self, viewer: Playback) -> None:
        """Stop sending when nobody plays any more."""
        self._playing.discard(viewer)
        if not self._playing:
            self._is_watching = False
            self.stream.leave(self)

    def start_from_cache(self, viewer: Playback) -> bool:
        """Never: see the module."""
        del viewer
        return False

    def sender_report(self, now: float, cname: str) -> None:
        """None for a session alone: `send_report` reports to all."""
        del now, cname

    # --- the stream's calls

    def start(self, first: PacketizedFrame) -> None:
        """Begin with a report: it says when `first` was taken."""
        del first
        self._has_started = True
        self.send_report(self._loop.now())

    def deliver(self, frame: PacketizedFrame) -> None:
        """Send a frame to the group, and remind the source of a key frame that it owes."""
        if not self.group.send_runs(frame.datagrams()):
            self.discarded_frames += 1
        if frame.is_key_frame:
            self._owes_key_frame = False
        elif self._owes_key_frame:
            self._ask_for_key_frame(self._loop.now())

    def on_fault(self, error: Exception) -> None:
        """A frame could not be sent, by a fault of ours: end the sessions."""
        self._loop.report_fault(error, None)
        self._give_up()

    def _give_up(self) -> None:
        self._is_watching = False
        for member in tuple(self._members):
            member.on_failed()

    def _ask_for_key_frame(self, now: float) -> None:
        self.stream.key_frame_requests.request(now)

    # --- RTCP

    def send_report(self, now: float) -> None:
        """Send SR + SDES for `now`, if it plays and the stream has had a frame."""
        report = self.stream.sender_report(now, self._cname) if self._is_watching else None
        if report is not None:
            self.group.send_rtcp(report)

    def _take_rtcp(self, packet: bytes, host: str) -> None:
        if sender_ssrc(packet) in (None, self.stream.identity.ssrc):
            return  # garbage, or what we have sent ourselves
        for member in tuple(self._members):
            if member.host == host:
                member.on_rtcp(packet)


class MulticastWire:
    """A session's share of a group: nothing is sent for it alone, so it has no traffic and no backlog of its own."""

    name = "multicast"
    sent_bytes = 0
    sent_packets = 0
    discarded_frames = 0
    backlog_bytes = 0

    def __init__(self, sender: MulticastSender) -> None:
        self.sender = sender
        self.host = ""
        self.on_rtcp: Callable[[bytes], None] = _ignore
        self.on_failed: Callable[[], None] = _ignore_end
        sender.add(self)

    def start(self, host: str, on_rtcp: Callable[[bytes], None], on_failed: Callable[[], None]) -> None:
        """Hear what `host` reports to the group, and when the sender fails."""
        self.host = host
        self.on_rtcp = on_rtcp
        self.on_failed = on_failed

    def oldest_unsent_age_s(self, now: float) -> float:
        """0: nothing waits."""
        del now
        return 0.0

    def tcp_info(self) -> None:
        """Nothing: media goes by UDP."""

    def deliver(self, frame: PacketizedFrame) -> None:
        """Never called: the sender gets the stream's frames."""
        del frame
        raise AssertionError("a multicast session has joined its stream")

    def send_rtcp(self, packet: bytes) -> None:
        """Nothing: who leaves says nothing to those who stay, and reports are the sender's."""

    def close(self) -> None:
        """Leave the group to the others."""
        self.sender.remove(self)
        self.on_rtcp, self.on_failed = _ignore, _ignore_end


def _ignore(packet: bytes) -> None:
    """The session is not adopted yet, or over."""


def _ignore_end() -> None:
    """The session is not adopted yet, or over."""
