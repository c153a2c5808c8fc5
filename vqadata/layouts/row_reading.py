"""The rows of a source of records on their way into batches: ids, answers, pictures, account."""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple

from vqadata.id_index import IdIndex
from vqadata.images.embedded import Encoded, picture_data, picture_from
from vqadata.layouts.table import Table
from vqadata.layouts.typed import BadRecord
from vqadata.ledger import Action, Rejection
from vqadata.reading.json_scan import RawRecord
from vqadata.record import BATCH_RECORDS, Origin, Row, batched, to_batch
from vqadata.steps import Workspace

if TYPE_CHECKING:
    import pyarrow as pa

    from vqadata.layouts.row_source import RowSource

DUPLICATE_ID = "duplicate-question-id"
UNANSWERED = "question-without-answers"
NO_QUESTIONS = "no-questions"
BAD_DATA_URI = "malformed-data-uri"

LONGEST_NAME = 1024
"""Characters of a path beyond which no file is looked up."""

_SPLITS = {
    "train": "train", "training": "train", "trainset": "train", "trainval": "trainval",
    "val": "val", "valid": "val", "validate": "val", "validation": "val", "dev": "val",
    "test": "test", "testing": "test", "testset": "test", "testdev": "testdev",
    "challenge": "challenge", "submission": "submission",
}  # fmt: skip
"""Words in file names that name a split, with its usual name."""


class Lost(NamedTuple):
    """A question of a record that does not become a row."""

    action: Action
    """``dropped`` or ``quarantined``."""
    why: Rejection
    question_id: str | None = None


class _File(NamedTuple):
    """The file that is read."""

    name: str
    """In the ledger."""
    stem: str
    """What ids begin with where the file has none."""
    split: str | None
    """What its name says, or that of its folder."""
    answered: bool
    """Whether any of its records has an answer."""
    first: int
    """Number of its first row among all rows."""
    folder: Path | None = None
    """Its folder, where that lies in a root of pictures; they are looked up there first."""
    inside: str = ""
    """The path of that folder in the root."""


class _Draft(NamedTuple):
    """A question on its way into a batch."""

    row: Row
    record: RawRecord
    origin: Origin
    number: int
    """Among all rows of all files."""


