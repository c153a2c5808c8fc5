"""The ledger: where every source row went that is not simply kept.

A kept row carries its origin in the shards; every other row has one entry here, with the step, the
reason and the evidence. Both together name each record of each input file exactly once, which
:mod:`vqadata.shards.verify` proves.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from vqadata.errors import ShardError
from vqadata.record import Origin
from vqadata.shards.manifest import MANIFEST, BalanceEntry, InputForm, parse_manifest
from vqadata.shards.remote import store_at

if TYPE_CHECKING:
    import pyarrow as pa

Action = Literal["dropped", "quarantined", "flagged", "masked"]

KEPT: tuple[Action, ...] = ("flagged", "masked")
"""Actions after which a row is still there."""

RAW_LIMIT = 1 << 20
"""Characters of a raw record that an entry keeps; a longer one ends in an ellipsis."""

WRITE_CHUNK = 10_000
"""Entries written at a time, which bounds the memory of a large ledger."""

READ_CHUNK = 1 << 10
"""Entries that are read at a time: as Python objects each takes some kilobytes."""

FEW_RECORDS = 512
"""Records that are written as JSON one by one: importing polars takes as long as ten thousand."""

TRUNCATED = "truncated-file"
"""Reason of the remark on a file that breaks off."""

_PLACE = ("file", "index", "part", "parts", "answers_file", "answers_index")


class LedgerEntry(BaseModel):
    """One remark on one source row. A flagged or masked row is kept; the others are not."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    step: str = Field(description="The step that decided: convert, or the cleaner's name.")
    action: Action = Field(
        description="dropped, quarantined, flagged (kept, with a remark) or masked (kept, with "
        "another picture)."
    )
    reason: str = Field(description="Short code of the reason.")
    question_id: str | None = Field(None, description="The question's id, where it is known.")
    file: str = Field(description="Input file that holds the record.")
    index: int = Field(description="Number of the record in that file, from 0.")
    part: int | None = Field(
        None, description="Number of the question in that record, where it holds several."
    )
    parts: int | None = Field(None, description="How many questions that record holds.")
    answers_file: str | None = Field(None, description="Input file of the answers, if another one.")
    answers_index: int | None = Field(None, description="Number of the record in answers_file.")
    path: str | None = Field(None, description="Where in the file: annotations[3].answers[0].")
    found: str | None = Field(None, description="What was found there.")
    expected: str | None = Field(None, description="What was expected there.")
    evidence: str | None = Field(None, description="What the decision rests on.")
    raw: str | None = Field(None, description="The record itself, as it stood in the file.")


class Rejection(NamedTuple):
    """Why a row is not kept as it is: the part of an entry that a step decides."""

    reason: str
    path: str | None = None
    found: str | None = None
    expected: str | None = None
    evidence: str | None = None


