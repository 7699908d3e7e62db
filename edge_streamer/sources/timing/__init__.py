"""When a frame is due, which frames to leave out, and what the wall clock says."""
