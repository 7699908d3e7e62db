"""Every link in a Markdown file of the repository leads somewhere, and the index of docs/ leads to every page."""

import re
from pathlib import Path

import pytest

from edge_streamer.appliance.card import FILE_NAMES
from tests.support.markdown import anchors, code_spans, links

REPOSITORY = Path(__file__).parents[2]
INDEX = REPOSITORY / "docs" / "README.md"
PLACEHOLDER = re.compile(r"[A-Z]{3,}|[*<]")
"""In a name of a file: NAME, BRAND and the like stand for what the reader puts there."""
FILE_NAME = re.compile(r"[\w./-]+\.(?:py|md|toml|yml|json|js|css|html|sh|service|socket|catalog|conf)")


ON_CARDS = frozenset(FILE_NAMES)
"""Files that other tools write, which the device reads."""


def is_ours(path: Path) -> bool:
    """Whether it is none of a tool's: .venv, .pytest_cache, benchmarks/.cache and what lies in a build folder."""
    folders = path.relative_to(REPOSITORY).parts[:-1]
    return not any(folder == "build" or (folder.startswith(".") and folder != ".github") for folder in folders)


FILES = sorted(path for path in REPOSITORY.rglob("*") if path.is_file() and is_ours(path))
PAGES = [path for path in FILES if path.suffix == ".md"]
PATHS = [path.as_posix() for path in FILES]


def is_local(link: str) -> bool:
    return re.match(r"[a-z]+:", link) is None


def target_of(page: Path, link: str) -> tuple[Path, str]:
    name, _hash, anchor = link.partition("#")
    return ((page.parent / name).resolve() if name else page), anchor


def broken(page: Path) -> list[str]:
    """The local links of a page that lead nowhere."""
    found = []
    for link in filter(is_local, links(page.read_text(encoding="utf-8"))):
        target, anchor = target_of(page, link)
        is_there = target.exists() and target.is_relative_to(REPOSITORY)
        if not is_there or (anchor and anchor not in anchors(target.read_text(encoding="utf-8"))):
            found.append(link)
    return found


def shown(page: Path) -> str:
    return str(page.relative_to(REPOSITORY))


@pytest.mark.parametrize("page", PAGES, ids=shown)
def test_every_link_leads_somewhere(page):
    assert broken(page) == []


@pytest.mark.parametrize("page", PAGES, ids=shown)
def test_files_that_are_named_are_there(page):
    """Each by the end of its path; what begins with a slash lies on a device."""
    named = filter(FILE_NAME.fullmatch, code_spans(page.read_text(encoding="utf-8")))
    ours = [
        name for name in named if not name.startswith("/") and name not in ON_CARDS and not PLACEHOLDER.search(name)
    ]
    assert [name for name in ours if not any(path.endswith(f"/{name}") for path in PATHS)] == []


def test_the_index_leads_to_every_page():
    reached, unread = {INDEX}, [INDEX]
    while unread:
        page = unread.pop()
        for link in filter(is_local, links(page.read_text(encoding="utf-8"))):
            target, _anchor = target_of(page, link)
            if target.suffix == ".md" and target.is_relative_to(INDEX.parent) and target not in reached:
                reached.add(target)
                unread.append(target)
    assert {page for page in PAGES if page.is_relative_to(INDEX.parent)} - reached == set()


def test_the_readme_leads_to_the_index():
    readme = REPOSITORY / "README.md"
    assert INDEX in {target_of(readme, link)[0] for link in links(readme.read_text(encoding="utf-8"))}


def test_a_broken_link_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr("tests.docs.test_links.REPOSITORY", tmp_path)
    page = tmp_path / "page.md"
    (tmp_path / "other.md").write_text("# Twice\n\n# Twice\n\n```\n# no heading\n```\n")
    page.write_text(
        "[a](other.md#twice-1) [b](other.md#thrice) [c](gone.md) [d](#here) [e](https://example.org/gone.md)\n"
        "[f](other.md#no-heading) `[g](code.md)`\n\n# Here\n"
    )
    assert broken(page) == ["other.md#thrice", "gone.md", "other.md#no-heading"]
