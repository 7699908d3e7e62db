"""Cameras that libcamera drives, through picamera2: one or two H.264 streams of one sensor.

Only `rig`, `h264` and `list` import picamera2; the other modules are arithmetic and words, tested without a camera.
"""
