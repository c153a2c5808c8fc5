"""The ledger: where every source row went that is not simply kept.

A kept row carries its origin in the shards; every other row has one entry here, with the step, the
reason and the evidence. Both together name each record of each input file exactly once, which
:mod:`vqadata.shards.verify` proves.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from vqadata.record import Origin
from vqadata.shards.manifest import BalanceEntry, read_manifest

if TYPE_CHECKING:
    import pyarrow as pa

Action = Literal["dropped", "quarantined", "flagged"]

RAW_LIMIT = 1 << 20
"""Characters of a raw record that an entry keeps; a longer one ends in an ellipsis."""

WRITE_CHUNK = 10_000
"""Entries written at a time, which bounds the memory of a large ledger."""


class LedgerEntry(BaseModel):
    """One remark on one source row. A flagged row is kept; the others are not."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    step: str = Field(description="The step that decided: convert, or the cleaner's name.")
    action: Action = Field(description="dropped, quarantined or flagged (kept, with a remark).")
    reason: str = Field(description="Short code of the reason.")
    question_id: str | None = Field(None, description="The question's id, where it is known.")
    file: str = Field(description="Input file that holds the record.")
    index: int = Field(description="Number of the record in that file, from 0.")
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
    """Collects the fates of one step and adds up the account.

    Args:
        step: Name that new entries carry.
        seen: Records by input file, where a former step has counted them.
        entries: Entries of former steps.
    """

    def __init__(
        self,
        step: str,
        seen: Mapping[str, int] | None = None,
        entries: Iterable[LedgerEntry] = (),
    ) -> None:
        """Start empty, or continue a former ledger."""
        self.step = step
        self.seen: Counter[str] = Counter(seen or {})
        self.entries: list[LedgerEntry] = list(entries)
        self._kept: Counter[str] = Counter()

    def see(self, file: str, records: int) -> None:
        """Count ``records`` more records of ``file``."""
        self.seen[file] += records

    def keep(self, origin: Mapping[str, Any]) -> None:
        """Count one row as written to the shards."""
        self._kept[origin["file"]] += 1
        if origin["answers_file"] is not None:
            self._kept[origin["answers_file"]] += 1

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
            action: ``dropped`` and ``quarantined`` rows leave the data set, ``flagged`` ones stay.
            why: The reason and its evidence.
            origin: Where the row stands in the source.
            question_id: The question's id, if it is known.
            raw: The record as it stood in the file.
        """
        self.entries.append(
            LedgerEntry(
                step=self.step,
                action=action,
                question_id=question_id,
                file=origin.file,
                index=origin.index,
                answers_file=origin.answers_file,
                answers_index=origin.answers_index,
                raw=_shortened(raw),
                **why._asdict(),
            )
        )

    def balance(self) -> list[BalanceEntry]:
        """The account of every input file, in the order in which the files were met."""
        lost: dict[str, dict[str, Counter[str]]] = {
            file: {"dropped": Counter(), "quarantined": Counter()} for file in self.seen
        }
        for entry in self.entries:
            if entry.action == "flagged":
                continue
            for file in {entry.file, entry.answers_file} - {None}:
                lost[str(file)][entry.action][entry.reason] += 1
        return [
            BalanceEntry(
                file=file,
                seen=seen,
                kept=self._kept[file],
                dropped=dict(sorted(lost[file]["dropped"].items())),
                quarantined=dict(sorted(lost[file]["quarantined"].items())),
            )
            for file, seen in self.seen.items()
        ]

    def actions(self) -> dict[str, int]:
        """Number of entries by action."""
        return dict(sorted(Counter(entry.action for entry in self.entries).items()))

    def flags(self) -> dict[str, int]:
        """Number of flagged rows by reason."""
        counts = Counter(entry.reason for entry in self.entries if entry.action == "flagged")
        return dict(sorted(counts.items()))


def write_ledger(path: Path, entries: list[LedgerEntry]) -> None:
    """Write all entries to a Parquet file; the same entries give the same bytes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = ledger_schema()
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for start in range(0, len(entries), WRITE_CHUNK):
            rows = [entry.model_dump() for entry in entries[start : start + WRITE_CHUNK]]
            writer.write_table(pa.Table.from_pylist(rows, schema=schema))


def read_ledger(path: Path) -> Iterator[LedgerEntry]:
    """Read the entries of a ledger file, a chunk at a time."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(WRITE_CHUNK):
            for row in batch.to_pylist():
                yield LedgerEntry.model_construct(**row)


def select_entries(
    folder: Path, action: str | None = None, reason: str | None = None
) -> Iterator[LedgerEntry]:
    """The entries of a finished folder, or those of one action or reason.

    Raises:
        ShardError: The folder cannot be read.
    """
    manifest, _ = read_manifest(folder)
    for entry in read_ledger(folder / manifest.ledger.file):
        if action in (None, entry.action) and reason in (None, entry.reason):
            yield entry


def ledger_schema() -> pa.Schema:
    """The Arrow schema of :class:`LedgerEntry`."""
    import pyarrow as pa

    integers = {"index", "answers_index"}
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
