"""The option RPI_ARCHIVE: what it may be, and what apt is told."""

import pytest

from deploy.image.raspberry_pi import VENDOR
from deploy.image.rpi_archive import ORIGIN, TAKEN, RpiArchiveError, mmdebstrap_options, preferences, rpi_archive

OF_DEBIAN = {"wireless-regdb"}


def test_an_address_becomes_a_signed_source_of_the_boards_architecture(tmp_path):
    keyring = tmp_path / "keys.pgp"
    keyring.write_bytes(b"key")
    archive = rpi_archive(" https://archive.test/debian \n", keyring)
    assert archive.source == f"deb [arch=arm64 signed-by={keyring}] https://archive.test/debian trixie main"


@pytest.mark.parametrize("line", ["deb [trusted=yes] copy:/srv/x ./", "deb http://host/debian trixie main rpi"])
def test_a_whole_line_is_taken_as_it_is(line):
    assert rpi_archive(line, None).source == line


@pytest.mark.parametrize("text", ["", "archive", "ftp://host/debian", "deb", "deb-src http://host trixie main", "a b",
                                  "deb http://host trixie main\ndeb http://other trixie main"])  # fmt: skip
def test_anything_else_is_refused_with_what_is_allowed(text):
    with pytest.raises(RpiArchiveError, match="neither an address"):
        rpi_archive(text, None)


def test_an_address_needs_its_keys():
    with pytest.raises(RpiArchiveError, match="RPI_ARCHIVE_KEYRING: with an address"):
        rpi_archive("https://host/debian", None)


def test_a_keyring_that_is_not_there_is_named(tmp_path):
    with pytest.raises(RpiArchiveError, match=r"missing\.pgp is no file"):
        rpi_archive("https://host/debian", tmp_path / "missing.pgp")


def test_keys_beside_a_whole_line_are_refused(tmp_path):
    with pytest.raises(RpiArchiveError, match="a whole line names its own"):
        rpi_archive("deb http://host trixie main", tmp_path)


def test_the_pins_take_the_named_packages_and_forbid_the_rest():
    named, rest = preferences().strip().split("\n\n")
    assert named.splitlines() == [
        f"Package: {' '.join(TAKEN)}", f"Pin: release o={ORIGIN}", "Pin-Priority: 1001",
    ]  # fmt: skip
    assert rest.splitlines() == ["Package: *", f"Pin: release o={ORIGIN}", "Pin-Priority: -1"]


def test_every_package_of_the_recipe_may_come_from_the_archive():
    assert set(VENDOR.packages) - set(TAKEN) == OF_DEBIAN


def test_the_pins_do_not_stay_on_the_device(tmp_path):
    options = mmdebstrap_options(tmp_path / "rpi")
    assert f"--setup-hook=copy-in {tmp_path / 'rpi'} /etc/apt/preferences.d" in options
    assert '--customize-hook=rm -f "$1/etc/apt/preferences.d/rpi"' in options
