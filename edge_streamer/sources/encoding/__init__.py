"""Encoding that several sources share: x264 for streams, JPEG for snapshots, and the limits of a hardware encoder."""
