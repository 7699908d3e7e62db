"""A copy of this checkout without its history and its tests, for what is built from one."""

import shutil
from pathlib import Path
from typing import Final

from tests.support.debian_root import run

CHECKOUT: Final = Path(__file__).parents[2]


def copy_of_checkout(target: Path) -> Path:
    """Copy the files that git knows below `target`, and return it."""
    for name in run("git", "-c", f"safe.directory={CHECKOUT}", "-C", str(CHECKOUT), "ls-files", "-z").split("\0")[:-1]:
        if not name.startswith("tests/") and (CHECKOUT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(CHECKOUT / name, target / name)
    return target
