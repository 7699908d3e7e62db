"""RTSP 1.0 (RFC 2326), sans-IO. Read `server.states` (the table), then `server.protocol` (one connection).

parser     bytes -> requests, `$` frames     message    requests and replies as values
headers/   one header a file                 target     URL -> stream, track, Content-Base
faults     what a peer can do wrong          limits     what one peer may cost
server/    the server's side of a connection:
    protocol   framing, one request at a time, replies, faults, time limits
    methods    what each method means        states     which method is valid in which state
    session    sessions and their expiry     events     questions to the service, and what happened
    auth       authentication by Digest or Basic
"""
