"""Supervises the source processes: starts, watches and restarts them, and asks them for changes and snapshots."""
