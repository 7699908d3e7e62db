"""Frames, streams and write budgets: fan-out and arithmetic, without a socket (see the package map)."""