class Reading:
    """What is known while the files are read: the ids, and how many rows there were."""

    def __init__(self, source: RowSource, work: Workspace) -> None:
        """Know no row yet."""
        self._source, self._ledger, self._embedded = source, work.ledger, work.embedded
        self._ids = IdIndex()
        self._files: list[_File] = []
        self._rows = 0

    def batches(self, path: Path, name: str) -> Iterator[pa.RecordBatch]:
        """The rows of one file."""
        table = self._source.open(path)
        answered = self._is_answered(table)
        folder, inside = self._place_in_root(path.parent)
        split = split_of(path.name) or split_of(inside)
        file = _File(name, self._stem(name), split, answered, self._rows, folder, inside)
        self._files.append(file)
        for drafts in batched(self._drafts(table, file), BATCH_RECORDS):
            kept = self._unique(drafts, file)
            yield to_batch([draft.row | {"origin": draft.origin.model_dump()} for draft in kept])
        self._ledger.see(name, table.count, self._rows - file.first)
        if table.broken is not None:
            end = Origin(source=self._source.step_name(), file=name, index=table.count)
            self._ledger.note_break(end, *table.broken)

    def _place_in_root(self, folder: Path) -> tuple[Path | None, str]:
        """Where the folder of a file lies in a root of pictures, if it is not the root itself."""
        for root in self._source.picture_roots():
            if folder != root and folder.is_relative_to(root):
                return folder, folder.relative_to(root).as_posix()
        return None, ""

    def _stem(self, name: str) -> str:
        """What ids begin with that are made here: the name without suffixes, if that is new."""
        folders, _, last = name.rpartition("/")
        stem = "-".join([*folders.split("/"), last.partition(".")[0]]).lstrip("-")
        return name.replace("/", "-") if any(f.stem == stem for f in self._files) else stem

    def _is_answered(self, table: Table) -> bool:
        """Whether any row has an answer; without one the file is a test split."""
        return any(
            not isinstance(row, Lost) and _has_answer(row)
            for record in table
            for row in self._mapped(record, table)
        )

    def _mapped(self, record: RawRecord, table: Table) -> Sequence[Row | Lost]:
        """The questions of a record, or what is wrong with it as a whole."""
        members: dict[str, Any] = {}
        try:
            members = table.decode(record)
            rows = self._source.rows(record, members, table)
        except BadRecord as bad:
            return [Lost("quarantined", bad.why, self._source.identity(record, members))]
        return rows or [Lost("dropped", Rejection(NO_QUESTIONS, record.path, "no questions"))]

    def _drafts(self, table: Table, file: _File) -> Iterator[_Draft]:
        """The questions that can stay; the others are noted."""
        for record in table:
            rows = self._mapped(record, table)
            for part, row in enumerate(rows):
                origin = self._origin(file, record, part, len(rows))
                outcome = row if isinstance(row, Lost) else self._checked(row, origin, record, file)
                if isinstance(outcome, Lost):
                    self._lose(outcome, origin, record)
                else:
                    yield _Draft(outcome, record, origin, self._rows)
                self._rows += 1

    def _origin(self, file: _File, record: RawRecord, part: int, parts: int) -> Origin:
        several = {"part": part, "parts": parts} if parts > 1 else {}
        source = self._source.step_name()
        return Origin(source=source, file=file.name, index=record.number, **several)

    def _checked(self, row: Row, origin: Origin, record: RawRecord, file: _File) -> Row | Lost:
        """The row with what the source left out; lost if it cannot stay."""
        base = f"{file.stem}-{record.number}"
        part = "" if origin.part is None else f"-{origin.part}"
        row = {"question_id": f"{base}{part}", **row}
        if row.get("turn") is not None:
            row = {"dialog_id": base, **row}
        row |= {
            "split": self._source.split or row.get("split") or file.split,
            "licence": self._source.licence or row.get("licence"),
        }
        if file.answered and self._source.unanswered == "drop" and not _has_answer(row):
            why = Rejection(UNANSWERED, record.path, "no answers", "at least one answer")
            return Lost("dropped", why, row["question_id"])
        row |= _beside(row, file)
        try:
            return self._embed(row, record)
        except BadRecord as bad:
            return Lost("quarantined", bad.why, row["question_id"])

    def _embed(self, row: Row, record: RawRecord) -> Row:
        """The row with pictures that stand in it as text put aside."""
        names = [row.get("image_path"), *row.get("more_image_paths", ())]
        if not any(map(_may_hold_data, names)):
            return row
        first, *more = [self._put_aside(name, record) for name in names]
        return row | {"image_path": first, "more_image_paths": more}

    def _put_aside(self, name: str | Encoded | None, record: RawRecord) -> str | None:
        if isinstance(name, Encoded):
            return self._embedded.add(*name)
        data = picture_data(name or "")
        if data is None:
            return name
        try:
            return self._embedded.add(picture_from(data))
        except binascii.Error as error:
            why = Rejection(BAD_DATA_URI, record.path, str(error), "a picture in base64")
            raise BadRecord(why) from None

    def _unique(self, drafts: list[_Draft], file: _File) -> list[_Draft]:
        """The drafts whose ids are new; those that repeat one of this file are noted.

        An id of another file is made another one by the file's name: splits often count anew.
        """
        import numpy as np
        import pyarrow as pa

        ids = pa.array([draft.row["question_id"] for draft in drafts], pa.string())
        numbers = np.array([draft.number for draft in drafts], np.int64)
        first = self._ids.add(ids, numbers)
        unique = [self._renamed(*pair, file) for pair in zip(drafts, first.tolist(), strict=True)]
        return [draft for draft in unique if draft is not None]

    def _renamed(self, draft: _Draft, first: int, file: _File) -> _Draft | None:
        if first == draft.number:
            return draft
        identity = draft.row["question_id"]
        if first < file.first and not self._source.one_numbering:
            identity = f"{file.stem}-{identity}"
            first = self._first_of(identity, draft.number)
            if first == draft.number:
                return draft._replace(row=draft.row | {"question_id": identity})
        known = next(known for known in reversed(self._files) if known.first <= first)
        found = f"{identity}, as row {first - known.first} of {known.name}"
        lost = Lost("quarantined", Rejection(DUPLICATE_ID, draft.record.path, found, "a new id"))
        self._lose(lost._replace(question_id=identity), draft.origin, draft.record)
        return None

    def _first_of(self, identity: str, number: int) -> int:
        import numpy as np
        import pyarrow as pa

        return int(self._ids.add(pa.array([identity]), np.array([number], np.int64))[0])

    def _lose(self, lost: Lost, origin: Origin, record: RawRecord) -> None:
        self._ledger.note(lost.action, lost.why, origin, lost.question_id, record.raw)


def _beside(row: Row, file: _File) -> Row:
    """The names of pictures that lie beside the file, as paths in the root.

    Two splits may both have a ``0001.jpg``, each in the folder of its file.
    """
    if file.folder is None:
        return {}
    names = [row.get("image_path"), *row.get("more_image_paths", ())]
    found = [_in_folder(name, file.folder, file.inside) for name in names]
    return {} if found == names else {"image_path": found[0], "more_image_paths": found[1:]}


def _in_folder(name: Any, folder: Path, inside: str) -> Any:
    if not isinstance(name, str) or len(name) > LONGEST_NAME or "\0" in name:
        return name
    path = PurePosixPath(name)
    leads_out = path.is_absolute() or ".." in path.parts
    return f"{inside}/{name}" if not leads_out and (folder / path).is_file() else name


def split_of(name: str) -> str | None:
    """The split that a file name names.

    >>> split_of("vqaRAD_trainset.json"), split_of("testdev_questions.json"), split_of("x.json")
    ('train', 'testdev', None)
    """
    words = re.split(r"[^a-z]+", name.lower())
    return next((_SPLITS[word] for word in words if word in _SPLITS), None)


def _may_hold_data(name: str | Encoded | None) -> bool:
    return isinstance(name, Encoded) or picture_data(name or "") is not None


def _has_answer(row: Row) -> bool:
    return bool(row.get("answers")) or row.get("given_answer") is not None
