"""Multicast: one sender for each stream, however many sessions listen to its group.

The stream delivers each frame once, to a `MulticastSender`. A session does not join the stream: as a `MulticastMember`
it joins the sender, which plays while at least one member plays, so the cost of a frame does not depend on their
number. The sender's sockets are open from the first SETUP, so that a machine without a route to the group answers 461
and the client takes another transport, until the last session has ended, when the group is sent BYE. Reports go to the
group, once for all members (RFC 3550 section 6.2).

Every packet reaches all members. When another viewer joins, the sender therefore asks for a key frame as soon as the
stream's rate limit for such requests allows, and never repeats the frames since the last key frame, which the other
members have had.
"""

from collections.abc import Callable, Mapping

from edge_streamer.media.stream import Stream
from edge_streamer.protocol.rtp.packets import PacketizedFrame
from edge_streamer.protocol.rtp.rtcp import sender_ssrc
from edge_streamer.protocol.rtsp.headers.transport import MulticastTarget, TransportOffer, TransportReply
from edge_streamer.runtime.loop import Loop
from edge_streamer.runtime.udp.multicast import GroupAddress, MulticastGroup
from edge_streamer.services.rtsp.channel import Channel
from edge_streamer.services.rtsp.wire import FedSession, OpenedTransport, Traffic, WireEvents


class MulticastTransport:
    """Opens memberships, and has one sender for each stream that a session is set up for."""

    def __init__(
        self, loop: Loop, addresses: Mapping[str, GroupAddress], cname: str, on_closed: Callable[[Traffic], None]
    ) -> None:
        """`addresses` has the streams' groups by name; `on_closed` is given the traffic of each sender that ends."""
        self._loop = loop
        self.addresses = addresses
        self._cname = cname
        self._on_closed = on_closed
        self._senders: dict[Stream, MulticastSender] = {}

    def open(self, stream: Stream, offer: TransportOffer, channel: Channel) -> OpenedTransport:
        """Make one more session a member; OSError when the group is out of reach. The offer is ignored: the server
        alone decides where it sends."""
        del offer, channel
        sender = self._senders.get(stream) or self._open_sender(stream)
        address = sender.group.address
        target = MulticastTarget(address.host, address.ports, address.ttl, sender.group.source_host)
        member = MulticastMember(sender)
        return OpenedTransport(TransportReply("multicast", stream.identity.ssrc, target=target), member, member, None)

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
        """Return the traffic of the open senders."""
        return tuple(self._senders.values())


