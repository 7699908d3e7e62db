"""One RTSP header a file: the parser of what clients send, the encoder of what the server answers, or both."""
