"""Small files: read in part, and empty where there is nothing to read."""

import pytest

from edge_streamer.device.small_files import MAX_TEXT_BYTES, read_assignments, read_text


def test_text_is_trimmed_of_what_the_kernel_ends_it_with(tmp_path):
    (tmp_path / "model").write_bytes(b"Raspberry Pi\0")
    (tmp_path / "type").write_bytes(b" cpu-thermal\n")
    assert [read_text(tmp_path / name) for name in ("model", "type")] == ["Raspberry Pi", "cpu-thermal"]


def test_what_cannot_be_read_is_empty(tmp_path):
    assert read_text(tmp_path / "absent") == read_text(tmp_path) == ""
    assert read_assignments(tmp_path / "absent") == {}


def test_a_long_file_is_read_in_part(tmp_path):
    (tmp_path / "long").write_text("x" * (MAX_TEXT_BYTES + 5))
    assert len(read_text(tmp_path / "long")) == MAX_TEXT_BYTES


@pytest.mark.parametrize(
    ("text", "assignments"),
    [
        ("SLOT=a\nDATA=/dev/vda7\n", {"SLOT": "a", "DATA": "/dev/vda7"}),
        ("SLOT=\nnonsense\n\nA=b=c", {"SLOT": "", "A": "b=c"}),
    ],
)
def test_assignments(tmp_path, text, assignments):
    (tmp_path / "slot.env").write_text(text)
    assert read_assignments(tmp_path / "slot.env") == assignments
