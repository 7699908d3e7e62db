"""What belongs to the board: systemd, journal, board health and the serial port."""
