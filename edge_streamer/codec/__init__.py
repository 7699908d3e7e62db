"""Codecs: encoded frames as values, and all knowledge of H.264. Used by the server and by sources."""
