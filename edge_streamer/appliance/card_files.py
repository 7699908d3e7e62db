"""The files on the card that are taken, whether they changed since they were taken, and their secrets' last traces.

Called by `steps`. `card.read_card` understands the files; this module only compares bytes.

After the settings were kept, each secret is overwritten where it lies. A power cut in between leaves some sectors with
the old bytes and some with the new, which together are a secret that was never written: taken for one, half a password
would replace the right one. So settings.json has the digest of the files as they will be, and for each sector the
SHA-256 of the old bytes. If every sector is one or the other, and the rest is unchanged, the card is one that was
taken, and overwriting goes on; any other difference is an edit, and the card is taken again.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Final

from edge_streamer.appliance.durable import SECTOR_BYTES, overwrite
from edge_streamer.appliance.settings_store import Piece

if TYPE_CHECKING:
    from edge_streamer.appliance.card import SecretSpan

MAX_FILE_BYTES: Final = 1 << 20
"""A larger file holds no settings."""
KNOWN_NAMES: Final = frozenset(
    ("edge-streamer.toml", "rpi-preseed.toml", "custom.toml", "user-data", "network-config", "wpa_supplicant.conf",
     "ssh", "userconf", "firstrun.sh", "meta-data")
)  # fmt: skip
"""`card.FILE_NAMES`, which is not imported for a card that is unchanged. No other file of the card matters: people copy
photos to it."""


def read_card_files(folder: Path) -> dict[str, bytes]:
    """Return the content of each file that `card.read_card` knows, by its name."""
    found = sorted(path for path in folder.iterdir() if _is_known(path.name) and path.is_file())
    return {path.name: path.read_bytes() for path in found if path.stat().st_size <= MAX_FILE_BYTES}


def digest_of(files: Mapping[str, bytes]) -> str:
    """Return a digest of all names and contents."""
    whole = hashlib.sha256()
    for name, content in sorted(files.items()):
        whole.update(f"{len(name.encode())} {len(content)} {name}".encode())
        whole.update(content)
    return whole.hexdigest()


def pieces_of(files: Mapping[str, bytes], spans: "Iterable[SecretSpan]") -> tuple[Piece, ...]:
    """Return the spans cut at sectors, with the SHA-256 of what is there now."""
    return tuple(piece for span in spans for piece in _cut(files[span.file], span))


def blanked(files: Mapping[str, bytes], pieces: Iterable[Piece]) -> dict[str, bytes]:
    """Return the files as they are when the pieces are overwritten; a piece beyond a file's end is left out."""
    changed = {name: bytearray(content) for name, content in files.items()}
    for piece in pieces:
        end_byte = piece.start_byte + len(piece.replacement)
        if end_byte <= len(changed.get(piece.file, b"")):
            changed[piece.file][piece.start_byte : end_byte] = piece.replacement
    return {name: bytes(content) for name, content in changed.items()}


def is_same_card(files: Mapping[str, bytes], digest: str, due: Iterable[Piece]) -> bool:
    """Return whether the files are those of `digest`, except for pieces that are still to be overwritten."""
    due = tuple(due)
    return digest_of(blanked(files, due)) == digest and all(_is_old_or_new(files[piece.file], piece) for piece in due)


def overwrite_pieces(folder: Path, pieces: Iterable[Piece]) -> None:
    """Overwrite the pieces on the card; OSError when that fails, and then it is still due."""
    for file, of_file in groupby(sorted(pieces, key=lambda piece: piece.file), key=lambda piece: piece.file):
        overwrite(folder / file, [(piece.start_byte, piece.replacement) for piece in of_file])


def _is_known(name: str) -> bool:
    return name.lower() in KNOWN_NAMES or name.lower().removesuffix(".txt") in KNOWN_NAMES


def _cut(content: bytes, span: "SecretSpan") -> Iterator[Piece]:
    start = span.start_byte
    while start < span.end_byte:
        end = min(span.end_byte, (start // SECTOR_BYTES + 1) * SECTOR_BYTES)
        yield Piece(
            file=span.file,
            start_byte=start,
            replacement=span.replacement[start - span.start_byte : end - span.start_byte],
            sha256=hashlib.sha256(content[start:end]).hexdigest(),
        )
        start = end


def _is_old_or_new(content: bytes, piece: Piece) -> bool:
    there = content[piece.start_byte : piece.start_byte + len(piece.replacement)]
    return there == piece.replacement or hashlib.sha256(there).hexdigest() == piece.sha256
