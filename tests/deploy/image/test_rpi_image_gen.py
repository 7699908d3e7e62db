"""The layer and the configuration for rpi-image-gen pass its linter's rules, and install what the package needs."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

from tests.support.rpi_image_gen import configuration_faults, layer_faults, metadata

REPOSITORY = Path(__file__).parents[3]
FOLDER = REPOSITORY / "deploy/image/rpi-image-gen"
LAYER = (FOLDER / "layer/edge-streamer.yaml").read_text()
CONFIGURATION = (FOLDER / "config/edge-streamer.yaml").read_text()
BODY = yaml.safe_load(LAYER)["mmdebstrap"]


def test_the_layer_passes():
    assert layer_faults(LAYER) == []


def test_the_configuration_passes_and_names_the_layer():
    assert configuration_faults(CONFIGURATION) == []
    assert yaml.safe_load(CONFIGURATION)["layer"]["app"] == metadata(LAYER)["X-Env-Layer-Name"]


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("-Layer-Category:", "-Layer-Kategory:", "'X-Env-Layer-Kategory' is not supported"),
        ("# X-Env-VarPrefix: edge\n", "", "variables need X-Env-VarPrefix"),
        ("# X-Env-Var-picamera2: y\n", "", "attributes of 'picamera2', which is not defined"),
        ("picamera2-Valid: bool", "picamera2-Valid: boolean", "'boolean' is no rule, of 'picamera2'"),
        ("picamera2: y", "picamera2: maybe", "the value of 'picamera2' is not what its rule 'bool' says"),
        ("#  as a service", "# as a service", "no field name, and not indented"),
        ("  customize-hooks:", "  customise-hooks:", "'customise-hooks' is not of mmdebstrap"),
        ("  packages:\n", "  packages: one\n  mode:\n", "'packages' is no list of texts"),
        ("mmdebstrap:", "mmdebstrap: [", "while parsing"),
    ],
)
def test_a_fault_is_seen(old, new, fault):
    assert old in LAYER
    assert any(fault in found for found in layer_faults(LAYER.replace(old, new, 1)))


@pytest.mark.parametrize(
    ("text", "fault"),
    [("- a", "a mapping is expected"), ("layer: app", "section 'layer' is no mapping"), ("include: {}", "no 'file'")],
)
def test_a_fault_of_a_configuration_is_seen(text, fault):
    assert any(fault in found for found in configuration_faults(text))


def test_a_variable_that_a_hook_or_the_configuration_names_is_defined():
    prefix = metadata(LAYER)["X-Env-VarPrefix"]
    defined = {
        name.removeprefix("X-Env-Var-") for name in metadata(LAYER) if re.fullmatch(r"X-Env-Var-[a-z0-9_]+", name)
    }
    hooks = "\n".join(BODY["customize-hooks"])
    used = set(re.findall(rf"IGconf_{prefix}_(\w+)", hooks)) | set(re.findall(rf"igconf isy {prefix}_(\w+)", hooks))
    assert used == defined
    assert set(yaml.safe_load(CONFIGURATION)[prefix]) <= defined


def test_it_installs_debians_packages_of_all_that_the_service_imports():
    project = (REPOSITORY / "pyproject.toml").read_text()
    dependencies = tomllib.loads(project)["project"]["dependencies"]
    named = {re.search(rf'"{re.escape(one)}",\s*# (python3-\S+)', project)[1] for one in dependencies}
    assert named | {"python3-av", "python3-systemd"} == set(BODY["packages"])


def test_the_units_that_it_enables_are_ours():
    line = next(hook for hook in BODY["customize-hooks"] if "enable-units" in hook)
    units = line.split('"$1"')[1].split()
    assert all((REPOSITORY / "systemd" / unit).is_file() for unit in units)
