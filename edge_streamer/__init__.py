"""edge_streamer: a camera's H.264 served to many RTSP viewers by one `selectors` loop.

This is the map: what each folder is for, and the files that decide something. Read it, then `app/app.py`, then one
protocol folder.

    cli/          the `edge-streamer` command: main (serve, check), probe, users
    app/          who knows whom. app: all parts on one loop; run: start and exit code; source_plan: which process feeds
                  which streams, here `auto` becomes a camera or the test pattern; settings: configuration -> services;
                  reload_plan, reload_reader, running_sources: a changed configuration while the service runs
    config/       text -> one frozen Config. config: its tables, most of them the `settings` of the folder that they
                  belong to, and streams, cameras; load: files, profile and command line; checks: what takes two tables
                  to check; auth: the users of a file; encoder_limits; profiles: boards; toml: one-line errors
    services/     what the appliance does with streams
      rtsp/           sessions: which may begin (`max_sessions`), how each ends; service: listeners and clocks;
                      connection: one client; playback: one session's viewing; settings: the tables `[rtsp]` and
                      `[multicast]`, each key with its range; transports/: a file for each way that media leaves
      supervision/    source processes. life: the table of a source's states, which decides that it is started again;
                      restarts: after how long; supervisor: does what the table says; output: one stream that it feeds;
                      questions: snapshots and changes; spec: what to start
      http/           HTTP without knowledge of a path: service, router, routes, answers, access (who may ask),
                      settings (`[http]`)
      api/            `/api/v1`, `/healthz`, `/metrics`; documents: their JSON; openapi: their description
      web/, live/     the page; its live pictures over WebSocket
      metrics/        table: every metric; exposition, text: how a scrape is written
      marks, limits   what is marked at a key: that it waits for a restart, that it is a limit; which limits there are
      status          what is known of everything, as values: API, metrics and logs are made of it
      unit_reports    what systemd is told
    media/        stream: fan-out of frames; clock, key_frames, peak_rate, budget: arithmetic; registry: stream by path;
                  settings (`[link]`)
    device/       this machine: board, cameras and their inventory, health, serial ports, systemd
    accounts/     who may log in: users (names, roles), users_file, login_failures, settings (`[auth]`)
    runtime/      the only sockets, selectors, child processes and clocks. loop; children; tcp/: listener, connection,
                  write_queue, dead_peer; udp/: a socket pair for a session, a multicast sender
    protocol/     sans-IO: bytes and `now` in, values and bytes out
      rtsp/           parser, message, target, faults, limits; headers/: a file for each header; server/: protocol (one
                      connection), states (their table), methods, session, auth
      rtp/            packetizers/: a file for each codec; packets: their wire images; rtcp
      source/         all that server and source process say to each other: request, messages, inventory
      http/           HTTP/1.1, its log-in, WebSocket
      mp4/, sdp, digest
    codec/        what a codec is, for server and sources: frame (EncodedFrame); h264/: NAL units, parameter sets
    logs/         events: every line that means something; fields, text, limits; journal, stderr: how lines leave
    sources/      a program of its own, `python -m edge_streamer.sources KIND`, one process for each source: picamera2/,
                  v4l2/, testpattern/, file/; what the kinds share: drawing/, encoding/, timing/, link, pipe

A folder imports folders further down, never up nor sideways; `pyproject.toml` has this as import-linter's contracts:

    cli > app > config > services > (media | device | accounts) > (runtime | sources) > protocol > (codec | logs)

- `protocol` and `codec` have no socket, clock, thread, process or file. `protocol.rtsp`, `.rtp` and `.http` do not know
  each other; all may use `sdp` and `digest`.
- `media` may import `protocol.rtp`, `codec` and `logs`; no socket, nothing of `runtime`, `protocol.rtsp` or `.http`.
- `sources` may import `protocol.source` and `codec`, and nothing imports `sources`: PyAV, numpy and picamera2 stay out
  of the server process.

A frame's way: a source writes an access unit to its socketpair -> `supervision.supervisor` reads it ->
`media.stream.Stream.publish` packetizes it once -> each playing session sends the same bytes object with one `send()`.

Words that mean one thing:

- *source*: a child process that makes frames, for one or more streams. *stream*: what a URL names and viewers watch.
- *peer*: the other end of a socket, known by its address. *client*: the program there (ffmpeg, VLC, a recorder).
- *connection*: a TCP connection. *session*: what RTSP SETUP makes; it has one transport and plays one stream.
- *viewer*: what a stream delivers frames to (`media.stream.Viewer`): a session that plays or waits for its first frame,
  or a browser. *browser*: a viewer of the live pictures, over WebSocket. (`viewer` is also the lowest role of a user.)
- *reader*: a viewer as the write side sees it: what takes bytes from a socket, in time or not, against a write budget.
  (A class `...Reader` parses.)
- *status*: what is known. *snapshot*: a picture of a stream as JPEG.
- *limit*: a number that nothing may pass; most are keys of the configuration. *write budget*: the limit of the bytes
  that may wait for one reader, computed from the stream's peak rate.

Three time words: `now` (monotonic seconds), `media_time` (90 kHz ticks of the capture clock, unwrapped), `wall` (UTC).
Deadlines use `now` only, so a clock set back a year changes nothing.
"""

__version__ = "0.1.0"
