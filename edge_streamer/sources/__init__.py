"""Programs that make H.264 and write it to a socketpair, or by hand to a pipe: `... testpattern | ffplay -`.

    python -m edge_streamer.sources KIND [--fd N] [--output JSON]... [--options JSON]

`__main__` reads the command line, opens the way to the reader (`link` to the server, `pipe` by hand) and runs one kind.
What each may be asked for, and all else that passes between the server and a source, stands in `protocol.source`; that
and `codec` are what a source shares with the server.

    picamera2/    a camera that libcamera drives, with picamera2's encoders
    v4l2/         any other camera, by the kernel's videodev2 and nothing else; `m2m` is the hardware encoder of boards
                  whose camera libcamera does not drive
    testpattern/  drawn in software, encoded by x264
    file/         demultiplexed and sent as it is
    inventory     no source: lists cameras and encoders for `edge-streamer probe`

They share `drawing/` (text in the picture), `encoding/` (x264, JPEG, what fits the board's encoder) and `timing/` (when
a frame is due). A source has one thread (picamera2 brings its own): waiting for a frame and waiting for the server are
the same `poll`. The server does not import this package.
"""
