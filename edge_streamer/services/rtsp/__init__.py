"""RTSP on the loop: `service` (listeners, sessions, limits), `connection` (one client), `playback` (one session),
`wires` and `multicast` (how its media leaves)."""
