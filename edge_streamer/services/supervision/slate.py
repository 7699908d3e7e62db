"""A slate: which picture stands for a stream's missing ones, and the short-lived process that encodes it.

`outage` decides when a slate is made and sends it. `slate_spec` says what to encode: a picture of the stream's size and
profile, because another one would make players set up their decoders anew, or end sessions. The process is a source of
the kind `slate`; it is started, limited in time and checked as any source, and never again asked for anything.
"""

from collections.abc import Callable
from typing import Final

from edge_streamer.codec.frame import EncodedFrame
from edge_streamer.codec.h264.nal import NalType, nal_type, split_access_unit
from edge_streamer.codec.h264.sps import SampleFormat, VideoFormat, parse_sps
from edge_streamer.logs.limits import printable
from edge_streamer.media.stream import Stream
from edge_streamer.protocol.source.messages import SourceFormatError, SourceFrame, SourceNote
from edge_streamer.protocol.source.ranges import MAX_SLATE_REASON_CHARACTERS, SlateProfile
from edge_streamer.protocol.source.request import CameraOptions, Options, Output, SlateOptions, V4l2Options
from edge_streamer.runtime.loop import Loop, Timer
from edge_streamer.services.status import RestartReason
from edge_streamer.services.supervision.encoder import OutputEncoder
from edge_streamer.services.supervision.log import SourceLog
from edge_streamer.services.supervision.notes import event_of, reason_of
from edge_streamer.services.supervision.process import SourceMessage, SourceProcess
from edge_streamer.services.supervision.spec import SourceSpec

SLATE_LIMIT_S: Final = 10.0
"""A slate of 4096x2160 takes half a second on a server; a Zero 2 W, which loads PyAV for two seconds, has time too."""
MAX_SLATE_BYTES: Final = 256 << 10
"""Of one access unit. A slate of 4096x2160 pixels was measured at 47 kB, one of 1280x720 at 20 kB."""
PICTURES: Final = 2
SLATE_FPS: Final = 1.0
"""FFmpeg looks at a new stream for five seconds, which it counts in frame intervals of the SPS: with the source's 30 a
second in it, ffprobe took 20 s to open a slate (20 frames, its other limit), with the true rate it takes 5 s."""
SOFTWARE_ENCODER: Final = "libx264"
_KINDS: Final = [NalType.SPS, NalType.PPS, NalType.IDR_SLICE]
_BASELINE: Final = 66
_PROFILES: Final[dict[int, SlateProfile]] = {_BASELINE: "baseline", 77: "main", 100: "high"}
_PROFILE_IDC: Final = {name: number for number, name in _PROFILES.items()}


def slate_spec(
    stream: Stream, encoder: OutputEncoder, options: Options, reason: str, since_wall_s: float
) -> SourceSpec:
    """Return the process that encodes the slate of `stream`; `options` are its source's.

    Size and profile are those of the stream's last pictures; before the first one, those that its encoder is asked for
    and is likely to choose. ValueError, in words, for pictures that no slate can stand for.
    """
    if stream.track.parameter_sets is not None:
        video = stream.track.parameter_sets.video_format
        width, height, profile = video.width, video.height, _profile_of(video)
    else:
        width, height = encoder.width, encoder.height
        profile = _likely_profile(encoder, options)
    if not width or not height or width % 2 or height % 2:
        raise ValueError(f"no slate can have {width}x{height} pixels")
    bitrate_bps = min(max(encoder.bitrate_bps, 25_000), 50_000_000)
    output = Output(stream.name, width, height, SLATE_FPS, bitrate_bps)
    words = printable(reason)[:MAX_SLATE_REASON_CHARACTERS]
    return SourceSpec((output,), SlateOptions(words, since_wall_s, profile))


def _profile_of(video: VideoFormat) -> SlateProfile:
    profile = _PROFILES.get(video.profile_idc)
    if profile is None or video.samples != SampleFormat():
        raise ValueError(f"no slate can be encoded in the stream's profile ({video.profile_idc})")
    return profile


