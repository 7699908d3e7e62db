"""What contributors are told and given agrees with the repository: the map, the version, hooks, templates."""

import inspect
import re
import subprocess
from pathlib import Path

import pytest
import yaml

import edge_streamer

REPOSITORY = Path(__file__).parents[2]
PACKAGE = REPOSITORY / "edge_streamer"
FOLDERS = sorted(path.parent.relative_to(PACKAGE) for path in PACKAGE.rglob("__init__.py") if path.parent != PACKAGE)
TEMPLATES = REPOSITORY / ".github" / "ISSUE_TEMPLATE"


def template(name: str) -> dict[str, dict]:
    """The fields of a form by their id."""
    form = yaml.safe_load((TEMPLATES / f"{name}.yml").read_text())
    assert form["name"]
    assert form["description"]
    return {field["id"]: field for field in form["body"] if "id" in field}


@pytest.mark.parametrize("folder", FOLDERS, ids=str)
def test_every_folder_is_on_the_map(folder):
    assert re.search(rf"\b{folder.name}/", inspect.getdoc(edge_streamer))


def test_the_newest_heading_of_the_changelog_is_the_version():
    headings = re.findall(r"^## (\S+)", (REPOSITORY / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] == edge_streamer.__version__


def test_a_commit_is_checked_by_what_make_runs():
    hooks = yaml.safe_load((REPOSITORY / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    of_commits = {hook["entry"] for hook in hooks if "pre-push" not in hook.get("stages", ())}
    make = ["make", "-n", "--no-print-directory", "--assume-old=.venv/.for-developing", "lint", "types", "imports"]
    made = subprocess.run(make, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    assert of_commits == {line for line in made.splitlines() if line.startswith(".venv/bin/")}


@pytest.mark.parametrize("name", ["bug", "interop", "board"])
def test_an_issue_template_is_a_form(name):
    assert any(field.get("validations", {}).get("required") for field in template(name).values())


def test_a_report_of_a_client_has_to_say_what_a_ladder_needs():
    fields = template("interop")
    for needed in ("brand", "firmware", "settings", "capture"):
        assert fields[needed]["validations"]["required"] is True
