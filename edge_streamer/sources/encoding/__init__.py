"""Software encoders that several sources share: x264 for streams, JPEG for snapshots."""
