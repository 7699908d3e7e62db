"""The Debian package as a file: what lintian says of it, and that the same checkout makes the same bytes."""

import os
import re
import subprocess
from pathlib import Path

import pytest

import edge_streamer
from deploy.debian.build import CHECKOUT, build, version

OTHER_UMASK = 0o077


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("package"))


def said_by(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, f"{command[0]} ended with {done.returncode}: {done.stdout}{done.stderr}"
    return done.stdout


def test_version_is_the_packages_own(package):
    assert version() == edge_streamer.__version__
    assert said_by("dpkg-deb", "--field", str(package), "Version").strip() == edge_streamer.__version__


def test_lintian_finds_no_error(package):
    assert "E: " not in said_by("lintian", "--fail-on", "error", "--allow-root", str(package))


def test_same_checkout_makes_the_same_bytes(package, tmp_path):
    before = os.umask(OTHER_UMASK)
    try:
        again = build(tmp_path)
    finally:
        os.umask(before)
    assert again.read_bytes() == package.read_bytes()


def test_depends_on_every_run_time_dependency(package):
    depends = said_by("dpkg-deb", "--field", str(package), "Depends")
    project = (CHECKOUT / "pyproject.toml").read_text()
    stated = re.findall(r'^    "[a-z0-9-]+>=[0-9.]+", +# (python3-[a-z0-9-]+)$', project, re.MULTILINE)
    assert len(stated) >= 5
    for name in stated:
        assert re.search(rf"\b{name}\b", depends), name


def test_every_unit_and_module_is_in_it(package):
    listed = said_by("dpkg-deb", "--contents", str(package))
    for unit in (*CHECKOUT.glob("systemd/*.service"), *CHECKOUT.glob("systemd/*.socket")):
        assert f"./usr/lib/systemd/system/{unit.name}\n" in listed
    for module in CHECKOUT.glob("edge_streamer/**/*.py"):
        assert f"./usr/lib/python3/dist-packages/{module.relative_to(CHECKOUT)}\n" in listed
    assert "__pycache__" not in listed


def test_another_programs_failure_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SystemExit, match="no dpkg-deb here: build on Debian"):
        build(tmp_path / "output")
