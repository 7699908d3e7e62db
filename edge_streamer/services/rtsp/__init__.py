"""RTSP on the loop.

The modules, from the outside in:

    service       listeners, connections, and the sweeps over all of them
    connection    one client: passes its channel's bytes to the protocol object and answers the protocol's questions
    sessions      every session's begin and end: slot, transport, counters, log
    slots         which sessions may be open (`max_sessions`), and their slots in the metrics
    transports/   how media leaves: one module for each transport, with an entry in `sessions`
    playback      what one session plays: PLAY and its answer, RTCP, status
    wire          the interface between a session and its transport
    channel       the interface between all of these and a TCP connection
"""
