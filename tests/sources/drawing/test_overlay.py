"""The strip of time and name: read back letter by letter from the luma plane."""

import string
import time
from datetime import UTC, datetime

import pytest

from edge_streamer.protocol.source.request import Output
from edge_streamer.sources.drawing import overlay as overlay_module
from edge_streamer.sources.drawing.font import cell_width, glyph
from edge_streamer.sources.drawing.overlay import DARK, WHITE, Overlay, overlay_of
from edge_streamer.sources.ending import SourceError

BEHIND = 77
SECOND_NS = 1_000_000_000
WALL_NS = int(datetime(2031, 4, 5, 6, 7, 8, tzinfo=UTC).timestamp()) * SECOND_NS
CLOCK = "%Y-%m-%d %H:%M:%S"


@pytest.fixture(autouse=True)
def reader(read_overlay, monkeypatch):
    """`Plane.text` reads as the other tests of sources do."""
    monkeypatch.setattr(Plane, "read", staticmethod(read_overlay))


@pytest.fixture(autouse=True)
def zone(monkeypatch):
    """UTC, or what the test sets by calling it."""

    def set_zone(name):
        monkeypatch.setenv("TZ", name)
        time.tzset()

    set_zone("UTC")
    yield set_zone
    monkeypatch.undo()
    time.tzset()


class Plane:
    """A luma plane with padding at the ends of its lines."""

    read = None

    def __init__(self, width=640, height=360, padding=0):
        self.width, self.height, self.stride = width, height, width + padding
        self.data = bytearray([BEHIND]) * (self.stride * height)

    def drawn(self, overlay, wall_ns=WALL_NS):
        overlay.draw(memoryview(self.data), self.stride, wall_ns)
        return self

    def lines(self):
        return [bytes(self.data[line * self.stride :][: self.stride]) for line in range(self.height)]

    def text(self):
        return self.read([line[: self.width] for line in self.lines()])


def shown(template, name="main", wall_ns=WALL_NS, **size):
    plane = Plane(**size)
    return plane.drawn(Overlay(template, name, plane.width, plane.height), wall_ns).text()


@pytest.mark.parametrize(
    ("width", "height"), [(640, 360), (1280, 720), (1920, 1080), (642, 362), (480, 640), (320, 240), (3840, 2160)]
)
@pytest.mark.parametrize("padding", [0, 62])
def test_the_text_can_be_read_in_every_size(width, height, padding):
    plane = Plane(width, height, padding).drawn(Overlay(f"{CLOCK} {{name}}", "sub", width, height))
    assert plane.text() == "2031-04-05 06:07:08 sub"


def test_the_time_is_the_devices_own(zone):
    zone("CET-1CEST,M3.5.0,M10.5.0/3")
    assert shown("%H:%M %Z") == "08:07 CEST"
    assert shown("%H:%M %z", wall_ns=WALL_NS + 250 * 86_400 * SECOND_NS) == "07:07 +0100"


def test_summer_time_begins_and_ends_while_it_runs(zone):
    zone("Europe/Berlin")
    overlay, shown_clocks = Overlay("%H:%M:%S %Z", "main", 640, 360), []
    for first in (datetime(2031, 3, 30, 0, 59, 59, tzinfo=UTC), datetime(2031, 10, 26, 0, 59, 59, tzinfo=UTC)):
        wall_ns = int(first.timestamp()) * SECOND_NS
        shown_clocks += [Plane().drawn(overlay, wall_ns + step * SECOND_NS).text() for step in (0, 1)]
    assert shown_clocks == ["01:59:59 CET", "03:00:00 CEST", "02:59:59 CEST", "02:00:00 CET"]


def test_it_changes_with_the_second_and_not_before():
    overlay, plane = Overlay("%S", "main", 640, 360), Plane()
    readings = [plane.drawn(overlay, WALL_NS + add_ns).text() for add_ns in (0, 999_999_999, SECOND_NS, -1, 0)]
    assert readings == ["08", "08", "09", "07", "08"]


def test_a_frame_of_the_same_second_is_only_copied(monkeypatch):
    overlay, plane = Overlay(CLOCK, "main", 640, 360), Plane()
    plane.drawn(overlay)
    monkeypatch.delattr(time, "strftime")
    assert Plane().drawn(overlay, WALL_NS + 5).lines() == plane.lines()


