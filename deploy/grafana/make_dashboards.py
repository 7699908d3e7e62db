"""Write the dashboards' JSON: `python -m deploy.grafana.make_dashboards`. A test compares what is committed with it.

What is written is schema version 42, of Grafana 12; older ones that know `statetimeline` (8.1 and later) read it too.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder

from deploy.grafana.camera import camera
from deploy.grafana.fleet import fleet

FOLDER: Final = Path(__file__).parent
DASHBOARDS: Final[Mapping[str, Callable[[], Dashboard]]] = {"fleet.json": fleet, "camera.json": camera}


def encode(board: Dashboard) -> str:
    """Return the JSON of a dashboard, whose panels are numbered in their order."""
    built = board.build()
    for number, panel in enumerate(built.panels or [], start=1):
        panel.id_val = number
    return JSONEncoder(indent=2, sort_keys=True, ensure_ascii=False).encode(built) + "\n"


def main() -> None:
    """Write the files."""
    for name, make in DASHBOARDS.items():
        (FOLDER / name).write_text(encode(make()), encoding="utf-8")


if __name__ == "__main__":
    main()
