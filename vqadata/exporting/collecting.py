"""Puts together what the pieces of an export left, in their order."""

from __future__ import annotations

import hashlib
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import msgspec

from vqadata.exporting.outbox import Delivery, Part, split_names
from vqadata.exporting.receipt import PICTURES, FileEntry, SplitEntry
from vqadata.groundwork.digests import file_digest

PIECES = "pieces"
"""Subfolder of an unfinished export: a folder for each piece."""

_COPIED = 1 << 20


class Contents(NamedTuple):
    """What an export left in its folder, for the receipt."""

    splits: list[SplitEntry]
    left_out: dict[str, int]
    changed: dict[str, int]
    pictures: int
    files: list[FileEntry]


class Collection:
    """All pieces of an export.

    Args:
        folder: Folder of the whole export.
        splits: Names of the splits in the shards.

    Attributes:
        folder: Where files are written.
        names: The name of each split in the export.
        parts: Files of which there are several; after :meth:`settle` with their names.
        notes: What the pieces noted, by kind, each thing once.
    """

    def __init__(self, folder: Path, splits: Iterable[str]) -> None:
        """Begin without a piece."""
        self.folder, self.names = folder, split_names(splits)
        self.parts: list[Part] = []
        self.notes: dict[str, list[Any]] = {}
        self._delivered: Counter[tuple[str, str]] = Counter()
        self._remarks: Counter[tuple[str, str]] = Counter()
        self._lines: dict[str, _Lines] = {}
        self._open = ExitStack()

    def __enter__(self) -> Collection:
        """Use the collection as a context."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the files."""
        self._open.close()

    def take(self, piece: Path, delivery: Delivery) -> None:
        """Take the next piece.

        Args:
            piece: Its folder.
            delivery: Its receipt.
        """
        for name in delivery.lines:
            if name not in self._lines:
                self._lines[name] = _Lines(self.folder / name)
                self._open.enter_context(self._lines[name].file)
            self._lines[name].append(piece / name)
        where = piece.relative_to(self.folder).as_posix()
        for part in delivery.parts:
            self.parts.append(msgspec.structs.replace(part, path=f"{where}/{part.path}"))
        for kind, values in delivery.notes.items():
            known = self.notes.setdefault(kind, [])
            known += [value for value in values if value not in known]
        for split, what, count in delivery.delivered:
            self._delivered[split, what] += count
        for action, reason, count in delivery.remarks:
            self._remarks[action, reason] += count

    def settle(self) -> None:
        """Close the files of lines, and give the parts their names."""
        self._open.close()
        counts = Counter((part.pattern, part.split) for part in self.parts)
        met: Counter[tuple[str, str]] = Counter()
        for place, part in enumerate(self.parts):
            key = (part.pattern, part.split)
            if part.pattern:
                name = part.pattern.format(split=part.split, number=met[key], count=counts[key])
                (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
                (self.folder / part.path).rename(self.folder / name)
                self.parts[place] = msgspec.structs.replace(part, path=name)
            met[key] += 1

    def has_lines(self, file: str) -> bool:
        """Whether any piece has written lines to a file."""
        return file in self._lines

    def contents(self) -> Contents:
        """Take the folders of the pieces away, and say what is there."""
        shutil.rmtree(self.folder / PIECES, ignore_errors=True)
        splits = [
            SplitEntry(split=split, name=name, **self._counts(split))
            for split, name in self.names.items()
        ]
        left_out, changed = self._reasons("left-out"), self._reasons("changed")
        return Contents(splits, left_out, changed, self._pictures(), list(self._files()))

    def _counts(self, split: str) -> dict[str, int]:
        return {what: self._delivered[split, what] for what in ("questions", "rows")}

    def _reasons(self, action: str) -> dict[str, int]:
        return {r: n for (a, r), n in sorted(self._remarks.items()) if a == action}

    def _pictures(self) -> int:
        return sum(1 for _ in (self.folder / PICTURES).glob("*/*"))

    def _files(self) -> Iterator[FileEntry]:
        """All files but pictures; what was hashed while it was written is not read again."""
        known = {part.path: part.sha256 for part in self.parts}
        known |= {name: lines.digest.hexdigest() for name, lines in self._lines.items()}
        for path in sorted(self.folder.rglob("*")):
            name = path.relative_to(self.folder).as_posix()
            if path.is_file() and not name.startswith(f"{PICTURES}/"):
                digest = known.get(name) or file_digest(path)
                yield FileEntry(file=name, bytes=path.stat().st_size, sha256=digest)


class _Lines:
    """A file of lines, piece by piece."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.file: BinaryIO = path.open("wb")
        self.digest = hashlib.sha256()

    def append(self, piece: Path) -> None:
        """Copy the lines of a piece, which is kept until all are there: a run may be killed."""
        with piece.open("rb") as source:
            while data := source.read(_COPIED):
                self.digest.update(data)
                self.file.write(data)
