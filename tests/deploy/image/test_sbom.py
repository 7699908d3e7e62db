"""The bill of materials: its packages, names, licences and dependencies, against CycloneDX's own schema."""

import json

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from deploy.image.sbom import Subject, copyright_in, installed, purl, sbom, write_sbom

SUBJECT = Subject("edge-streamer-pc", "0.1.0", made_at=1_764_300_000)
STATUS = """\
Package: edge-streamer
Status: install ok installed
Architecture: all
Maintainer: Edge <edge@example.org>
Version: 0.1.0
Depends: python3 (>= 3.13), python3-h11 | python3-other, init-system

Package: python3
Status: install ok installed
Architecture: amd64
Source: python3-defaults
Version: 3.13.5-1
Pre-Depends: python3-minimal (= 3.13.5-1)
Depends: libc6:any (>= 2.4), missing
Description: interactive high-level language
 A second line: with a colon.
Homepage: https://www.python.org/

Package: python3-minimal
Status: install ok installed
Architecture: amd64
Source: python3-defaults (3.13.5-1a)
Version: 3.13.5-1

Package: python3-h11
Status: deinstall ok config-files
Architecture: all
Version: 0.14.0-1

Package: python3-other
Status: install ok installed
Architecture: all
Version: 2:1.0~rc1+dfsg-1

Package: libc6
Status: hold ok installed
Architecture: amd64
Source: glibc
Version: 2.41-12

Package: systemd-sysv
Status: install ok installed
Architecture: amd64
Source: systemd
Provides: init-system (= 1), sysvinit
Version: 257.9-1

Package: raspi-firmware
Status: install ok installed
Architecture: all
Version: 1:1.20251008-1+rpt1
"""
DEP_5 = """\
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/

Files: *
License: PSF-2
 The text of the licence.

Files: debian/*
License: GPL-2+ or PSF-2

License: PSF-2
 License: not a field, this line is continued.
"""


def document(**arguments) -> dict:
    return json.loads(sbom(STATUS, SUBJECT, **arguments))


def component(name: str, **arguments) -> dict:
    return next(found for found in document(**arguments)["components"] if found["name"] == name)


def needs() -> dict[str, list[str]]:
    found = document()
    names = {one["bom-ref"]: one["name"] for one in found["components"]} | {"image": "image"}
    return {names[one["ref"]]: sorted(names[ref] for ref in one["dependsOn"]) for one in found["dependencies"]}


def test_it_is_valid_cyclonedx():
    text = sbom(STATUS, SUBJECT, lambda _: DEP_5)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None


def test_the_validator_sees_a_fault():
    broken = document()
    broken["components"][0]["type"] = "package"
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(broken)) is not None


def test_it_lists_what_is_installed_and_nothing_that_was_removed():
    names = [found["name"] for found in document()["components"]]
    assert names == sorted(names)
    assert set(names) == {package.name for package in installed(STATUS)}
    assert "python3-h11" not in names
    assert "libc6" in names  # on hold, but there


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("edge-streamer", "pkg:generic/edge-streamer@0.1.0"),
        ("python3-other", "pkg:deb/debian/python3-other@2%3A1.0~rc1%2Bdfsg-1?arch=all&distro=debian-13"),
        ("libc6", "pkg:deb/debian/libc6@2.41-12?arch=amd64&distro=debian-13&upstream=glibc"),
        (
            "python3-minimal",
            "pkg:deb/debian/python3-minimal@3.13.5-1?arch=amd64&distro=debian-13&upstream=python3-defaults%403.13.5-1a",
        ),
        ("raspi-firmware", "pkg:deb/raspberrypi/raspi-firmware@1%3A1.20251008-1%2Brpt1?arch=all&distro=debian-13"),
    ],
)
def test_a_package_is_named_by_its_purl(name, expected):
    assert component(name)["purl"] == component(name)["bom-ref"] == expected
    assert expected in {purl(package, "debian-13") for package in installed(STATUS)}


def test_ours_is_an_application():
    assert component("edge-streamer")["type"] == "application"
    assert component("edge-streamer")["supplier"] == {"name": "Edge"}
    assert component("libc6")["type"] == "library"


def test_dependencies_are_those_of_this_tree():
    found = needs()
    assert found["edge-streamer"] == ["python3", "python3-other", "systemd-sysv"]  # second choice, and who provides it
    assert found["python3"] == ["libc6", "python3-minimal"]  # what is not installed is not named
    assert found["libc6"] == []
    assert set(found["image"]) == {package.name for package in installed(STATUS)}


def test_licences_are_those_that_a_machine_readable_file_names():
    licences = component("python3", copyright_of=lambda name: DEP_5 if name == "python3" else None)["licenses"]
    assert licences == [{"license": {"name": "PSF-2"}}, {"license": {"name": "GPL-2+ or PSF-2"}}]
    assert "licenses" not in component("libc6", copyright_of=lambda _: "It is free.\nLicense: of some kind\n")


def test_copyright_files_are_read_from_the_tree(tmp_path):
    folder = tmp_path / "usr/share/doc/python3"
    folder.mkdir(parents=True)
    (folder / "copyright").write_bytes(DEP_5.encode() + b"\xff")
    read = copyright_in(tmp_path)
    assert (read("python3") or "").startswith("Format:")
    assert read("libc6") is None


def test_the_same_tree_gives_the_same_bytes_and_another_another_number(tmp_path):
    write_sbom(STATUS, tmp_path / "a.cdx.json", SUBJECT)
    assert (tmp_path / "a.cdx.json").read_text() == sbom(STATUS, SUBJECT)
    other = json.loads(sbom(STATUS.replace("257.9-1", "257.9-2"), SUBJECT))
    assert other["serialNumber"] != document()["serialNumber"]
    assert document()["metadata"]["timestamp"] == "2025-11-28T03:20:00Z"
