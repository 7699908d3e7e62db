import pytest

from edge_streamer.sources.picamera2.clock import CaptureInstant
from edge_streamer.sources.picamera2.lane import MAX_UNDER_WAY, Lane
from edge_streamer.sources.picamera2.mailbox import MAX_WAITING_FRAMES, FrameEncoded, Mailbox

FRAME_NS = 33_333_333


@pytest.fixture
def mailbox():
    box = Mailbox()
    yield box
    box.close()


@pytest.fixture
def lane(mailbox):
    lane = Lane(1, 30.0, mailbox)
    lane.open()
    return lane


def instant(index):
    return CaptureInstant(index * FRAME_NS, index * FRAME_NS + 5)


def admit(lane, index):
    return lane.admit(index * FRAME_NS, instant(index))


def deliver(lane, index, *, is_key_frame=True):
    lane.deliver(b"data", is_key_frame=is_key_frame, sensor_us=index * FRAME_NS // 1000)


def test_a_frame_comes_out_with_its_own_instant(lane, mailbox):
    assert [admit(lane, index) for index in (1, 2, 3)] == [True] * 3
    assert lane.frames_inside == 3
    deliver(lane, 1)
    deliver(lane, 2, is_key_frame=False)
    events = mailbox.take()
    assert [(event.instant, event.is_key_frame) for event in events] == [(instant(1), True), (instant(2), False)]
    assert isinstance(events[0], FrameEncoded)
    assert (events[0].output, events[0].data) == (1, b"data")
    assert events[0].encoded_ns > 0
    assert lane.frames_inside == 1


def test_frames_that_the_encoder_left_out_are_forgotten(lane, mailbox):
    for index in (1, 2, 3):
        admit(lane, index)
    deliver(lane, 3)
    assert [event.instant for event in mailbox.take()] == [instant(3)]
    assert lane.frames_inside == 0


def test_a_frame_that_never_went_in_gets_an_instant_nevertheless(lane, mailbox):
    admit(lane, 9)
    deliver(lane, 4)
    [event] = mailbox.take()
    assert event.instant.captured_ns > 0
    assert lane.frames_inside == 1


def test_a_closed_lane_takes_no_frame_and_a_retired_one_lets_none_out(lane, mailbox):
    closed = Lane(0, 30.0, mailbox)
    assert not admit(closed, 1)
    admit(lane, 1)
    lane.retire()
    assert not admit(lane, 2)
    deliver(lane, 1)
    assert mailbox.take() == []


def test_a_lane_leaves_frames_out_for_its_rate(mailbox):
    lane = Lane(0, 15.0, mailbox)
    lane.open()
    assert [admit(lane, index) for index in range(1, 7)] == [True, False, True, False, True, False]


def test_what_finds_no_room_costs_all_up_to_a_key_frame(lane, mailbox):
    for index in range(MAX_WAITING_FRAMES):
        deliver(lane, index)
    deliver(lane, 100)
    assert len(mailbox.take()) == MAX_WAITING_FRAMES
    deliver(lane, 101, is_key_frame=False)
    assert mailbox.take() == []
    deliver(lane, 102)
    deliver(lane, 103, is_key_frame=False)
    assert [event.is_key_frame for event in mailbox.take()] == [True, False]
    assert lane.take_lost_frames() == 2
    assert lane.take_lost_frames() == 0


def test_an_encoder_that_answers_nothing_costs_no_more_than_its_limit(lane):
    for index in range(2 * MAX_UNDER_WAY):
        admit(lane, index)
    assert lane.frames_inside == MAX_UNDER_WAY


def test_time_stamps_are_cut_as_picamera2_cuts_them(lane, mailbox):
    sensor_ns = 10**16 + 999  # 115 days of uptime: a float has no digit left for it
    lane.admit(sensor_ns, instant(1))
    lane.deliver(b"data", is_key_frame=True, sensor_us=int(sensor_ns / 1000))
    assert [event.instant for event in mailbox.take()] == [instant(1)]
