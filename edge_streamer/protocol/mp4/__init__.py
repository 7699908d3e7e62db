"""Fragmented MP4 of one H.264 video track, for Media Source Extensions."""
