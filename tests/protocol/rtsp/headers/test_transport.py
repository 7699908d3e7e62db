import pytest

from edge_streamer.protocol.rtsp.headers.transport import (
    MulticastTarget,
    TransportOffer,
    TransportReply,
    parse_transport,
)

TCP = TransportOffer("tcp")
UDP = TransportOffer("udp")
MULTICAST = TransportOffer("multicast")
GROUP = MulticastTarget("239.255.42.1", (51000, 51001), 1, "198.51.100.1")
TCP_0_1 = TransportOffer("tcp", interleaved=(0, 1))
UDP_PORTS = TransportOffer("udp", client_ports=(20000, 20001))

OFFERS = [
    ("RTP/AVP/TCP;unicast;interleaved=0-1", (TCP_0_1,)),  # go2rtc, retina
    ("rtp/avp/tcp ; UNICAST ; Interleaved = 0-1", (TCP_0_1,)),
    ("RTP/AVP/TCP;unicast", (TCP,)),  # Genetec, ZoneMinder
    ("RTP/AVP/TCP;interleaved=168-169", (TransportOffer("tcp", interleaved=(168, 169)),)),  # IndigoVision
    ("RTP/AVP/TCP;interleaved=1-2", (TransportOffer("tcp", interleaved=(1, 2)),)),  # Qognify
    ("RTP/AVP/TCP;interleaved=4", (TransportOffer("tcp", interleaved=(4, 5)),)),
    ("RTP/AVP/TCP;interleaved=254-255", (TransportOffer("tcp", interleaved=(254, 255)),)),
    ("RTP/AVP/TCP;interleaved=255", (TCP,)),
    ("RTP/AVP/TCP;interleaved=255-256", (TCP,)),
    ("RTP/AVP/TCP;interleaved=3-3", (TCP,)),
    ("RTP/AVP/TCP;interleaved=a-b", (TCP,)),
    ("RTP/AVP/TCP;interleaved=", (TCP,)),
    ("RTP/AVP/UDP;unicast;client_port=20000-20001", (UDP_PORTS,)),  # ffmpeg
    ("RTP/AVP;unicast;client_port=20000-20001", (UDP_PORTS,)),  # VLC
    ("RTP/AVP;unicast;client_port=20000", (UDP_PORTS,)),
    ("RTP/AVP;client_port=0-0", (UDP,)),
    ("RTP/AVP;client_port=65535", (UDP,)),
    ("RTP/AVP;client_port=20000-70000", (UDP,)),
    ("RTP/AVP;unicast", (UDP,)),
    ("RTP/AVP;unicast;destination=198.51.100.9;client_port=20000-20001", (UDP_PORTS,)),
    ('RTP/AVP/TCP;mode="PLAY"', (TCP,)),
    ("RTP/AVP/TCP;mode=", (TCP,)),
    ("RTP/AVP/TCP;mode=receive", (TransportOffer("tcp", mode="receive"),)),
    ('RTP/AVP/TCP;mode="PLAY,RECORD"', (TransportOffer("tcp", mode="play,record"),)),
    ("RTP/AVP/TCP;mode=record", (TransportOffer("tcp", mode="record"),)),
    ("RTP/AVP;multicast", (MULTICAST,)),
    ("RTP/AVP/UDP;multicast", (MULTICAST,)),  # ffmpeg
    ("RTP/AVP;Multicast;destination=198.51.100.9;port=6000-6001;ttl=255;mode=play", (MULTICAST,)),
    ("RTP/AVP/TCP;multicast;interleaved=0-1", ()),
    ("RTP/SAVP;multicast", ()),
    ("RTP/SAVP;unicast;client_port=1-2", ()),
    ("RAW/RAW/UDP", ()),
    ("", ()),
    (",,;", ()),
    ('RTP/AVP/TCP;mode="', (TransportOffer("tcp"),)),
    (  # GStreamer
        "RTP/AVP;unicast;client_port=20000-20001,RTP/AVP;multicast,RTP/AVP/TCP;unicast;interleaved=0-1",
        (UDP_PORTS, MULTICAST, TCP_0_1),
    ),
]


@pytest.mark.parametrize(("value", "offers"), OFFERS)
def test_offers(value: str, offers: tuple[TransportOffer, ...]) -> None:
    assert parse_transport(value) == offers


@pytest.mark.parametrize(
    ("offer", "transports", "servable"),
    [
        (TCP, ("tcp",), True),
        (TCP, ("udp",), False),
        (UDP_PORTS, ("tcp", "udp"), True),
        (UDP_PORTS, ("tcp",), False),
        (UDP, ("tcp", "udp"), False),
        (TransportOffer("tcp", mode="receive"), ("tcp",), True),
        (TransportOffer("tcp", mode="play,record"), ("tcp",), True),
        (TransportOffer("tcp", mode="record"), ("tcp",), False),
        (MULTICAST, ("tcp", "multicast"), True),
        (MULTICAST, ("tcp", "udp"), False),
        (UDP, ("multicast",), False),
    ],
)
def test_servable(offer: TransportOffer, transports: tuple[str, ...], servable: bool) -> None:
    assert offer.is_servable(transports) is servable


REPLIES = [
    (TransportReply("tcp", 0xD6D66271, channels=(0, 1)), "RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=D6D66271"),
    (TransportReply("tcp", 0xD6D662, channels=(168, 169)), "RTP/AVP/TCP;unicast;interleaved=168-169;ssrc=00D6D662"),
    (
        TransportReply("udp", 1, client_ports=(20000, 20001), server_ports=(50000, 50001)),
        "RTP/AVP;unicast;client_port=20000-20001;server_port=50000-50001;ssrc=00000001",
    ),
    (
        TransportReply("multicast", 0xD6D66271, target=GROUP),
        "RTP/AVP;multicast;destination=239.255.42.1;source=198.51.100.1;port=51000-51001;ttl=1;ssrc=D6D66271",
    ),
    (
        TransportReply("multicast", 1, target=MulticastTarget("ff15::42:1", (51002, 51003), 16, "2001:db8::1")),
        "RTP/AVP;multicast;destination=ff15::42:1;source=2001:db8::1;port=51002-51003;ttl=16;ssrc=00000001",
    ),
]


@pytest.mark.parametrize(("reply", "text"), REPLIES)
def test_a_reply_is_one_transport_with_the_places_of_the_offer(reply: TransportReply, text: str) -> None:
    assert reply.encode() == text
    (offer,) = parse_transport(text)
    assert (offer.lower, offer.interleaved, offer.client_ports) == (reply.lower, reply.channels, reply.client_ports)


@pytest.mark.parametrize(
    ("lower", "places"),
    [
        ("tcp", {}),
        ("tcp", {"channels": (0, 1), "client_ports": (1, 2)}),
        ("tcp", {"client_ports": (1, 2), "server_ports": (3, 4)}),
        ("udp", {"client_ports": (1, 2)}),
        ("udp", {"channels": (0, 1)}),
        ("udp", {"client_ports": (1, 2), "server_ports": (3, 4), "target": GROUP}),
        ("multicast", {}),
        ("multicast", {"channels": (0, 1), "target": GROUP}),
    ],
)
def test_a_mixed_reply_cannot_be_built(lower: str, places: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="cannot have these places"):
        TransportReply(lower, 1, **places)


@pytest.mark.parametrize("ssrc", [-1, 1 << 32])
def test_an_ssrc_has_32_bits(ssrc: int) -> None:
    with pytest.raises(ValueError, match="32 bits"):
        TransportReply("tcp", ssrc, channels=(0, 1))
