"""Programs that make H.264 and write it to a socketpair, or by hand to a pipe: `... testpattern | ffplay -`.

    python -m edge_streamer.sources KIND [--fd N] [--output JSON]... [--options JSON]

`__main__` reads the command line (`request`), opens the way to the reader (`link` to the server, `pipe` by hand) and
runs one kind: `testpattern` (drawn by `picture`, encoded by `x264`) or `file` (demultiplexed by `clip`). One thread
each: waiting for a frame's instant and waiting for the server are the same `poll`. Not imported by the server: what
both know is `media.frame`.
"""
