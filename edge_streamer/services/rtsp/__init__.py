"""RTSP on the loop.

Who knows whom, from the outside in:

    service       listeners, connections, and the sweeps over all of them
    connection    one client: its channel's bytes to the protocol object, the protocol's questions answered
    sessions      every session's begin and end: admission, transports, counters, log
    transports/   how media leaves: one module for each transport, and its entry in `sessions`
    playback      what one session plays: PLAY and its answer, RTCP, status
    wire          the seam between a session and its transport
    channel       the seam between all of it and a TCP connection
"""
