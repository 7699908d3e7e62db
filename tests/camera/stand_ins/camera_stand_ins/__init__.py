"""What cannot be real without a camera, and the faults that a test asks for. Everything else is the real thing.

    absent_modules      pykms, prctl, pidng: picamera2 imports them and a streaming service never calls them
    memfd_allocator     frame buffers in memory files: there is no dma-buf provider in a chroot
    frame_clock         the sensor's clock: libcamera's virtual camera fills buffers as fast as they come
    video11             /dev/video11, the Raspberry Pi's encoder: driven by picamera2's real V4L2 encoder, encodes with
                        libx264; `video11_system_calls` leads picamera2 and the product to it
    injected_faults     what breaks in picamera2 when the test says so
    bench               how the test says so: files in a folder

Installed by `sitecustomize`. libcamera's virtual camera itself has no Raw role, no sensor modes and no controls but the
frame's duration; what a sensor offers cannot be shown here.
"""

import os

REAL_TIME_PRIORITY = 1
"""A sensor and an encoder do not wait until the players of the same machine have had their turn."""


def before_picamera2():
    """Have ready what picamera2 looks for while it is imported."""
    from camera_stand_ins import absent_modules, frame_clock, video11_system_calls

    os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(REAL_TIME_PRIORITY))
    absent_modules.install()
    video11_system_calls.install()
    frame_clock.install()


def after_picamera2():
    """Replace what picamera2 would ask of a Raspberry Pi's kernel."""
    from camera_stand_ins import injected_faults, memfd_allocator, video11_system_calls

    memfd_allocator.install()
    video11_system_calls.lead_picamera2_here()
    injected_faults.install()
