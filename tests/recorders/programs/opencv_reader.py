"""OpenCV as a reader: `opencv_reader.py URL PICTURES` writes that many pictures to /tmp/pictures.

The transport is in the environment, where OpenCV takes it from: OPENCV_FFMPEG_CAPTURE_OPTIONS. Runs in the recorders'
root.
"""

import sys

import cv2

capture = cv2.VideoCapture(sys.argv[1], cv2.CAP_FFMPEG)
for number in range(int(sys.argv[2])):
    is_there, picture = capture.read()
    if not is_there:
        sys.exit(f"OpenCV has no picture {number}")
    cv2.imwrite(f"/tmp/pictures/{number:05}.png", picture)
