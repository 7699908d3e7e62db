"""What is said of a finished file: to people, in the image's facts and in the Imager manifest."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MadeFile:
    """A file beside the others of its image."""

    name: str
    size_bytes: int
    sha256: str
