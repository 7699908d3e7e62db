"""HTTP/1.1 as a thin layer over h11: one request at a time, one reply, keep-alive."""