def _likely_profile(encoder: OutputEncoder, options: Options) -> SlateProfile:
    """Return the profile of the pictures to come. A wrong guess ends sessions once, with the first picture."""
    asked = encoder.spec.encoder if isinstance(encoder.spec, Output) else "software"
    is_software = asked == "software" or encoder.ready.encoder == SOFTWARE_ENCODER
    if isinstance(options, CameraOptions | V4l2Options) and not is_software:
        is_hardware = asked == "hardware" or options.encoder_limits is not None  # the board has an encoder
        if is_hardware:  # `sources.picamera2` asks for Main, `sources.v4l2` takes the driver's default
            return "main" if isinstance(options, CameraOptions) else "high"
    return "baseline"


class SlateProcess:
    """One run of the process that encodes a slate, which the constructor starts; OSError when it cannot be started.

    Unless the run is cancelled, one of two is called, once: `on_made` with the access units, to be sent by turns, or
    `on_failed` with the reason.
    """

    def __init__(
        self,
        loop: Loop,
        spec: SourceSpec,
        log: SourceLog,
        on_made: Callable[[tuple[EncodedFrame, ...]], None],
        on_failed: Callable[[str], None],
    ) -> None:
        self._output = spec.outputs[0]
        self._profile_idc = _PROFILE_IDC[spec.options.profile] if isinstance(spec.options, SlateOptions) else _BASELINE
        self._on_made = on_made
        self._on_failed = on_failed
        self._pictures: list[EncodedFrame] = []
        self._failure = ""
        self._is_cancelled = False
        self._process = SourceProcess(loop, spec, self, self._take, log)
        self._limit: Timer = loop.call_later(SLATE_LIMIT_S, self._on_late)

    def cancel(self) -> None:
        """End the process: the slate is needed no longer."""
        self._is_cancelled = True
        self._end()

    def _end(self) -> None:
        self._limit.cancel()
        if not self._process.is_ending:
            self._process.terminate()

    def _on_late(self) -> None:
        self.on_failed(RestartReason.SILENT, f"it was not encoded within {SLATE_LIMIT_S:.0f} s")

    def _take(self, message: SourceMessage) -> None:
        match message:
            case SourceFrame():
                self._check(message.frame)
                self._pictures.append(message.frame)
            case SourceNote() if event_of(message) == "failed":
                self._failure = reason_of(message)
            case _:
                raise SourceFormatError("it is no part of a slate")

    def _check(self, frame: EncodedFrame) -> None:
        """SourceFormatError unless the frame is one of the access units that were asked for."""
        units = split_access_unit(frame.data)
        kinds = [nal_type(nal) for nal in units]
        if len(self._pictures) >= PICTURES or len(frame.data) > MAX_SLATE_BYTES or kinds != _KINDS:
            raise SourceFormatError(f"it is no slate: {len(frame.data)} bytes with NAL units of types {kinds}")
        try:
            video = parse_sps(bytes(units[0]))
        except ValueError as error:
            raise SourceFormatError(f"it is no slate: {error}") from None
        found = (video.width, video.height, video.profile_idc)
        if found != (self._output.width, self._output.height, self._profile_idc):
            raise SourceFormatError(f"it is a slate of another format: {found}")

    # --- the process's calls

    def on_failed(self, reason: RestartReason, text: str) -> None:
        """Called when the process has to be ended."""
        self._failure = self._failure or text or str(reason)
        self._end()

    def on_ended(self, exit_code: int) -> None:
        """Called once, when the process has ended."""
        self._limit.cancel()
        if self._is_cancelled:
            return
        if not self._failure and len(self._pictures) == PICTURES:
            self._on_made(tuple(self._pictures))
        else:
            self._on_failed(self._failure or f"its process ended with exit code {exit_code}")
