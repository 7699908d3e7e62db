"""The manifest for Raspberry Pi Imager, against the schema that its documentation describes."""

import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

from deploy.image.imager_manifest import MODELS, BuiltImage, manifest
from deploy.image.made_file import MadeFile

# What doc/json-schema/os-list-schema.json and doc/schema-notes.md of rpi-imager require of an entry with a `url`, and
# of the models of a list that is opened by itself.
TEXT = {"type": "string", "minLength": 1}
URL = {"type": "string", "pattern": r"^(https?|file)://.*\.xz$"}
SHA256 = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
BYTES = {"type": "integer", "minimum": 1}
TAGS = {"type": "array", "items": {"enum": ["pi3-64bit", "pi4-64bit", "pi5-64bit"]}, "minItems": 1, "uniqueItems": True}
ENTRY = {
    "type": "object",
    "required": ["name", "description", "icon", "url", "extract_size", "extract_sha256", "image_download_size",
                 "release_date", "devices"],
    "properties": {
        "name": TEXT, "description": TEXT, "icon": TEXT, "url": URL,
        "extract_size": BYTES, "extract_sha256": SHA256, "image_download_size": BYTES, "image_download_sha256": SHA256,
        "release_date": {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}$"}, "devices": TAGS,
        "init_format": {"enum": ["none", "systemd", "cloudinit", "cloudinit-rpi", "rpi-preseed"]},
        "architecture": {"enum": ["armhf", "armv8"]}, "website": TEXT, "capabilities": {"type": "array"},
    },
    "additionalProperties": False,
}  # fmt: skip
MODEL = {
    "type": "object",
    "required": ["name", "tags", "description", "matching_type"],
    "properties": {"tags": TAGS, "matching_type": {"enum": ["exclusive", "inclusive"]}},
}
SCHEMA = {
    "type": "object",
    "required": ["imager", "os_list"],
    "properties": {
        "imager": {"type": "object", "properties": {"devices": {"type": "array", "items": MODEL, "minItems": 1}}},
        "os_list": {"type": "array", "items": ENTRY, "minItems": 1},
    },
    "additionalProperties": False,
}


@pytest.fixture
def image(tmp_path: Path) -> BuiltImage:
    return BuiltImage(
        version="0.1.0",
        compressed=tmp_path / "edge-streamer-rpi-0.1.0.img.xz",
        download=MadeFile("edge-streamer-rpi-0.1.0.img.xz", 123, "1" * 64),
        raw=MadeFile("edge-streamer-rpi-0.1.0.img", 4096, "2" * 64),
        released="2026-11-28",
        has_vendor_kernel=True,
    )


@pytest.mark.parametrize("has_vendor_kernel", [True, False])
def test_it_is_what_the_schema_says(image, has_vendor_kernel):
    document = json.loads(manifest(replace(image, has_vendor_kernel=has_vendor_kernel)))
    jsonschema.validate(document, SCHEMA)
    offered = {tag for model in document["imager"]["devices"] for tag in model["tags"]}
    assert offered == set(document["os_list"][0]["devices"])  # an image for a model that is not offered is not shown


@pytest.mark.parametrize(
    "broken", [{"extract_sha256": "ab"}, {"devices": []}, {"url": "image.img"}, {"release_date": ""}]
)
def test_the_schema_of_this_test_refuses_what_imager_would(image, broken):
    document = json.loads(manifest(image))
    document["os_list"][0] |= broken
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, SCHEMA)


def test_without_an_address_it_names_the_file_where_it_lies(image):
    assert json.loads(manifest(image))["os_list"][0]["url"] == image.compressed.as_uri()


def test_an_address_is_taken(image):
    entry = json.loads(manifest(image, "https://downloads.test/x.img.xz"))["os_list"][0]
    assert entry["url"] == "https://downloads.test/x.img.xz"


def test_sizes_and_sums_are_of_the_right_file(image):
    entry = json.loads(manifest(image))["os_list"][0]
    assert (entry["extract_size"], entry["extract_sha256"]) == (4096, "2" * 64)
    assert (entry["image_download_size"], entry["image_download_sha256"]) == (123, "1" * 64)


def test_only_the_vendors_kernel_is_offered_for_a_pi_5(image):
    assert json.loads(manifest(image))["os_list"][0]["devices"] == [model.tag for model in MODELS]
    entry = json.loads(manifest(replace(image, has_vendor_kernel=False)))["os_list"][0]
    assert entry["devices"] == ["pi4-64bit", "pi3-64bit"]
    assert "no CSI camera" in entry["description"]


def test_imager_asks_for_settings_in_a_format_that_all_its_versions_know(image):
    assert json.loads(manifest(image))["os_list"][0]["init_format"] == "cloudinit"