class Ledger:
    """Writes down the fates of one step as they come, and adds up the account.

    Memory is bounded: entries go to the file in chunks, and only their counts stay.

    Args:
        path: The Parquet file to write.
        step: Name that new entries carry.
    """

    def __init__(self, path: Path, step: str) -> None:
        """Start with an empty account."""
        self.step = step
        self.seen: Counter[str] = Counter()
        self.forms: dict[str, InputForm] = {}
        """How input files were written, as far as the source said so."""
        self._records: Counter[str] = Counter()
        self._kept: Counter[str] = Counter()
        self._noted: Counter[tuple[str, str, str]] = Counter()
        self._actions: Counter[str] = Counter()
        self._flags: Counter[str] = Counter()
        self._file = _LedgerFile(path)

    def resume(self, balance: Iterable[BalanceEntry], entries: Iterable[LedgerEntry]) -> None:
        """Take over the account and the entries of the step before."""
        for account in balance:
            self.see(account.file, account.records, account.seen)
        for entry in entries:
            self._add(entry.model_dump())

    def see(self, file: str, records: int, rows: int | None = None) -> None:
        """Count more of ``file``.

        Args:
            file: The input file.
            records: How many records more.
            rows: How many rows they are, where a record holds several questions.
        """
        self._records[file] += records
        self.seen[file] += records if rows is None else rows

    def keep(self, origins: pa.StructArray) -> None:
        """Count rows as written to the shards, by their origins."""
        for column in ("file", "answers_file"):
            self._kept.update(_counts(origins, column))

    def note(
        self,
        action: Action,
        why: Rejection,
        origin: Origin,
        question_id: str | None = None,
        raw: bytes | str | None = None,
    ) -> None:
        """Write down what happened to one row.

        Args:
            action: ``dropped`` and ``quarantined`` rows leave the data set, ``flagged`` ones stay,
                ``masked`` ones with another picture.
            why: The reason and its evidence.
            origin: Where the row stands in the source.
            question_id: The question's id, if it is known.
            raw: The record as it stood in the file.
        """
        place = {name: getattr(origin, name) for name in _PLACE}
        entry = {"step": self.step, "action": action, "question_id": question_id, **place}
        self._add({**entry, **why._asdict(), "raw": _shortened(raw)})

    def note_records(
        self, action: Action, why: Rejection, records: pa.RecordBatch, **own: pa.Array
    ) -> None:
        """Write down what happened to canonical records; the entries hold the records themselves.

        Args:
            action: As in :meth:`note`.
            why: The reason, the same for all.
            records: The records.
            own: Parts of the reason that each record has of its own: ``found``, ``path``.
        """
        import pyarrow as pa

        count = records.num_rows
        columns = {"step": self.step, "action": action, **why._asdict()}
        table = {name: pa.repeat(pa.scalar(v, pa.string()), count) for name, v in columns.items()}
        table["question_id"] = records.column("question_id")
        table |= {name: records.column("origin").field(name) for name in _PLACE}
        table["raw"] = _as_json(records)
        table |= own
        for file in ("file", "answers_file"):
            for name, number in _counts(records.column("origin"), file).items():
                self._count(action, why.reason, name, number)
        self._actions[action] += count
        self._flags[why.reason] += count * (action == "flagged")
        self._file.write(pa.table(table).select(LedgerEntry.model_fields))

    def note_break(self, origin: Origin, offset: int, what: str) -> None:
        """Write down that a file breaks off, where its whole records were accepted.

        Args:
            origin: The file, with the number of whole records as ``index``.
            offset: Byte at which it breaks off.
            what: How.
        """
        why = Rejection(TRUNCATED, f"byte {offset}", what, "the end of the list")
        self.note("flagged", why, origin)

    def note_record(self, action: Action, why: Rejection, record: Mapping[str, Any]) -> None:
        """Write down what happened to one canonical record; the entry holds the record itself."""
        raw = json.dumps(record, ensure_ascii=False)
        self.note(action, why, Origin(**record["origin"]), record["question_id"], raw)

    def close(self) -> None:
        """Write what is left; the file is whole from now on."""
        self._file.close()

    def balance(self) -> list[BalanceEntry]:
        """The account of every input file, in the order in which the files were met."""
        return [
            BalanceEntry(
                file=file,
                records=self._records[file],
                seen=seen,
                kept=self._kept[file],
                dropped=self._reasons(file, "dropped"),
                quarantined=self._reasons(file, "quarantined"),
            )
            for file, seen in self.seen.items()
        ]

    def actions(self) -> dict[str, int]:
        """Number of entries by action."""
        return dict(sorted(self._actions.items()))

    def flags(self) -> dict[str, int]:
        """Number of flagged rows by reason."""
        return dict(sorted((+self._flags).items()))

    def _add(self, entry: dict[str, Any]) -> None:
        for file in {entry["file"], entry["answers_file"]} - {None}:
            self._count(entry["action"], entry["reason"], file, 1)
        self._actions[entry["action"]] += 1
        self._flags[entry["reason"]] += entry["action"] == "flagged"
        self._file.add(entry)

    def _count(self, action: str, reason: str, file: str, number: int) -> None:
        self._noted[file, action, reason] += number

    def _reasons(self, file: str, action: str) -> dict[str, int]:
        counts = {r: n for (f, a, r), n in self._noted.items() if (f, a) == (file, action)}
        return dict(sorted(counts.items()))


