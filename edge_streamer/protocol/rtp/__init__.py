"""RTP (RFC 3550): `packets` are a frame's packets and the wire images of them, `packetizers/` make them for each codec,
`rtcp` writes reports and reads the viewers'."""
