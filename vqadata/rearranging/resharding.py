"""Moves questions to other splits: picture rows in, picture rows out, each picture stored once.

The shards are read a batch at a time. Where several old splits had a row each for the same
pictures, the first row takes the questions of the later ones; these are fetched beforehand and wait
in a :class:`~vqadata.groundwork.spill.Spill`, so that memory does not depend on how many they are.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from vqadata.groundwork.digest_index import DigestIndex
from vqadata.groundwork.digests import bytes_digest
from vqadata.groundwork.spill import Spill
from vqadata.record import record_fields
from vqadata.shards.reader import TEXT
from vqadata.shards.schema import picture_bytes, rows_with
from vqadata.shards.writer import BATCH_BYTES, BATCH_PICTURES

if TYPE_CHECKING:
    import pyarrow as pa

    from vqadata.groundwork.spill import Numbers
    from vqadata.groundwork.stretches import Mask

STAYS = -1
"""Part of a question that stays in its split."""

SOURCE_SPLIT = "source_split"
"""Member of ``extra`` that holds the split as the source named it."""


class Rows(Protocol):
    """Picture rows that can be gone through several times: shards, or several of them."""

    def split_batches(
        self, columns: Sequence[str] | None = None
    ) -> Iterator[tuple[str, pa.RecordBatch]]:
        """The record batches in order, each with its split."""


class _Batch(NamedTuple):
    """A record batch with its questions, which may have more than its own."""

    split: str
    pictures: pa.RecordBatch
    first_row: int
    """Number of its first picture row among all."""
    questions: pa.StructArray
    rows: Numbers
    """Picture row of each question, among all rows; ascending."""
    parts: Numbers
    """Part of each question."""

    def only(self, chosen: Numbers) -> _Batch:
        """With some of the questions, in the order of their numbers."""
        import pyarrow as pa

        questions = self.questions.take(pa.array(chosen))
        return self._replace(questions=questions, rows=self.rows[chosen], parts=self.parts[chosen])


class _Homes(NamedTuple):
    """Rows that move to others, by their numbers among all rows."""

    moving: Numbers
    """Ascending."""
    goals: Numbers
    """Where each goes."""
    stops: Numbers
    """The row behind the last one of each batch."""

    def __bool__(self) -> bool:
        return len(self.moving) > 0

    def leave(self, rows: Numbers) -> Mask:
        """Which of some rows move."""
        import numpy as np

        places = np.minimum(np.searchsorted(self.moving, rows), len(self.moving) - 1)
        found: Mask = self.moving[places] == rows
        return found

    def of(self, rows: Numbers) -> Numbers:
        """Where some rows go that move."""
        goals: Numbers = self.goals[self.moving.searchsorted(rows)]
        return goals


class Plan(NamedTuple):
    """Where questions go."""

    part_of: Numbers
    """Number of the part of each question in reading order, or :data:`STAYS`; a split stays as a
    whole."""
    names: Sequence[str]
    """Names of the parts, which become the splits."""
    together: bool = True
    """Whether rows of one part that show the same pictures may be met more than once."""
    renamed: bool = True
    """Whether questions that move get the part's name as their split, and keep the old one in
    ``extra``."""
    keeps_names: bool = False
    """Whether parts are the old splits, so that only what changes its split keeps the old one."""


def reshard(shards: Rows, plan: Plan, scratch: Path) -> Iterator[tuple[str, pa.RecordBatch]]:
    """Give every question its part, and store pictures once in each.

    Args:
        shards: The data set.
        plan: Where its questions go.
        scratch: Folder for temporary files.

    Yields:
        Record batches of picture rows, each with its split.

    Raises:
        ShardError: A shard is damaged.
    """
    homes = _homes(shards, plan, scratch) if plan.together else None
    full: dict[str, _Filling] = {}
    with Spill(_spilled_schema(), scratch) as guests:
        if homes:
            _send_home(shards, plan, homes, guests)
        for number, batch in enumerate(_batches(shards, plan)):
            whole = _with_guests(batch, homes, guests.read(number)) if homes else batch
            for name, rows in _parted(whole, plan):
                yield from full.setdefault(name, _Filling(name)).add(rows)
    for filling in full.values():
        yield from filling.flush()


def _batches(shards: Rows, plan: Plan, columns: Sequence[str] | None = None) -> Iterator[_Batch]:
    """The batches; questions that move know their old split."""
    import pyarrow.compute as pc

    first_row = start = 0
    for split, pictures in shards.split_batches(columns):
        nested = pictures.column("questions")
        questions = pc.list_flatten(nested)
        parts = plan.part_of[start : start + len(questions)]
        if plan.renamed and (parts != STAYS).any():
            extra = _told(questions.field("extra"), split, parts, plan)
            questions = replaced(questions, extra=extra)
        rows = pc.list_parent_indices(nested).to_numpy() + first_row
        yield _Batch(split, pictures, first_row, questions, rows, parts)
        start += len(questions)
        first_row += len(nested)


def _told(extra: pa.StringArray, split: str, parts: Numbers, plan: Plan) -> pa.Array:
    """The column ``extra`` with the old split, where a question is to remember it."""
    import pyarrow as pa
    import pyarrow.compute as pc

    told = with_source_split(extra, split)
    if not plan.keeps_names or split not in plan.names:
        return told
    own = plan.names.index(split)
    return pc.if_else(pa.array((parts != own) & (parts != STAYS)), told, extra)


def _homes(shards: Rows, plan: Plan, scratch: Path) -> _Homes:
    """The rows that move to an earlier row of their part which shows the same pictures."""
    import numpy as np

    met, rows, stops = DigestIndex(scratch), array("q"), []
    moving, goals = array("q"), array("q")
    for batch in _batches(shards, plan, TEXT):
        stops.append(batch.first_row + batch.pictures.num_rows)
        if (batch.parts == STAYS).any():
            continue
        numbers, keys = _shown(batch)
        rows.extend(numbers)
        for number, first in zip(numbers, met.add(keys).tolist(), strict=True):
            if rows[first] != number:
                moving.append(number)
                goals.append(rows[first])
    return _Homes(*(np.array(column, np.int64) for column in (moving, goals, stops)))


def _shown(batch: _Batch) -> tuple[list[int], list[str]]:
    """The rows whose pictures are all there, and a digest of the part and the pictures of each."""
    facts = batch.pictures.column("image_facts")
    digests = facts.flatten().field("digest").to_pylist()
    bounds = (facts.offsets.to_numpy() - facts.offsets[0].as_py()).tolist()
    part_of_row = dict(zip(batch.rows.tolist(), batch.parts.tolist(), strict=True))
    numbers, keys = [], []
    for number, (start, stop) in enumerate(pairwise(bounds), batch.first_row):
        own = digests[start:stop]
        if own and None not in own:
            numbers.append(number)
            keys.append(bytes_digest("\0".join((str(part_of_row[number]), *own)).encode()))
    return numbers, keys


def _send_home(shards: Rows, plan: Plan, homes: _Homes, guests: Spill) -> None:
    """Put the questions of rows that move into the bucket of their new batch."""
    import numpy as np
    import pyarrow as pa

    for batch in _batches(shards, plan, TEXT):
        moving = batch.only(np.flatnonzero(homes.leave(batch.rows)))
        to = homes.of(moving.rows)
        fields = [*moving.questions.flatten(), pa.array(to), pa.array(moving.parts)]
        guests.add(
            pa.RecordBatch.from_arrays(fields, schema=_spilled_schema()),
            np.searchsorted(homes.stops, to, side="right"),
        )


def _with_guests(batch: _Batch, homes: _Homes, guests: pa.RecordBatch) -> _Batch:
    """The batch with the questions that come to it, without those that went."""
    import numpy as np
    import pyarrow as pa

    left = batch.only(np.flatnonzero(~homes.leave(batch.rows)))
    *columns, to, parts = guests.columns
    come = pa.StructArray.from_arrays(columns, fields=record_fields())
    both = left._replace(
        questions=pa.concat_arrays([left.questions, come]),
        rows=np.concatenate([left.rows, to.to_numpy()]),
        parts=np.concatenate([left.parts, parts.to_numpy()]),
    )
    return both.only(np.argsort(both.rows, kind="stable"))


def _parted(batch: _Batch, plan: Plan) -> Iterator[tuple[str, pa.RecordBatch]]:
    """The rows of each part, which become its split."""
    import numpy as np
    import pyarrow as pa

    for part in np.unique(batch.parts).tolist():
        chosen = batch.only(np.flatnonzero(batch.parts == part))
        questions, name = chosen.questions, batch.split
        if part != STAYS:
            name = plan.names[part]
            if plan.renamed:
                split = pa.repeat(pa.scalar(name, pa.string()), len(questions))
                questions = replaced(questions, split=split)
        yield name, rows_with(batch.pictures, questions, chosen.rows - batch.first_row)


class _Filling:
    """A record batch of one split that is being filled."""

    def __init__(self, split: str) -> None:
        self._split = split
        self._waiting: list[pa.RecordBatch] = []
        self._rows = self._bytes = 0

    def add(self, batch: pa.RecordBatch) -> Iterator[tuple[str, pa.RecordBatch]]:
        """Add rows; give out what is full before it grows too large."""
        size = picture_bytes(batch)
        if self._rows + batch.num_rows > BATCH_PICTURES or self._bytes + size > BATCH_BYTES:
            yield from self.flush()
        self._waiting.append(batch)
        self._rows += batch.num_rows
        self._bytes += size

    def flush(self) -> Iterator[tuple[str, pa.RecordBatch]]:
        """Give out what waits."""
        import pyarrow as pa

        if self._waiting:
            yield self._split, pa.concat_batches(self._waiting)
        self._waiting, self._rows, self._bytes = [], 0, 0


def with_source_split(extra: pa.StringArray, split: str) -> pa.Array:
    """The column ``extra`` with the split that the source named, unless it holds one already.

    Args:
        extra: JSON objects, or null.
        split: The split; empty where the source named none, and then nothing is added.
    """
    import pyarrow as pa

    if not split:
        return extra
    member = json.dumps({SOURCE_SPLIT: split}, ensure_ascii=False, separators=(",", ":"))
    # Most extras are null or alike: each distinct one is put together once.
    coded = extra.dictionary_encode()
    known = [_with_member(text, member) for text in coded.dictionary.to_pylist()]
    return pa.array([*known, member], pa.string()).take(coded.indices.fill_null(len(known)))


def _with_member(text: str, member: str) -> str:
    """Text of a JSON object with one member more; its own members stay as they are written."""
    if f'"{SOURCE_SPLIT}":' in text.replace(" ", "") and SOURCE_SPLIT in json.loads(text):
        return text
    rest = text.strip()[1:].lstrip()
    return member if rest == "}" else f"{member[:-1]},{rest}"


def replaced(questions: pa.StructArray, **columns: pa.Array) -> pa.StructArray:
    """Questions with another column."""
    import pyarrow as pa

    fields = list(questions.type.fields)
    values = zip(fields, questions.flatten(), strict=True)
    arrays = [columns.get(field.name, value) for field, value in values]
    return pa.StructArray.from_arrays(arrays, fields=fields)


def _spilled_schema() -> pa.Schema:
    import pyarrow as pa

    own = [pa.field("picture_row", pa.int64()), pa.field("part", pa.int64())]
    return pa.schema([*record_fields(), *own])
