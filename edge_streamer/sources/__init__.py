"""Programs that make H.264 and write it to a socketpair, or by hand to a pipe: `... testpattern | ffplay -`.

    python -m edge_streamer.sources KIND [--fd N] [--output JSON]... [--options JSON]

`__main__` reads the command line (`request`), opens the way to the reader (`link` to the server, `pipe` by hand) and
runs one kind. `request` says what each may be asked for.

    picamera2     a camera of libcamera, with picamera2's encoders: `camera_*`; only `camera_rig`, `camera_h264` and
                  `camera_list` know picamera2
    v4l2          any other camera, by the kernel's videodev2 and nothing else: `v4l2_*`; `v4l2_m2m` is the hardware
                  encoder of boards whose camera is no libcamera's
    testpattern   drawn by `picture` (with `canvas`, `font`, `strips`), encoded by `x264`
    file          demultiplexed by `clip`, copied
    inventory     no source: lists cameras and encoders for `edge-streamer probe`

They share `overlay`, `jpeg`, `frame_pace`, `pacing` and `wall_clock`. One thread each (picamera2 brings its own):
waiting for a frame and waiting for the server are the same `poll`. Not imported by the server: what both know is
`media.frame`.
"""
