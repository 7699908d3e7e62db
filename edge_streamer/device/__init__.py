"""This machine: the board and its health, cameras, serial ports, and the interface to systemd."""
