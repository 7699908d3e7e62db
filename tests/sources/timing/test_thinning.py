import random
from itertools import pairwise

import pytest

from edge_streamer.sources.timing.thinning import FramePace

SECOND_NS = 1_000_000_000


def taken(fps, sensor_fps, seconds=60, jitter_ns=0, seed=1):
    """Return the instants that a pace of `fps` takes of a sensor's."""
    noise = random.Random(seed)
    pace = FramePace(fps)
    start_ns = 123 * SECOND_NS
    instants = [start_ns + round(index * SECOND_NS / sensor_fps) for index in range(round(seconds * sensor_fps))]
    return [at for at in instants if pace.takes(at + (noise.randrange(-jitter_ns, jitter_ns) if jitter_ns else 0))]


@pytest.mark.parametrize(
    ("fps", "sensor_fps"),
    [
        (30, 30),
        (15, 30),
        (10, 30),
        (20, 30),
        (25, 30),
        (1, 30),
        (12.5, 50),
        (7, 30),
        (29.97, 60),
        (24, 47.57),
        (50, 56.03),
    ],
)
def test_any_rate_up_to_the_sensors_is_made_by_leaving_frames_out(fps, sensor_fps):
    assert len(taken(fps, sensor_fps)) / 60 == pytest.approx(fps, rel=0.015)


@pytest.mark.parametrize("sensor_fps", [29.8, 29.97, 30.0, 30.003, 30.5, 30.8])
def test_a_sensor_of_nearly_the_same_rate_is_followed_without_a_gap(sensor_fps):
    assert len(taken(30, sensor_fps)) == round(60 * sensor_fps)


def test_half_the_rate_is_every_second_frame_in_spite_of_jitter():
    instants = taken(15, 30, jitter_ns=5_000_000)
    steps = {round((after - before) * 30 / SECOND_NS) for before, after in pairwise(instants)}
    assert steps == {2}


def test_frames_are_never_further_apart_than_the_sensor_makes_necessary():
    instants = taken(20, 30)
    gaps = [after - before for before, after in pairwise(instants)]
    assert max(gaps) <= 66_666_667
    assert min(gaps) >= 33_333_333


def test_a_pause_of_the_camera_is_not_made_up_for():
    pace = FramePace(10)
    first = [at for at in range(0, SECOND_NS, 33_333_333) if pace.takes(at)]
    later = [at for at in range(60 * SECOND_NS, 61 * SECOND_NS, 33_333_333) if pace.takes(at)]
    assert len(first) in (10, 11)
    assert len(later) in (10, 11)


def test_a_camera_that_is_no_faster_has_every_frame_taken_however_uneven():
    noise = random.Random(2)
    pace = FramePace(29.97, 30.0)
    assert all(pace.takes(index * SECOND_NS // 30 + noise.randrange(-16_000_000, 16_000_000)) for index in range(300))
    slower = FramePace(20, 30.0)
    assert sum(slower.takes(index * SECOND_NS // 30) for index in range(300)) == pytest.approx(200, abs=1)


def test_the_first_frame_is_taken():
    assert FramePace(1).takes(5)
