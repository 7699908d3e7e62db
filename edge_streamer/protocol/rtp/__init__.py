"""RTP (RFC 3550). `packets`: a frame's packets and their wire images; `packetizers/`: a module for each codec, which
makes the packets; `rtcp`: writes reports and reads the viewers' reports."""
