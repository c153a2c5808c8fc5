"""Reads the two files of the official VQA layout into buckets; notes what cannot be joined.

Questions come first and are dropped into buckets by picture; of each one only its id and its
picture's number stay in memory. Annotations follow into the bucket of their question.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from vqadata.groundwork.id_index import UNKNOWN, FirstMentions, IdIndex
from vqadata.groundwork.paged import Paged
from vqadata.groundwork.spill import Spill
from vqadata.groundwork.stretches import kept_rows
from vqadata.layouts.vqa_columns import Bad, ColumnReader, Columns
from vqadata.layouts.vqa_shapes import Annotation, Question, answers_type
from vqadata.layouts.vqa_written import input_form
from vqadata.ledger import Ledger, Rejection
from vqadata.reading.json_blocks import JsonBlocks
from vqadata.record import Origin

if TYPE_CHECKING:
    import pyarrow as pa

    from vqadata.groundwork.id_index import Numbers

DUPLICATE_ID = "duplicate-question-id"
UNANSWERED = "question-without-answers"
ORPHAN_ANSWERS = "answers-without-question"
BAD_ANSWERS = "bad-annotation"
OTHER_IMAGE = "image-id-mismatch"

BUCKET_PICTURES = 4096
"""Pictures whose questions are joined at a time."""

ASKED = (
    "number", "picture", "question_id", "image_id", "numeric_image_id", "question", "answers",
    "multiple_choice_answer", "question_type", "answer_type", "split", "extra",
)  # fmt: skip
ANSWERED = (
    "number", "question", "answers", "multiple_choice_answer", "question_type", "answer_type",
    "extra",
)  # fmt: skip
_INTEGERS = {"number", "picture"}


class Files(NamedTuple):
    """The two files, and what the ledger calls them."""

    questions: JsonBlocks
    questions_name: str
    annotations: JsonBlocks | None
    annotations_name: str


class Mapping(NamedTuple):
    """What the source decides: names, options and how a picture is called."""

    source: str
    drop_unanswered: bool
    split: str | None
    licence: str | None
    image_paths: Callable[[pa.Array], pa.Array]


class Earlier:
    """The ids of the questions of files that were read before."""

    def __init__(self) -> None:
        """Know none yet."""
        self._files: list[tuple[str, IdIndex]] = []

    def add(self, file: str, ids: IdIndex) -> None:
        """Remember the ids of one file."""
        self._files.append((file, ids))

    def find(self, ids: pa.Array) -> dict[int, str]:
        """The rows whose ids an earlier file has, with that file."""
        import numpy as np

        found: dict[int, str] = {}
        for file, known in self._files:
            rows = np.flatnonzero(known.find(ids) != UNKNOWN).tolist()
            found |= dict.fromkeys(rows, file)
        return found


class Reading:
    """What is known of the questions while the files are read.

    Args:
        files: The files.
        mapping: How to map them.
        ledger: Takes note of what cannot be joined.
        earlier: Ids of other files, which may not come again.
        scratch: Folder for temporary files.
    """

    def __init__(
        self, files: Files, mapping: Mapping, ledger: Ledger, earlier: Earlier, scratch: Path
    ) -> None:
        """Know no question yet."""
        import numpy as np
        import pyarrow as pa

        self._files, self._mapping, self._ledger, self._earlier = files, mapping, ledger, earlier
        self._scratch = scratch
        self._questions, self._pictures = IdIndex(scratch), IdIndex(scratch)
        self._picture_count = 0
        self._new_image_ids: list[pa.Array] = []
        self._image_ids: pa.Array = pa.array([], pa.int64())
        self.has_answers = files.annotations is not None
        """Whether any question was given with answers."""
        self.picture_of = Paged([np.full(1, UNKNOWN)])
        """Picture of each question by its number; -1 once its fate is known."""

    def read_questions(self, asked: Spill) -> None:
        """Drop the questions into buckets; note those that cannot be used."""
        blocks = self._files.questions
        reader = ColumnReader(blocks, Question)
        self.picture_of = Paged(self._pictures_asked_for(blocks, reader, asked), self._scratch)
        if self._new_image_ids:
            self._image_ids = _together(self._new_image_ids)
        self._pictures, self._new_image_ids = IdIndex(), []  # there will be no other pictures
        self._see(blocks, reader, self._asked_at(blocks.records))
        self._earlier.add(self._files.questions_name, self._questions)

    def _pictures_asked_for(
        self, blocks: JsonBlocks, reader: ColumnReader, asked: Spill
    ) -> Iterator[Numbers]:
        """The numbers of the pictures of all questions, block by block, and one that is unknown."""
        import numpy as np
        import pyarrow.compute as pc

        for block in blocks:
            columns = self._new(reader.read(block))
            for bad in columns.bad:
                self._quarantine(bad.why, self._asked_at(bad.number), bad.raw, bad.question_id)
            numbers = columns.table.column("number").to_numpy()
            first = self._questions.add(columns.table.column("question_id"), numbers)
            self._note_duplicates(columns, first, blocks, self._asked_at)
            own = np.flatnonzero(first == numbers)
            table = columns.table if len(own) == len(numbers) else columns.table.take(own)
            if not self.has_answers:
                self.has_answers = bool(pc.sum(table.column("answers").value_lengths()).as_py())
            found = self._picture_numbers(table.column("image_id"))
            asked.add(_chosen(table, ASKED, picture=found), found // BUCKET_PICTURES)
            of_block: Numbers = np.full(len(block.records), UNKNOWN, np.int32)
            of_block[numbers[own] - block.first] = found
            yield of_block
        yield np.full(1, UNKNOWN, np.int32)

    def _new(self, columns: Columns) -> Columns:
        """The questions of a block that no earlier file has; the others are noted."""
        import numpy as np

        table, raws = columns.table, columns.raws
        again = self._earlier.find(table.column("question_id"))
        for row, file in again.items():
            number, identity = (table.column(n)[row].as_py() for n in ("number", "question_id"))
            place = f"{self._files.questions.place(number)}.question_id"
            why = Rejection(DUPLICATE_ID, place, f"{identity}, as in {file}", "a new id")
            self._quarantine(why, self._asked_at(number), raws[row], identity)
        if not again:
            return columns
        left = np.setdiff1d(np.arange(len(table)), list(again))
        return columns._replace(table=table.take(left), raws=[raws[row] for row in left.tolist()])

    def read_annotations(self, blocks: JsonBlocks, answered: Spill) -> None:
        """Drop the annotations into the buckets of their questions; note those without one."""
        reader = ColumnReader(blocks, Annotation)
        seen = FirstMentions(self._questions, self._files.questions.records, self._scratch)
        for block in blocks:
            columns = reader.read(block)
            first = self._note_bad_annotations(columns, seen)
            self._note_duplicates(columns, first, blocks, self._answered_at)
            table, raws = columns.table, columns.raws
            own = first == table.column("number").to_numpy()
            targets = self._questions.find(table.column("question_id"))
            good = own & (targets != UNKNOWN) & self._same_picture(table, targets, own, raws)
            self._note_orphans(table, own & (targets == UNKNOWN), raws)
            if not good.all():
                table, targets = kept_rows(table, good), targets[good]
            buckets = self.picture_of.values[targets] // BUCKET_PICTURES
            self.picture_of.release()
            answered.add(_chosen(table, ANSWERED, question=targets), buckets)
        self._image_ids = _ids([])  # nobody asks for them again
        self._see(blocks, reader, self._answered_at(blocks.records))

    def _see(self, blocks: JsonBlocks, reader: ColumnReader, end: Origin) -> None:
        """Count the records of a file, and say how it was written and where it broke off."""
        self._ledger.see(end.file, blocks.records)
        self._ledger.forms[end.file] = input_form(blocks, reader.written)
        if blocks.broken is not None:
            self._ledger.note_break(end, *blocks.broken)

    def _picture_numbers(self, image_ids: pa.Array) -> Numbers:
        """The number of each picture, in the order in which they are first mentioned."""
        import numpy as np
        import pyarrow as pa

        found = self._pictures.find(image_ids)
        unknown = found == UNKNOWN
        if unknown.any():
            left = image_ids.filter(pa.array(unknown))
            new = left.unique()
            numbers = np.arange(self._picture_count, self._picture_count + len(new))
            self._pictures.add(new, numbers)
            self._picture_count += len(new)
            self._new_image_ids.append(new)
            found[unknown] = self._pictures.find(left)
        return found

    def _same_picture(self, table: pa.RecordBatch, targets: Numbers, own: Any, raws: Any) -> Any:
        """Whether annotations name no other picture than their questions; others are noted."""
        import numpy as np
        import pyarrow as pa

        image_ids = table.column("image_id")
        named = image_ids.is_valid().to_numpy(zero_copy_only=False)
        if not named.any() or not len(self._image_ids):
            return np.ones(len(table), bool)
        ours = np.where(targets == UNKNOWN, UNKNOWN, self.picture_of.values[targets])
        same = _equal(self._image_ids.take(pa.array(np.maximum(ours, 0))), image_ids)
        other = own & named & (targets != UNKNOWN) & ~same
        for row in np.flatnonzero(other).tolist():
            number, question = table.column("number")[row].as_py(), int(targets[row])
            blocks = self._files.annotations
            place = blocks.place(number) if blocks else ""
            why = Rejection(
                OTHER_IMAGE, f"{place}.image_id", str(image_ids[row].as_py()),
                f"the image_id of {self._files.questions.place(question)}",
            )  # fmt: skip
            identity = table.column("question_id")[row].as_py()
            self._quarantine(why, self._both_at(question, number), raws[row], identity)
            self.picture_of.values[question] = UNKNOWN
        return ~other

    def _note_bad_annotations(self, columns: Columns, seen: FirstMentions) -> Numbers:
        """Note what cannot be used; return under which number each good id was first seen."""
        import numpy as np

        table = columns.table
        numbers = table.column("number").to_numpy()
        usable = [bad for bad in columns.bad if bad.question_id is not None]
        for bad in columns.bad:
            if bad.question_id is None:
                self._quarantine(bad.why, self._answered_at(bad.number), bad.raw, None)
        if not usable:
            return seen.add(table.column("question_id"), numbers)
        ids, places = _with_bad(table, usable)
        first = seen.add(ids, places)
        for bad in usable:
            at = int(np.searchsorted(places, bad.number))
            self._note_bad(bad, is_first=int(first[at]) == bad.number)
        of_good: Numbers = first[np.searchsorted(places, numbers)]
        return of_good

    def _note_bad(self, bad: Bad, is_first: bool) -> None:
        """Note a bad annotation; if its question is known, that one goes with it."""
        target = int(self._questions.find(_ids([bad.question_id]))[0])
        if target == UNKNOWN or not is_first or self.picture_of.values[target] == UNKNOWN:
            self._quarantine(bad.why, self._answered_at(bad.number), bad.raw, bad.question_id)
            return
        why = bad.why._replace(reason=BAD_ANSWERS, found=f"{bad.why.reason}: {bad.why.found}")
        self._quarantine(why, self._both_at(target, bad.number), bad.raw, bad.question_id)
        self.picture_of.values[target] = UNKNOWN

    def _note_duplicates(
        self, columns: Columns, first: Numbers, blocks: JsonBlocks, at: Callable[[int], Origin]
    ) -> None:
        import numpy as np

        table = columns.table
        numbers = table.column("number").to_numpy()
        for row in np.flatnonzero(first != numbers).tolist():
            identity = table.column("question_id")[row].as_py()
            place = f"{blocks.place(int(numbers[row]))}.question_id"
            found = f"{identity}, as {blocks.place(int(first[row]))}"
            why = Rejection(DUPLICATE_ID, place, found, "a new id")
            self._quarantine(why, at(int(numbers[row])), columns.raws[row], identity)

    def _note_orphans(self, table: pa.RecordBatch, orphans: Any, raws: Any) -> None:
        import numpy as np

        for row in np.flatnonzero(orphans).tolist():
            identity = table.column("question_id")[row].as_py()
            origin = self._answered_at(table.column("number")[row].as_py())
            place = self._files.annotations.place(origin.index) if self._files.annotations else ""
            why = Rejection(ORPHAN_ANSWERS, place, f"question_id {identity}", "a question")
            self._ledger.note("dropped", why, origin, str(identity), raws[row])

    def _quarantine(
        self, why: Rejection, origin: Origin, raw: bytes, identity: int | str | None
    ) -> None:
        key = None if identity is None else str(identity)
        self._ledger.note("quarantined", why, origin, key, raw)

    def _asked_at(self, number: int) -> Origin:
        return Origin(source=self._mapping.source, file=self._files.questions_name, index=number)

    def _answered_at(self, number: int) -> Origin:
        return Origin(source=self._mapping.source, file=self._files.annotations_name, index=number)

    def _both_at(self, question: int, annotation: int) -> Origin:
        answers = {"answers_file": self._files.annotations_name, "answers_index": annotation}
        return self._asked_at(question).model_copy(update=answers)


def _with_bad(table: pa.RecordBatch, usable: list[Bad]) -> tuple[pa.Array, Numbers]:
    """The ids and numbers of good and bad records together, in the order of the file."""
    import numpy as np
    import pyarrow as pa

    bad_numbers = np.array([bad.number for bad in usable])
    numbers = np.concatenate([table.column("number").to_numpy(), bad_numbers])
    ids = _together([table.column("question_id"), _ids([bad.question_id for bad in usable])])
    order = np.argsort(numbers)
    return ids.take(pa.array(order)), numbers[order]


def _together(ids: list[pa.Array]) -> pa.Array:
    """Ids of several blocks as one array: of numbers, or of texts if some block has texts."""
    import pyarrow as pa

    kinds = {part.type for part in ids}
    return pa.concat_arrays([part.cast(pa.string()) for part in ids] if len(kinds) > 1 else ids)


def _equal(ours: pa.Array, theirs: pa.Array) -> Any:
    """Which ids are equal, whether numbers or texts; no id is equal to none."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if ours.type != theirs.type:
        ours, theirs = ours.cast(pa.string()), theirs.cast(pa.string())
    return pc.fill_null(pc.equal(ours, theirs), False).to_numpy(zero_copy_only=False)


def _ids(ids: list[Any]) -> pa.Array:
    """Ids as int64 if all are such integers, else as text."""
    import pyarrow as pa

    small = all(type(i) is int and -(2**63) <= i < 2**63 for i in ids)
    return pa.array(ids, pa.int64()) if small else pa.array(map(str, ids), pa.string())


def _chosen(table: pa.RecordBatch, names: tuple[str, ...], **more: Numbers) -> pa.RecordBatch:
    """Some columns of a table with some more, ids as text."""
    import pyarrow as pa

    schema = columns_schema(names, {"question"} & more.keys())
    columns = {name: pa.array(values, pa.int64()) for name, values in more.items()}
    arrays = [
        columns[f.name] if f.name in columns else table.column(f.name).cast(f.type) for f in schema
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def columns_schema(names: tuple[str, ...], integers: set[str]) -> pa.Schema:
    """The schema of some columns: numbers and ``integers`` as int64, ids and the rest as text."""
    import pyarrow as pa

    answers = answers_type()
    kinds = {name: pa.int64() for name in _INTEGERS | integers}
    kinds |= {"answers": answers, "numeric_image_id": pa.bool_()}
    return pa.schema([pa.field(name, kinds.get(name, pa.string())) for name in names])
