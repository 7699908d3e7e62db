"""What motionEye does when a network camera is added: `motioneye_probe.py HOST PORT PATH USER PASSWORD` prints what its
user is shown, the error or the kinds of camera to choose from. Runs in the recorders' root.
"""

import asyncio
import sys

from motioneye.utils.rtsp import test_rtsp_url


async def main() -> None:
    names = ("host", "port", "path", "username", "password")
    shown = await test_rtsp_url(dict(zip(names, sys.argv[1:], strict=True)) | {"scheme": "rtsp"})
    print(f"error: {shown.error}" if shown.error else [camera["name"].strip() for camera in shown.cameras])


asyncio.run(main())
