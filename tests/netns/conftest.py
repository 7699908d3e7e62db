"""What the laboratory's tests share: the five streams as files, made once a run."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.netns.clips import CLIPS, make_clip


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """Stream name -> its file."""
    folder = tmp_path_factory.mktemp("netns-clips")
    return {spec.name: make_clip(spec, folder) for spec in CLIPS}
