"""Where an export puts the files of a piece, and says what became of each question of it.

A piece is some record batches of one split. An export knows of no other piece, so pieces are made
in any order, by anybody; :mod:`vqadata.exporting.collecting` puts together what they leave.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, TextIO

import msgspec

from vqadata.exporting.receipt import PICTURES, REMARKS, Remark
from vqadata.groundwork.digests import file_digest

if TYPE_CHECKING:
    from vqadata.exporting.rows import StoredPicture

NO_ANSWER = "no-answer"
NO_PICTURE = "no-picture"
SEVERAL_PICTURES = "several-pictures"
CONVERSATION_TURN = "conversation-turn"

UNNAMED_SPLIT = "train"
"""Name of a split that the source does not name: what the tools that read exports ask for first."""


_UNFIT = re.compile(r"[^0-9A-Za-z_]")


class Part(msgspec.Struct, frozen=True):
    """A file that is one of several; it gets its name when it is known how many there are."""

    pattern: str
    """Its name in the end, from ``split``, ``number`` and ``count``; empty if it is not kept."""
    split: str
    """Name of its split in the export."""
    path: str
    """Where it lies in the folder, with slashes."""
    rows: int = 0
    arrow_bytes: int = 0
    """Of the rows in memory, which ``datasets`` calls ``num_bytes``."""
    bytes: int = 0
    sha256: str = ""


class Delivery(msgspec.Struct, frozen=True):
    """What an export made of a piece of the shards: its receipt."""

    lines: list[str]
    """Files of lines, which go on in the next piece."""
    parts: list[Part]
    delivered: list[tuple[str, str, int]]
    """Split, ``questions`` or ``rows``, and how many."""
    remarks: list[tuple[str, str, int]]
    """Action, reason, and how many questions."""
    notes: dict[str, list[Any]]
    pictures: int
    """Picture rows that were looked at."""


class Outbox:
    """The folder of a piece of an export while it is filled.

    Args:
        folder: Folder to write in; must exist.
        splits: Names of the splits in the shards.
        number: Number of the piece.
        shared: Folder of the whole export, for the pictures.

    Attributes:
        folder: Where files are written.
        names: A name for each split that is fit for a file and for ``datasets``; no two are equal.
        number: Number of the piece.
    """

    def __init__(self, folder: Path, splits: Iterable[str], number: int, shared: Path) -> None:
        """Start empty."""
        self.folder, self.number = folder, number
        self.names = split_names(splits)
        self._shared = shared
        self._delivered: Counter[tuple[str, str]] = Counter()
        self._remarks: Counter[tuple[str, str]] = Counter()
        self._files = ExitStack()
        self._open: dict[str, TextIO] = {}
        self._parts: list[Part] = []
        self._notes: dict[str, list[Any]] = {}

    def __enter__(self) -> Self:
        """Use the outbox as a context."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the files."""
        self._files.close()

    def write_line(self, file: str, document: Any) -> None:
        """Add one line of JSON to a file of the folder."""
        if file not in self._open:
            path = self.folder / file
            path.parent.mkdir(parents=True, exist_ok=True)
            opened = path.open("w", encoding="utf-8", newline="\n")
            self._open[file] = self._files.enter_context(opened)
        self._open[file].write(json.dumps(document, ensure_ascii=False) + "\n")

    def add_picture(self, picture: StoredPicture) -> str:
        """Write a picture unless it is there; return its path in the export, with slashes.

        The name is made of the digest of the bytes: equal pictures are one file, no two others can
        meet, and no name of the source can lead out of the folder.
        """
        name = f"{PICTURES}/{picture.digest[:2]}/{picture.digest}.{picture.extension}"
        path, data = self._shared / name, picture.data or b""
        if not _is_whole(path, len(data)):
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as file:
                file.write(data)
        return name

    def add_part(self, part: Part) -> None:
        """Take a file that is finished and lies in the folder."""
        if part.pattern:
            path = self.folder / part.path
            part = msgspec.structs.replace(
                part, bytes=path.stat().st_size, sha256=file_digest(path)
            )
        self._parts.append(part)

    def note(self, kind: str, value: Any) -> None:
        """Tell :meth:`~vqadata.steps.Export.finish` something, once; JSON must hold it."""
        if value not in (known := self._notes.setdefault(kind, [])):
            known.append(value)

    def deliver(self, split: str, questions: int, rows: int = 1) -> None:
        """Count questions as handed over.

        Args:
            split: Their split in the shards.
            questions: How many.
            rows: How many rows, samples or lines hold them.
        """
        self._delivered[split, "questions"] += questions
        self._delivered[split, "rows"] += rows

    def remark(
        self, action: Literal["left-out", "changed"], reason: str, question: Mapping[str, Any]
    ) -> None:
        """Note that a question was left out or changed.

        Args:
            action: Which of both.
            reason: Short code of the reason.
            question: Its ``question_id``, ``split`` and ``origin``.
        """
        origin = question["origin"]
        remark = Remark(
            action=action,
            reason=reason,
            question_id=question["question_id"],
            split=question["split"] or "",
            file=origin["file"],
            index=origin["index"],
            part=origin["part"],
        )
        self._remarks[action, reason] += 1
        self.write_line(REMARKS, remark.model_dump())

    def leave_out(self, reason: str, questions: Iterable[Mapping[str, Any]]) -> None:
        """Note that questions were left out."""
        for question in questions:
            self.remark("left-out", reason, question)

    def delivery(self, pictures: int) -> Delivery:
        """Close the files and say what there is.

        Args:
            pictures: Picture rows of the piece.
        """
        self._files.close()
        return Delivery(
            list(self._open), self._parts,
            [(*key, count) for key, count in self._delivered.items()],
            [(*key, count) for key, count in self._remarks.items()],
            self._notes, pictures,
        )  # fmt: skip


def _is_whole(path: Path, size: int) -> bool:
    """Whether a file is there, and not cut off: who was killed over it has left no receipt."""
    try:
        return path.stat().st_size == size
    except FileNotFoundError:
        return False


def file_bytes(shard_mb: int) -> int:
    """How large a piece is that makes one file: there is room for what the format adds."""
    return (shard_mb << 20) * 9 // 10


def split_names(splits: Iterable[str]) -> dict[str, str]:
    """Names for splits that hold only letters, digits and ``_``, as ``datasets`` wants them.

    A split that is called so already keeps its name.

    >>> split_names(["", "TextVQA val", "TextVQA_val", "TextVQA-val"])
    {'': 'train', 'TextVQA val': 'TextVQA_val_2', 'TextVQA_val': 'TextVQA_val', \
'TextVQA-val': 'TextVQA_val_3'}
    """
    wanted = {split: _UNFIT.sub("_", split)[:64] or UNNAMED_SPLIT for split in splits}
    names: dict[str, str] = {}
    for split in sorted(wanted, key=lambda split: wanted[split] != split):
        name, number = wanted[split], 1
        while name in names.values():
            number += 1
            name = f"{wanted[split]}_{number}"
        names[split] = name
    return {split: names[split] for split in wanted}
