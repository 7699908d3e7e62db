"""A packetizer for each codec: access units in, `PacketizedFrame` out (a payload format of RTP)."""
