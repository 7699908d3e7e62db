"""What the tests measure of an image, for docs/install.md: `build/image/measured.json`, a name and a number each."""

import json
from pathlib import Path
from typing import Final

FILE: Final = Path(__file__).parents[2] / "build/image/measured.json"


def note(name: str, value: float) -> None:
    """Keep a number, rounded to three digits; one of the same name before it is gone."""
    FILE.parent.mkdir(parents=True, exist_ok=True)
    measured = json.loads(FILE.read_text()) if FILE.exists() else {}
    measured[name] = float(f"{value:.3g}")
    FILE.write_text(json.dumps(measured, indent=1, sort_keys=True) + "\n")
