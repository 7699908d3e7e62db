"""The server's side of RTSP: one connection, its sessions, and the table of states."""
