"""Cameras of the kernel's videodev2 interface, spoken by ioctls alone; `m2m` is a board's memory-to-memory encoder."""