def test_no_second_of_the_year_needs_a_glyph_that_is_not_drawn_yet(monkeypatch):
    overlay = Overlay("%A %d. %B %Y %I:%M:%S %p {name}", "main", 640, 360)
    monkeypatch.delattr(overlay_module, "glyph")
    now_s = int(time.time())
    for second in range(now_s, now_s + 365 * 86_400, 86_400 + 3607):
        text = time.strftime("%A %d. %B %Y %I:%M:%S %p main", time.gmtime(second))
        assert Plane().drawn(overlay, second * SECOND_NS).text() == text.replace("O", "0")


def test_it_stays_within_its_strip():
    plane = Plane(padding=32).drawn(Overlay("ab", "main", 640, 360))
    lines = plane.lines()
    touched = [number for number, line in enumerate(lines) if set(line) != {BEHIND}]
    assert touched == list(range(10, 24))  # margin 10, then 14 lines
    right = 10 + 2 * 1 + 2 * cell_width(12)
    for line in lines[10:24]:
        assert line[:10] + line[right:] == bytes([BEHIND]) * (10 + len(line) - right)
        assert BEHIND not in line[10:right]


def test_it_is_white_on_dark_with_a_dark_edge_all_round():
    overlay = Overlay("8", "main", 640, 360)
    strip = [line[10 : 10 + 2 + cell_width(12)] for line in Plane().drawn(overlay).lines()[10:24]]
    levels = set(b"".join(strip))
    assert (min(levels), max(levels)) == (DARK, WHITE)
    for edge in (strip[0], strip[-1], bytes(line[0] for line in strip), bytes(line[-1] for line in strip)):
        assert set(edge) == {DARK}


@pytest.mark.parametrize(("height", "lines"), [(64, 12), (288, 12), (360, 14), (720, 30), (1080, 44), (2160, 90)])
def test_the_strip_is_a_24th_of_the_picture_and_at_least_12_lines(height, lines):
    plane = Plane(640, height).drawn(Overlay("x", "main", 640, height))
    assert sum(set(line) != {BEHIND} for line in plane.lines()) == lines


@pytest.mark.parametrize("width", [64, 66, 100, 640])
def test_text_is_cut_where_the_picture_ends(width):
    plane = Plane(width, 64).drawn(Overlay("{name}", "abcdefghij" * 20, width, 64))
    assert plane.text() == ("abcdefghij" * 20)[: len(plane.text())]
    assert len(plane.text()) == (width - 2 * 4 - 2) // 6
    assert all(line[-4:] == bytes([BEHIND]) * 4 for line in plane.lines())


@pytest.mark.parametrize(
    ("template", "name", "text"),
    [
        ("{name} {{x}} 100%%", "yard", "yard {x} 100%"),
        ("{name}", "50%S {x}", "50%S {x}"),
        ("{name}{name}", "ab", "abab"),
        ("21 °C · Tür 3", "", "21 °C · T?r 3"),
        ("a\nb\tc", "", "a?b?c"),
        ("%", "", "%"),
    ],
)
def test_what_a_template_may_hold(template, name, text):
    assert shown(template, name) == text


def test_all_of_ascii_is_shown():
    text = "".join(sorted(set(string.printable[:95]) - set("{}%O")))
    assert shown("{name}", text, width=1280) == text


def test_an_empty_text_leaves_the_picture_alone():
    overlay = Overlay("{name}", "", 640, 360)
    assert set(Plane().drawn(overlay).data) == {BEHIND}


@pytest.mark.parametrize(
    "template", ["{", "}", "{}", "{0}", "{nam}", "{name.x}", "{name!r}", "{name:>9999999}", "a\0b", "{name[0]}"]
)
def test_a_template_that_cannot_be_used_is_one_sentence(template):
    with pytest.raises(ValueError, match=r"the overlay .* cannot be used: ") as raised:
        Overlay(template, "main", 640, 360)
    assert repr(template) in str(raised.value)
    with pytest.raises(SourceError, match="cannot be used"):
        overlay_of(Output(overlay=template))


def test_a_width_that_strftime_would_fill_with_zeros_is_bounded():
    assert shown("%9999999Y") == ""


def test_no_overlay_is_asked_for_by_default():
    assert overlay_of(Output()) is None
    asked = overlay_of(Output(name="sub", width=640, height=360, overlay="{name}"))
    assert Plane().drawn(asked).text() == "sub"


def test_the_cells_are_the_fonts(zone):
    lines = Plane().drawn(Overlay("R", "main", 640, 360)).lines()
    cell = [line[11 : 11 + cell_width(12)] for line in lines[11:23]]
    assert cell == [bytes(DARK + (WHITE - DARK) * ink // 255 for ink in row) for row in glyph("R", cell_width(12), 12)]
