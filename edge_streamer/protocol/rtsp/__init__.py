"""RTSP 1.0 (RFC 2326), server side, sans-IO. Read `states` (the table), then `server` (one connection).

server     one connection: framing, one request at a time, replies, faults, silence
methods    what each method means            states     what may follow what
session    who watches, and until when       events     what the service is told and asked
parser     bytes -> requests, `$` frames     message    requests and replies as values
headers/   one header a file                 target     URL -> stream, track, Content-Base
faults     what a peer can do wrong          limits     what one peer may cost
auth       the seam: who may ask
"""