class _LedgerFile:
    """A Parquet file that is written in chunks; the same entries give the same bytes."""

    def __init__(self, path: Path) -> None:
        import pyarrow.parquet as pq

        self._writer = pq.ParquetWriter(path, ledger_schema(), compression="zstd")
        self._rows: list[dict[str, Any]] = []

    def add(self, row: dict[str, Any]) -> None:
        self._rows.append(row)
        if len(self._rows) >= WRITE_CHUNK:
            self._flush()

    def write(self, table: pa.Table) -> None:
        self._flush()
        self._writer.write_table(table.cast(ledger_schema()))

    def close(self) -> None:
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        import pyarrow as pa

        if self._rows:
            self._writer.write_table(pa.Table.from_pylist(self._rows, schema=ledger_schema()))
            self._rows = []


def _counts(origins: pa.StructArray, column: str) -> dict[str, int]:
    """Number of rows by the name of a file; rows without one are not counted."""
    counted = origins.field(column).value_counts().to_pylist()
    return {each["values"]: each["counts"] for each in counted if each["values"] is not None}


def _as_json(records: pa.RecordBatch) -> pa.Array:
    """Each record as JSON text."""
    import pyarrow as pa

    if len(records) <= FEW_RECORDS:
        import msgspec

        encode = msgspec.json.Encoder().encode
        return pa.array([encode(row).decode() for row in records.to_pylist()], pa.large_string())
    import polars as pl

    frame = pl.DataFrame(records)
    return frame.select(pl.struct(pl.all()).struct.json_encode()).to_series().to_arrow()


def read_ledger(path: Path) -> Iterator[LedgerEntry]:
    """Read the entries of a ledger file, a chunk at a time."""
    for batch in ledger_batches(path):
        for row in batch.to_pylist():
            yield LedgerEntry.model_construct(**row)


def ledger_batches(path: Path, columns: list[str] | None = None) -> Iterator[pa.RecordBatch]:
    """Read some columns of a ledger file, a chunk at a time.

    Raises:
        ShardError: The file cannot be read.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            yield from file.iter_batches(READ_CHUNK, columns=columns)
    except (OSError, pa.ArrowInvalid) as error:
        problem = " ".join(str(error).split())[:120]
        raise ShardError(
            str(path), f"cannot be read: {problem}", "the ledger of a finished folder",
            "Restore the file, or make the folder again.",
        ) from None  # fmt: skip


def select_entries(
    folder: Path | str, action: str | None = None, reason: str | None = None
) -> Iterator[LedgerEntry]:
    """The entries of a finished folder, or of a URL, or those of one action or reason.

    Raises:
        ShardError: The folder cannot be read.
    """
    store = store_at(folder)
    manifest, _ = parse_manifest(store.manifest(), store.path(MANIFEST))
    for entry in read_ledger(store.file(manifest.ledger)):
        if action in (None, entry.action) and reason in (None, entry.reason):
            yield entry


def ledger_schema() -> pa.Schema:
    """The Arrow schema of :class:`LedgerEntry`."""
    import pyarrow as pa

    integers = {"index", "part", "parts", "answers_index"}
    return pa.schema(
        [
            pa.field(name, pa.int64() if name in integers else pa.string())
            for name in LedgerEntry.model_fields
        ]
    )


def _shortened(raw: bytes | str | None) -> str | None:
    if raw is None:
        return None
    text = raw if isinstance(raw, str) else raw.decode("utf-8", "backslashreplace")
    return text if len(text) <= RAW_LIMIT else text[:RAW_LIMIT] + "…"
