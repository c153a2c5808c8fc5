"""The rows of a source of records on their way into batches: ids, answers, pictures, account."""

from __future__ import annotations

import binascii
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple

from vqadata.groundwork.id_index import IdIndex
from vqadata.images.embedded import Encoded, picture_data, picture_from
from vqadata.layouts.table import Table
from vqadata.layouts.typed import BadRecord
from vqadata.ledger import Action, Rejection
from vqadata.reading.json_scan import RawRecord
from vqadata.reading.split_names import split_of
from vqadata.record import BATCH_RECORDS, Origin, Row, batched, to_batch
from vqadata.steps import Workspace
from vqadata.stores.incoming import is_file

if TYPE_CHECKING:
    import pyarrow as pa

    from vqadata.layouts.row_source import RowSource

DUPLICATE_ID = "duplicate-question-id"
UNANSWERED = "question-without-answers"
NO_QUESTIONS = "no-questions"
BAD_DATA_URI = "malformed-data-uri"

LONGEST_NAME = 1024
"""Characters of a path beyond which no file is looked up."""


class Lost(NamedTuple):
    """A question of a record that does not become a row."""

    action: Action
    """``dropped`` or ``quarantined``."""
    why: Rejection
    question_id: str | None = None


class _File(NamedTuple):
    """The file that is read, or the split in it."""

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
    part: str = ""
    """The name of the split, where the file has a list for each."""


class _Draft(NamedTuple):
    """A question on its way into a batch."""

    row: Row
    record: RawRecord
    origin: Origin
    number: int
    """Among all rows of all files."""
    file: _File


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
        answered = {*self._answered(table)}
        folder, inside = self._place_in_root(path.parent)
        split = split_of(path.name) or split_of(inside)
        file = _File(name, self._stem(name), split, None in answered, self._rows, folder, inside)
        self._files.append(file)
        for drafts in batched(self._drafts(table, file, answered), BATCH_RECORDS):
            kept = self._unique(drafts)
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

    def _answered(self, table: Table) -> Iterator[str | None]:
        """The splits of which any row has an answer; without one it is a test split."""
        left = {*table.splits}
        for record in table:
            split = table.split_of(record)
            if split in left and any(map(_has_answer, self._mapped(record, table))):
                left.remove(split)
                yield split
            if not left:
                return

    def _mapped(self, record: RawRecord, table: Table) -> Sequence[Row | Lost]:
        """The questions of a record, or what is wrong with it as a whole."""
        members: dict[str, Any] = {}
        try:
            members = table.decode(record)
            rows = self._source.rows(record, members, table)
        except BadRecord as bad:
            return [Lost("quarantined", bad.why, self._source.identity(record, members))]
        return rows or [Lost("dropped", Rejection(NO_QUESTIONS, record.path, "no questions"))]

    def _drafts(self, table: Table, file: _File, answered: set[str | None]) -> Iterator[_Draft]:
        """The questions that can stay; the others are noted."""
        for record in table:
            split = table.split_of(record)
            if split is not None and split != file.part:
                file = self._begin_split(file, split, split in answered)
            rows = self._mapped(record, table)
            for part, row in enumerate(rows):
                origin = self._origin(file, record, part, len(rows))
                outcome = row if isinstance(row, Lost) else self._checked(row, origin, record, file)
                if isinstance(outcome, Lost):
                    self._lose(outcome, origin, record)
                else:
                    yield _Draft(outcome, record, origin, self._rows, file)
                self._rows += 1

    def _begin_split(self, file: _File, split: str, answered: bool) -> _File:
        part = file._replace(split=split, part=split, answered=answered, first=self._rows)
        self._files.append(part)
        return part

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
            found = "rejected answers alone" if row.get("rejected") else "no answers"
            why = Rejection(UNANSWERED, record.path, found, "at least one answer")
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

    def _unique(self, drafts: list[_Draft]) -> list[_Draft]:
        """The drafts whose ids are new; those that repeat one of this file are noted.

        An id of another file, or split, is made another one by its name: splits often count anew.
        """
        import numpy as np
        import pyarrow as pa

        ids = pa.array([draft.row["question_id"] for draft in drafts], pa.string())
        numbers = np.array([draft.number for draft in drafts], np.int64)
        first = self._ids.add(ids, numbers)
        unique = [self._renamed(*pair) for pair in zip(drafts, first.tolist(), strict=True)]
        return [draft for draft in unique if draft is not None]

    def _renamed(self, draft: _Draft, first: int) -> _Draft | None:
        if first == draft.number:
            return draft
        identity, file = draft.row["question_id"], draft.file
        if first < file.first and not self._source.one_numbering:
            identity = f"{file.part or file.stem}-{identity}"
            first = self._first_of(identity, draft.number)
            if first == draft.number:
                return draft._replace(row=draft.row | {"question_id": identity})
        known = next(known for known in reversed(self._files) if known.first <= first)
        where = f"{known.part} in {known.name}" if known.part else known.name
        found = f"{identity}, as row {first - known.first} of {where}"
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
    return f"{inside}/{name}" if not leads_out and is_file(folder / path) else name


def _may_hold_data(name: str | Encoded | None) -> bool:
    return isinstance(name, Encoded) or picture_data(name or "") is not None


def _has_answer(row: Row | Lost) -> bool:
    if isinstance(row, Lost):
        return False
    return bool(row.get("answers")) or row.get("given_answer") is not None
