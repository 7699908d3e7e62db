"""RTP (RFC 3550) and H.264 in it (RFC 6184). A frame's way: `h264` splits and prepares, `packetizer` makes packets.

`sps` (with `rbsp`) reads what a parameter set says of the picture, `clock` maps capture clocks onto the stream's one
timeline, `rtcp` writes reports and reads the viewers'.
"""
