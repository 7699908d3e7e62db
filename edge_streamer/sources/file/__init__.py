"""A video file played as a live stream: demultiplexed, never encoded again."""
