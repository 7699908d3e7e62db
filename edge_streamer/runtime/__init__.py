"""The only sockets, selectors, child processes and clocks: the loop, TCP, UDP and child processes."""
