"""edge_streamer: a camera's H.264 served to many RTSP viewers by one `selectors` loop.

This is the map: the purpose of each folder, and the files that decide something. Read it, then `app/app.py`, then one
protocol folder.

    cli/          the `edge-streamer` command: main (serve, check), probe, info, users
    app/          the composition root. app: all parts on one loop; run: start and exit code; source_plan: which process
                  feeds which streams, and whether `auto` becomes a camera or the test pattern; settings: configuration
                  -> services; device_reader: what this device is, read in_thread; reload_plan, reload_reader,
                  running_sources, changeover: a changed configuration while the service runs
    appliance/    a program of its own, `python -m edge_streamer.appliance`, at every boot of a device image: takes the
                  files that people put on the card, makes the password, writes what the rest of the system reads;
                  formats/: a file for each format that these files may have
    config/       text -> one frozen Config. config: its tables, most of them the `settings` of the folder that uses
                  them, and streams, cameras; load: files, profile and command line; checks: rules that involve two
                  tables; auth: the users of a file; encoder_limits; profiles: boards; toml: one-line errors
    services/     what the appliance does with streams
      rtsp/           sessions: how each begins and ends; slots: how many may be open (`max_sessions`); service: the
                      listeners and periodic sweeps; connection: one client, over a channel; playback: one session's
                      viewing; settings: the tables `[rtsp]` and `[multicast]`, each key with its range; transports/: a
                      file for each transport
      supervision/    source processes. life: the table of a source's states, which decides that it is started again;
                      restarts: the back-off; runner: follows the table; process: one run of a process; supervisor:
                      feeds the streams and knows whether they are wanted; watchdog: finds a silent process; output: one
                      stream that it feeds; liveness: whether its viewers can be served; outage: the table of what they
                      get while there is no picture; slate: the process that encodes it; questions: snapshots and
                      changes; spec: what to start
      http/           HTTP without knowledge of any path: service, router, routes, answers, access (access control),
                      settings (`[http]`)
      api/            `/api/v1`, `/healthz`, `/metrics`; documents: their JSON; openapi: their description
      web/, live/     the page; its live pictures over WebSocket
      metrics/        table, device: every metric; exposition, text: how a scrape is written
      late_viewers  the timer of viewers that start with cached frames
      marks, limits   marks on a configuration key (it waits for a restart, it is a limit); the list of limits
      status          the state of everything, as values: API, metrics and logs are made from it
      unit_reports, led_reports  what systemd is told; what the status LED shows
    media/        stream: from a source's frames to viewers; audience: fan-out, and catch_up for viewers that start with
                  cached frames; viewer: what they are; track: packets of one codec; clock, key_frames, link_rate,
                  peak_rate, budget: arithmetic; registry: stream by path; settings (`[link]`)
    device/       this machine: board, cameras and their inventory, health, serial ports, systemd, the status LED; info:
                  what it is, from identity, storage, small_files and appliance_status (what the appliance did at this
                  boot); settings (`[device]`)
    accounts/     users and roles: users, users_file, login_failures, settings (`[auth]`)
    runtime/      the only sockets, selectors, child processes and clocks. loop; children; clock_lock: whether the
                  system's clock is synchronised; tcp/: listener, listener_group, gate (who may connect, who makes
                  room), connection, end (the table of a connection's end), write_queue, dead_peer; udp/: a socket pair
                  for a session, latch (where it sends behind a NAT), a multicast sender
    protocol/     sans-IO: bytes and `now` in, values and bytes out
      rtsp/           parser, message, target, faults, limits; headers/: a file for each header; server/: protocol (one
                      connection), states (the table of a session's states), methods, session, auth
      rtp/            packetizers/: a file for each codec; packets: their wire images; rtcp
      source/         everything that server and source process say to each other: request, messages, inventory, ranges
      http/           HTTP/1.1, its authentication, WebSocket
      mp4/, sdp, digest
    codec/        knowledge of codecs, for server and sources: frame (EncodedFrame); h264/: NAL units, parameter sets
    logs/         events: every event of the log; fields, text, limits; journal, stderr: the handlers
    sources/      a program of its own, `python -m edge_streamer.sources KIND`, one process for each source: picamera2/,
                  v4l2/, testpattern/, file/, slate/ (the picture that stands for missing ones); shared by the kinds:
                  drawing/, encoding/, timing/, link, pipe

A folder of this list imports folders further down, never up; folders in parentheses do not import each other.
`pyproject.toml` has this as import-linter's contracts:

    cli > appliance > app > config > services > (media | device | accounts) > (runtime | sources) > protocol >
        (codec | logs)

- `protocol` and `codec` have no socket, clock, thread, process or file. `protocol.rtsp`, `.rtp` and `.http` do not
  import each other; all may use `sdp` and `digest`.
- `media` may import `codec`, `logs` and, of `protocol`, only `rtp`; no socket, selector or thread, and nothing of
  `runtime`.
- `sources` may import `protocol.source` and `codec`, and no other folder imports `sources`: PyAV, numpy and picamera2
  stay out of the server process.

The path of a frame: a source writes an access unit to its socketpair -> `services.supervision.process` parses it ->
`media.stream.Stream.publish` packetizes it once -> each playing session sends the same bytes object with one `send()`.

Vocabulary:

- *source*: a child process that makes frames, for one or more streams. *stream*: what a URL names and viewers watch.
- *peer*: the other end of a socket, known by its address. *client*: the program there (ffmpeg, VLC, a recorder).
- *connection*: a TCP connection. *session*: what RTSP SETUP makes; it has one transport and plays one stream.
- *viewer*: what a stream delivers frames to (`media.viewer.Viewer`): a session that plays or waits for its first frame,
  or a browser. *browser*: a viewer of the live pictures, over WebSocket. (`viewer` is also the lowest role of a user.)
- *reader*: a viewer as the write side sees it: it takes bytes from a socket, in time or not, against a write budget.
  (A class `...Reader` parses.)
- *status*: what is known. *snapshot*: a picture of a stream as JPEG.
- *limit*: a number that must not be exceeded; most limits are keys of the configuration. *write budget*: the limit of
  the bytes that may wait for one reader, computed from the stream's peak rate.

Three words for time: `now` (monotonic seconds), `media_time` (90 kHz ticks of the capture clock, unwrapped), `wall`
(UTC). Deadlines use `now` only, so setting the wall clock back has no effect on them.
"""

__version__ = "0.1.0"
