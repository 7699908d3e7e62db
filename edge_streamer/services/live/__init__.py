"""Live video for browsers: fragmented MP4 over WebSocket."""
