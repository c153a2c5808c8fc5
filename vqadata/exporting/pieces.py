"""The stage that exports: a piece of the shards in, its files and their receipt out.

A piece is made in a folder of its own, which gets its name when it is whole. So a piece that is
there is not made again, whatever became of the worker or of the run.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from vqadata.engine.stage import Stage
from vqadata.exporting.collecting import PIECES
from vqadata.exporting.outbox import Delivery, Outbox
from vqadata.shards.reader import Shards, open_shards
from vqadata.steps import Export
from vqadata.stores.file_system import is_url

_RECEIPT = "receipt.json"


class Piece(NamedTuple):
    """Some record batches of one split."""

    number: int
    first: int
    """Number of the first batch over all shards."""
    stop: int
    """Of the batch behind the last."""


def pieces(shards: Shards, step: Export) -> Iterator[Piece]:
    """Cut shards into pieces; where depends on the shards and on the options of the export alone.

    Args:
        shards: The data.
        step: Says how large a batch is in its format, and a piece.
    """
    number = first = size = 0
    split: str | None = None
    for place, where in enumerate(shards.places):
        shard = shards.manifest.shards[where.shard]
        own = step.size_of(shard.batches[where.number])
        if place > first and (shard.split != split or size + own > step.piece_bytes):
            yield Piece(number, first, place)
            number, first, size = number + 1, place, 0
        size, split = size + own, shard.split
    if first < len(shards.places):
        yield Piece(number, first, len(shards.places))


def folder_of(folder: Path, number: int) -> Path:
    """Where a piece lies in the folder of its export."""
    return folder / PIECES / f"{number:06d}"


class ExportPieces(Stage[Piece, Delivery]):
    """Writes pieces of shards in another format.

    Args:
        step: The export, with its options.
        shards: Where the data set is: a folder, or a URL.
        folder: The unfinished folder of the export.
    """

    def __init__(self, step: Export, shards: Path | str, folder: Path) -> None:
        """Open nothing yet."""
        # Workers may work in another folder.
        self._shards = shards if is_url(shards) else Path(shards).absolute()
        self._step, self._folder = step, folder.absolute()

    def open(self) -> Callable[[Piece], Delivery]:
        """Map the shards."""
        shards = open_shards(self._shards)
        return lambda piece: self._known(piece) or self._write(shards, piece)

    def name_of(self, spec: Piece) -> str:
        """The batches, by their numbers."""
        return f"{self._shards}: batches {spec.first} to {spec.stop - 1}"

    def modules(self) -> list[str]:
        """This one, and that of the export."""
        return [*super().modules(), type(self._step).__module__]

    def _known(self, piece: Piece) -> Delivery | None:
        """The receipt of a piece that is there with all its files."""
        place = folder_of(self._folder, piece.number)
        try:
            known = msgspec.json.decode((place / _RECEIPT).read_bytes(), type=Delivery)
        except (OSError, msgspec.MsgspecError):
            return None
        files = [place / name for name in (*known.lines, *(part.path for part in known.parts))]
        return known if all(file.exists() for file in files) else None

    def _write(self, shards: Shards, piece: Piece) -> Delivery:
        # A worker that seems lost may still be writing: each has a place of its own.
        place = folder_of(self._folder, piece.number)
        own = place.with_name(f"{place.name}-{uuid.uuid4().hex}")
        own.mkdir()
        try:
            with Outbox(own, shards.manifest.splits, piece.number, self._folder) as outbox:
                self._step.write(shards.stretch(piece.first, piece.stop), outbox)
                delivery = outbox.delivery(_rows(shards, piece))
            (own / _RECEIPT).write_bytes(msgspec.json.encode(delivery))
            if not self._known(piece):  # else one that seemed lost has been here
                shutil.rmtree(place, ignore_errors=True)
                own.rename(place)
        finally:
            shutil.rmtree(own, ignore_errors=True)
        return delivery


def _rows(shards: Shards, piece: Piece) -> int:
    """The picture rows of a piece."""
    ends = [*(place.first_row for place in shards.places), shards.manifest.pictures]
    return ends[piece.stop] - ends[piece.first]
