"""Puts wrong answers of a model beside the answers of a data set: pairs for preference training.

Whether an answer is wrong says the caller. A row that makes no pair is dropped with the reason, so
the account still adds up.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from vqadata.converting.conversion import OutputOptions, step_entry
from vqadata.errors import VqaDataError
from vqadata.ledger import Ledger, Rejection
from vqadata.rearranging.resharding import replaced
from vqadata.rearranging.rewriting import refuse_input, rewrite
from vqadata.shards.manifest import Manifest
from vqadata.shards.reader import open_shards
from vqadata.shards.schema import rows_with

if TYPE_CHECKING:
    import pyarrow as pa


class NoPair(NamedTuple):
    """Why a row makes no pair."""

    reason: str
    found: str | None = None
    """What the model answered."""
    expected: str | None = None


Judge: TypeAlias = Callable[[dict[str, Any]], str | NoPair]
"""The wrong answer to a canonical record, as a dictionary; or why there is none."""


class Pairing(BaseModel):
    """Where wrong answers come from; kept in the manifest."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    predictions: str = Field(description="Name of the file of answers.")
    digest: str = Field(description="SHA-256 of that file.")
    metrics: list[str] = Field(description="Metrics by all of which an answer is wrong.")


def pair(
    shards: Path | str,
    out: Path | str,
    judge: Judge,
    origin: Pairing,
    options: OutputOptions | None = None,
) -> Manifest:
    """Write the rows to which there is a wrong answer, as their first rejected one.

    Args:
        shards: A finished folder of shards.
        out: Output folder, or a URL; must be new, empty or unfinished.
        judge: Gives the wrong answer to a record.
        origin: Where the wrong answers come from.
        options: How to write.

    Returns:
        The manifest of the finished folder; its ledger says why each other row makes no pair.

    Raises:
        VqaDataError: ``shards`` cannot be read, or no row makes a pair. Nothing that looks complete
            is left in ``out``.
    """
    options = options or OutputOptions()
    before = open_shards(shards)
    refuse_input(before, out)
    step = step_entry("pairs", "wrong-answers", origin, options, before.digest)

    def rows(_folder: Path, ledger: Ledger) -> Iterator[tuple[str, pa.RecordBatch]]:
        some = False
        for split, batch in before.split_batches():
            if (pairs := _paired(batch, judge, ledger)).num_rows:
                some = True
                yield split, pairs
        if not some:
            raise VqaDataError(
                origin.predictions, f"no wrong answer to a question of {before.where}",
                "at least one", "Nothing is left to learn from these answers.",
            )  # fmt: skip

    return rewrite(before, out, step, options, rows)


def _paired(batch: pa.RecordBatch, judge: Judge, ledger: Ledger) -> pa.RecordBatch:
    """The rows of a batch that make pairs; the others are noted."""
    import pyarrow as pa
    import pyarrow.compute as pc

    nested = batch.column("questions")
    questions, rows = pc.list_flatten(nested), pc.list_parent_indices(nested).to_numpy()
    without: dict[str, dict[int, NoPair]] = defaultdict(dict)
    wrong: dict[int, list[str]] = {}
    for number, record in enumerate(questions.to_pylist()):
        found = judge(record)
        if isinstance(found, NoPair):
            without[found.reason][number] = found
        else:
            wrong[number] = [found, *(old for old in record["rejected"] if old != found)]
    for reason, these in without.items():
        records = pa.RecordBatch.from_struct_array(questions.take(pa.array(these)))
        own = {
            "found": pa.array([each.found for each in these.values()], pa.string()),
            "expected": pa.array([each.expected for each in these.values()], pa.string()),
        }
        ledger.note_records("dropped", Rejection(reason, "prediction"), records, **own)
    kept = questions.take(pa.array(wrong, pa.int64()))
    kept = replaced(kept, rejected=pa.array(wrong.values(), kept.type.field("rejected").type))
    return rows_with(batch, kept, rows[list(wrong)])
