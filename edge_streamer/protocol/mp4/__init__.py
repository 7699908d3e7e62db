"""Fragmented MP4 of one H.264 video track, for Media Source Extensions: parameter sets and NAL units in, boxes out.

ISO/IEC 14496-12 (the boxes, whose sections are named at each) and 14496-15 (H.264 in them). An *initialization segment*
(`initialization`) says what a decoder must know; then each access unit is a *fragment* (`fragments`) by itself, so that
none waits for another. Called by `services.live`, once per frame for all browsers. It reads no NAL unit and knows no
connection, no file and no second track.

Parameter sets stand in the initialization segment only: a sample entry `avc1` allows them nowhere else (14496-15;
`avc3` would), and other ones need another initialization segment anyway, since a browser takes the size from there. So
they are left out of the samples.

Every time is in ticks of `codec.frame.CLOCK_HZ`, which is the timescale of all boxes, so that nothing is rounded.
"""
