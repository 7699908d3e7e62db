"""What is claimed about speed, reproducible with one command. Not tests: they print ratios taken in one run, or counts.

    fanout     `make bench`: CPU a gigabit, lateness, memory and time to first packet, beside the floor and the peers
    servers    starts each of them for one measurement; the peers are in peers/
    scrape     what /metrics costs while 64 viewers watch
    hotpath    `make hotpath`: microbenchmarks, with what they allocate
    readers    the load client, a process of its own: many RTSP readers on one epoll
    dialogue   what a reader says until it plays
    tally      counting packets and sequence gaps at the cost of a few bytecodes a packet
    floor      the least a Python process can spend: `send()` of one bytes object in a bare loop
    clip       the material: 1080p30 at a known bit rate, encoded once
    report     rounds -> medians -> Markdown and JSON

    instructions    `make instructions`: instructions and system calls a frame, by valgrind
    counted         the process that is counted: a frame's way through the server and nothing else
    counts          counts -> table and JSON

    pages      what was saved -> the measured parts of docs/performance.md and README.md

They start the service the way the tests do (`tests.support.service`) and end only what they started.
"""
