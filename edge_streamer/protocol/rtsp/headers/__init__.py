"""One RTSP header a file: each parses what clients send and encodes what we answer, from one case table."""
