"""Fragmented MP4 of one H.264 video track, for Media Source Extensions: parameter sets and NAL units in, boxes out.

ISO/IEC 14496-12 (the boxes, with its section at each) and 14496-15 (H.264 in them). An *initialization segment*
(`initialization`) carries what a decoder must know; then each access unit is a separate *fragment* (`fragments`), so
that no frame waits for the next. Called by `services.live`, once per frame for all browsers. It does not parse NAL
units and knows no connection, no file and no second track.

Parameter sets are in the initialization segment only, not in the samples: a sample entry `avc1` allows them nowhere
else (14496-15; `avc3` would), and changed parameter sets need a new initialization segment anyway, since a browser
takes the picture size from there.

Every time is in ticks of `codec.frame.CLOCK_HZ`, which is the timescale of all boxes, so that no time is rounded.
"""
