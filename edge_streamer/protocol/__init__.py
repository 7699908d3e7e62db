"""Sans-IO protocols: bytes and `now` in, values and bytes out. No socket, clock, file or logger lives here."""