class MulticastSender:
    """The stream's `Viewer` that sends to its group while at least one of the members plays."""

    name = "multicast"
    batch_kind = None
    room_bytes = None  # the stream paces datagrams

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
        self._members: dict[MulticastMember, None] = {}  # set up; in their order
        self._playing: set[MulticastMember] = set()
        self._is_watching = False
        self._has_started = False
        self._owes_key_frame = False
        group.start(loop, self._take_rtcp, self._give_up)

    @property
    def sent_bytes(self) -> int:
        """RTP bytes that the kernel took, counted once for all members."""
        return self.group.sender.sent_bytes

    @property
    def sent_packets(self) -> int:
        """RTP packets that the kernel took, counted once for all members."""
        return self.group.sender.sent_packets

    # --- sessions come and go

    def add(self, member: "MulticastMember") -> None:
        """Keep the group open for one more session."""
        self._members[member] = None

    def remove(self, member: "MulticastMember") -> None:
        """Remove a session that has ended; after the last one, send BYE to the group and close it."""
        del self._members[member]
        if not self._members:
            if self._has_started:
                self.group.send_rtcp(self.stream.track.goodbye(self._cname, ""))
            self.group.close()
            self._on_closed(self)

    def play(self, member: "MulticastMember", session: FedSession, now: float) -> None:
        """Answer PLAY at once, without RTP-Info: the next packet's time is not known. Then ask for a key frame."""
        self._playing.add(member)
        session.answer_at_last()
        if member not in self._playing:
            return  # a TEARDOWN or PAUSE came right behind PLAY
        if self._is_watching:
            self._owes_key_frame = True
            self._ask_for_key_frame(now)
        else:
            self._is_watching = True
            self.stream.join(self, now)

    def pause(self, member: "MulticastMember") -> None:
        """Stop sending when no member plays any more."""
        self._playing.discard(member)
        if not self._playing:
            self._is_watching = False
            self.stream.leave(self)

    # --- the stream's calls

    def start(self, first: PacketizedFrame) -> None:
        """Have a report sent after `first`: a receiver drops the report of an SSRC that it does not know yet."""
        del first
        self._has_started = True
        self._owes_key_frame = False  # all members so far begin with `first`
        self._post_report()

    def deliver(self, frame: PacketizedFrame) -> None:
        """Send a frame to the group, and ask again for a key frame that has not come yet."""
        if not self.group.send_runs(frame.datagrams()):
            self.discarded_frames += 1
        if not self._owes_key_frame:
            return
        if frame.is_key_frame:
            self._owes_key_frame = False
            self._post_report()  # as for the group's first frame: the member that asked begins with this one
        else:
            self._ask_for_key_frame(self._loop.now())

    def skip(self, frames: int) -> bool:
        """Never: at its pace, a late group reaches the others."""
        del frames
        return False

    def on_fault(self, error: Exception) -> None:
        """End all sessions of the group: the server's code raised `error` while it sent a frame."""
        self._loop.report_fault(error, None)
        self._give_up()

    def _give_up(self) -> None:
        self._is_watching = False
        for member in tuple(self._members):
            if member.events is not None:
                member.events.on_failed()

    def _ask_for_key_frame(self, now: float) -> None:
        self.stream.key_frame_requests.request(now)

    # --- RTCP

    def _post_report(self) -> None:
        self._loop.post(lambda: self.send_report(self._loop.now()))

    def send_report(self, now: float) -> None:
        """Send SR + SDES for `now`, if it plays and the stream has had a frame."""
        report = self.stream.sender_report(now, self._cname) if self._is_watching else None
        if report is not None:
            self.group.send_rtcp(report)

    def _take_rtcp(self, packet: bytes, host: str) -> None:
        if sender_ssrc(packet) in (None, self.stream.identity.ssrc):
            return  # garbage, or a packet of this sender
        for member in tuple(self._members):
            if member.events is not None and member.events.peer_host == host:
                member.events.on_rtcp(packet)


class MulticastMember:
    """A session's membership in a group: its `Wire` and its `Feed`. No packet is sent for one member alone, so its
    traffic and its backlog are 0."""

    name = "multicast"
    channel = None
    sent_bytes = 0
    sent_packets = 0
    discarded_frames = 0
    backlog_bytes = 0

    def __init__(self, sender: MulticastSender) -> None:
        self.events: WireEvents | None = None  # between `start` and `close`
        self._sender = sender
        sender.add(self)

    # --- the wire

    def start(self, events: WireEvents) -> None:
        """Pass on the reports of the session's host to the group, and a failure of the sender."""
        self.events = events

    def oldest_unsent_age_s(self, now: float) -> float:
        """0: nothing waits."""
        del now
        return 0.0

    def tcp_info(self) -> None:
        """None: media goes by UDP."""

    def close(self) -> None:
        """End the membership; the group stays open for the other members."""
        self._sender.remove(self)
        self.events = None

    # --- the feed

    def join(self, session: FedSession, now: float) -> None:
        """Begin to play; the sender joins the stream if it has not yet."""
        self._sender.play(self, session, now)

    def leave(self) -> None:
        """Stop playing; the sender leaves the stream if no other member plays."""
        self._sender.pause(self)

    def start_from_cache(self) -> bool:
        """Return False: the other members have had the frames since the last key frame."""
        return False
