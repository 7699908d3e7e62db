"""UDP on the loop: a connected socket pair for each session, and one multicast sender for all."""
