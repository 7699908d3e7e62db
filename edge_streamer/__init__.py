"""edge_streamer: a camera's H.264 served to many RTSP viewers by one `selectors` loop.

This is the map. Read it, then `app.py`, then one protocol folder.

    cli, app      argv -> Config -> App.run(); the composition root
    config        TOML + hardware profile + command line -> one frozen Config; its parts: *_config, encoder_limits, toml
    source_plan   which source process feeds which streams, here `auto` becomes a camera or the test pattern
    app_settings  what streams and services are given, from the configuration
    reload        what a changed configuration changes; reloader reads it, running_sources changes sources over
    users         who may log in: the file, and `edge-streamer user` (user_commands) to change it
    profiles      which board is this, and what can it do; probe tells people
    services/     rtsp (who watches what), supervisor (the source processes), http (API, page, live video), metrics
    media/        EncodedFrame, Stream (fan-out and key-frame cache), StreamRegistry, WriteBudget
    device/       what belongs to the machine: board, cameras and their inventory, serial ports, systemd, the journal
    runtime/      the only sockets, selectors, child processes and clocks: loop, tcp (and dead_peer), udp, multicast,
                  children, and a log that never makes the loop wait; log_events names what is worth a line
    protocol/     sans-IO: bytes and `now` in, values out. rtsp/, rtp/, http/ (and WebSocket), mp4, sdp, digest
    sources/      programs of their own (`python -m edge_streamer.sources KIND`): picamera2, v4l2, testpattern, file

Imports go one way, and import-linter checks it:

    app > services > (media | device) > runtime > protocol

`media` uses `protocol.rtp` and no socket; `sources` shares only `media.frame` with the server; `protocol` packages
do not know each other, except that `rtsp` may use `sdp`, and `rtsp` and `http` share `digest`.

A frame's way: a source (child process) writes an access unit to its socketpair -> `services.supervisor` reads it ->
`media.Stream.publish` packetizes it once -> each playing session sends the same bytes object with one `send()`.

Three time words, everywhere: `now` (monotonic seconds), `media_time` (90 kHz ticks of the capture clock, unwrapped),
`wall` (UTC). Deadlines use `now` only, so a clock set back a year changes nothing.
"""

__version__ = "0.1.0"
