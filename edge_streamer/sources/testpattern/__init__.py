"""The test picture: colour bars, a moving ball, a clock and a frame number, encoded in software."""
