"""Programs that make H.264 and write it to a socketpair, or by hand to a pipe: `... testpattern | ffplay -`.

    python -m edge_streamer.sources KIND [--fd N] [--output JSON]... [--options JSON]

`__main__` reads the command line, opens the output (`link` to the server, `pipe` when run by hand) and runs one kind.
`protocol.source` defines the request to a source and all messages between it and the server; a source shares only
`protocol.source` and `codec` with the server.

    picamera2/    a camera that libcamera drives, with picamera2's encoders
    v4l2/         any other camera, through the kernel's videodev2 only; `m2m` is the hardware encoder of boards whose
                  camera libcamera does not drive
    testpattern/  drawn in software, encoded by x264
    file/         demultiplexed and sent unchanged
    inventory     not a source: lists cameras and encoders for `edge-streamer probe`

They share `drawing/` (text in the picture), `encoding/` (x264, JPEG, the limits of the board's encoder) and `timing/`
(when a frame is due). A source has one thread (picamera2 adds its own): one `poll` waits for frames and for the server.
The server does not import this package.
"""
