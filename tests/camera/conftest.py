"""The camera root, and one service for a whole module with each of the two encoders.

With EDGE_STREAMER_CAMERA=1 the same tests run against this machine's camera. What needs a broken camera, or one that
writes down when it captured, is not collected then.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.camera.camera_service import ENCODERS, IS_REAL, CameraService, camera_service
from tests.camera.root import built_root

HERE = Path(__file__).parent
SLOWEST_TEST_S = 300
"""The first to run builds the root, and the longest plays for a minute."""
collect_ignore = ["test_faults.py", "test_start_faults.py", "test_timing.py"] if IS_REAL else []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.parent == HERE:
            item.add_marker(pytest.mark.slow)
            item.add_marker(pytest.mark.timeout(SLOWEST_TEST_S))


@pytest.fixture(scope="session")
def camera_root(request: pytest.FixtureRequest) -> Path | None:
    """The root with libcamera and picamera2; building it is the longest step, so its progress is shown at once."""
    if IS_REAL:
        return None
    capture = request.config.pluginmanager.getplugin("capturemanager")

    def tell(text: str) -> None:
        with capture.global_and_fixture_disabled():
            print(f"\n-- {text}", flush=True)

    return built_root(tell)


@pytest.fixture(scope="module", params=ENCODERS)
def encoder(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def camera(camera_root: Path | None, encoder: str) -> Iterator[CameraService]:
    with camera_service(camera_root, encoder) as running:
        yield running
