"""A packetizer for each codec, by its RTP payload format: access units in, `PacketizedFrame` out."""
