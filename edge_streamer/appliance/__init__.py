"""The program that runs at every boot of a device image: `python3 -m edge_streamer.appliance`.

It takes what people wrote on the card's first partition, keeps it on the data partition, and writes from it what the
rest of the system reads. It is a program of its own that runs as root and ends; the service runs without it.
"""
