"""Where an export puts its files, and where it says what became of each question."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Self, TextIO

from vqadata.digests import file_digest
from vqadata.receipt import PICTURES, REMARKS, FileEntry, Remark, SplitEntry

if TYPE_CHECKING:
    from vqadata.export_rows import StoredPicture

NO_ANSWER = "no-answer"
NO_PICTURE = "no-picture"
SEVERAL_PICTURES = "several-pictures"
CONVERSATION_TURN = "conversation-turn"

UNNAMED_SPLIT = "train"
"""Name of a split that the source does not name: what the tools that read exports ask for first."""


_UNFIT = re.compile(r"[^0-9A-Za-z_]")


class Contents(NamedTuple):
    """What an export left in its folder, for the receipt."""

    splits: list[SplitEntry]
    left_out: dict[str, int]
    changed: dict[str, int]
    pictures: int
    files: list[FileEntry]


class Outbox:
    """The folder of an export while it is filled.

    Args:
        folder: Folder to write in; must exist.
        splits: Names of the splits in the shards.

    Attributes:
        folder: Where files are written.
        names: A name for each split that is fit for a file and for ``datasets``; no two are equal.
    """

    def __init__(self, folder: Path, splits: Iterable[str]) -> None:
        """Start empty."""
        self.folder = folder
        self.names = split_names(splits)
        self._delivered: Counter[tuple[str, str]] = Counter()
        self._remarks: Counter[tuple[str, str]] = Counter()
        self._files = ExitStack()
        self._open: dict[str, TextIO] = {}
        self._pictures = 0

    def __enter__(self) -> Self:
        """Use the outbox as a context."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
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
        """Write a picture unless it is there; return its path in the folder, with slashes.

        The name is made of the digest of the bytes: equal pictures are one file, no two others can
        meet, and no name of the source can lead out of the folder.
        """
        name = f"{PICTURES}/{picture.digest[:2]}/{picture.digest}.{picture.extension}"
        path = self.folder / name
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as file:
                file.write(picture.data or b"")
            self._pictures += 1
        return name

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

    def contents(self) -> Contents:
        """Close the files and say what is there."""
        self._files.close()
        paths = sorted(p for p in self.folder.rglob("*") if p.is_file())
        names = [p.relative_to(self.folder).as_posix() for p in paths]
        files = [
            FileEntry(file=name, bytes=path.stat().st_size, sha256=file_digest(path))
            for path, name in zip(paths, names, strict=True)
            if not name.startswith(f"{PICTURES}/")
        ]
        splits = [
            SplitEntry(split=split, name=name, **self._counts(split))
            for split, name in self.names.items()
        ]
        return Contents(
            splits, self._reasons("left-out"), self._reasons("changed"), self._pictures, files
        )

    def _counts(self, split: str) -> dict[str, int]:
        return {what: self._delivered[split, what] for what in ("questions", "rows")}

    def _reasons(self, action: str) -> dict[str, int]:
        return {r: n for (a, r), n in sorted(self._remarks.items()) if a == action}


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
