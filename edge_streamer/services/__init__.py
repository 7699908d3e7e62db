"""What the appliance does with streams: RTSP sessions, supervised sources, HTTP and metrics."""
