import pytest

from edge_streamer.sources.ending import SourceError
from edge_streamer.sources.picamera2.controls import checked_controls

RANGES = {
    "AeEnable": (False, True, True),
    "AfMode": (0, 2, 0),
    "Brightness": (-1.0, 1.0, 0.0),
    "ExposureTime": (26, 11767556, 20000),
    "ColourGains": (0.0, 32.0, None),
    "ScalerCrop": ((0, 0, 64, 64), (0, 0, 4608, 2592), (0, 0, 4608, 2592)),
    "NoiseReductionMode": (0, 4, 0),
    "LensPosition": (0.0, 32.0, None),
    "FrameDurationLimits": (17849, 220416, None),
    "AnalogueGain": (None, None, None),
}
NAMES = {"AfMode": {"Manual": 0, "Auto": 1, "Continuous": 2, "Later": 3}, "NoiseReductionMode": {"Off": 0, "Fast": 1}}


@pytest.mark.parametrize(
    ("name", "value", "checked"),
    [
        ("AfMode", "Continuous", 2),
        ("AfMode", 1, 1),
        ("NoiseReductionMode", "Off", 0),
        ("AeEnable", False, False),
        ("Brightness", 1, 1.0),
        ("ExposureTime", 20000.0, 20000),
        ("ColourGains", (1.5, 2), (1.5, 2.0)),
        ("ScalerCrop", (0, 0, 2304, 1296.0), (0, 0, 2304, 1296)),
        ("AnalogueGain", 3.5, 3.5),
    ],
)
def test_a_value_becomes_what_libcamera_takes(name, value, checked):
    result = checked_controls({name: value}, RANGES, NAMES)
    assert result == {name: checked}
    assert type(result[name]) is type(checked)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("AfMod", "Auto", "no control AfMod (it has: AeEnable, AfMode, AnalogueGain,"),
        ("AfMod", "Auto", "did you mean AfMode?"),
        ("brightness", 0, "did you mean Brightness?"),
        ("Zzz", 0, "LensPosition, NoiseReductionMode, ScalerCrop)"),
        ("AfMode", "continuous", "cannot be 'continuous' (allowed: Manual, Auto, Continuous)"),
        ("AfMode", "Later", "(allowed: Manual, Auto, Continuous)"),
        ("AfMode", 3, "(allowed: Manual, Auto, Continuous)"),
        ("AfMode", True, "(allowed: Manual, Auto, Continuous)"),
        ("AeEnable", 1, "(allowed: true, false)"),
        ("AeEnable", "on", "(allowed: true, false)"),
        ("Brightness", 1.01, "control Brightness cannot be 1.01 (allowed: -1.0 to 1.0)"),
        ("Brightness", True, "(allowed: -1.0 to 1.0)"),
        ("Brightness", float("nan"), "(allowed: -1.0 to 1.0)"),
        ("ExposureTime", 25, "(allowed: 26 to 11767556)"),
        ("ExposureTime", 100.5, "(allowed: 26 to 11767556)"),
        ("ColourGains", (1.0, 33.0), "cannot be 33.0 (allowed: 0.0 to 32.0)"),
        ("ScalerCrop", (0, 0, 5), "a list of 4 whole numbers"),
        ("ScalerCrop", (0, 0, -1, 5), "a list of 4 whole numbers"),
        ("ScalerCrop", 7, "a list of 4 whole numbers"),
        ("FrameDurationLimits", (33333, 33333), "follows the streams' fps"),
        ("FrameRate", 30, "follows the streams' fps"),
    ],
)
def test_what_cannot_be_is_an_error_with_what_is_allowed(name, value, said):
    with pytest.raises(SourceError) as refused:
        checked_controls({name: value}, RANGES, NAMES)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_camera_without_controls_says_so():
    with pytest.raises(SourceError, match=r"\(it has: none\)$"):
        checked_controls({"AfMode": 1}, {"FrameDurationLimits": (1, 2, None)}, {})
