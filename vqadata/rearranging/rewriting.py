"""What steps have in common that give the rows of a data set another place or another member."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from vqadata.converting.conversion import OutputOptions
from vqadata.errors import OptionError
from vqadata.groundwork.run_events import run as telling
from vqadata.ledger import Ledger, read_ledger
from vqadata.shards import events
from vqadata.shards.folder import finish, new_folder
from vqadata.shards.journal import Journal, run_digest
from vqadata.shards.manifest import LEDGER, Manifest, StepEntry
from vqadata.shards.reader import Shards
from vqadata.shards.writer import ShardWriter

if TYPE_CHECKING:
    import pyarrow as pa

Rows: TypeAlias = Callable[[Path, Ledger], Iterator[tuple[str, "pa.RecordBatch"]]]
"""Gives the record batches to write, each with its split, and notes in the ledger what befell other
rows. It is given the folder, for temporary files."""


def refuse_input(before: Shards, out: Path | str) -> None:
    """Refuse to write a data set over the one that it is made from.

    Raises:
        OptionError: ``out`` is where ``before`` lies.
    """
    if before.is_at(out):
        raise OptionError("--out", f"{out} is the input", "another folder", "Choose another name.")


def rewrite(
    before: Shards, out: Path | str, step: StepEntry, options: OutputOptions, rows: Rows
) -> Manifest:
    """Write a data set that goes on from another one: its history, its ledger, its inputs.

    Args:
        before: The data set that is read.
        out: Output folder, or a URL; must be new, empty or unfinished.
        step: What is done.
        options: How to write.
        rows: What is written.

    Returns:
        The manifest of the finished folder.

    Raises:
        VqaDataError: As ``rows`` raises it, or the folder cannot be written. Nothing that looks
            complete is left in ``out``.
    """
    with (
        telling(step.step, [events.read(before)], out) as told,
        new_folder(out, options.overwrite, run_digest([step]), options.scratch) as folder,
    ):
        ledger = Ledger(folder / LEDGER, step.step)
        ledger.resume(before.manifest.balance, read_ledger(before.ledger_path))
        with ShardWriter(folder, options.shard_mb << 20, Journal(folder)) as writer:
            for split, batch in rows(folder, ledger):
                ledger.keep(batch.column("questions").flatten().field("origin"))
                writer.write(split, batch)
            written = writer.close()
        history = [*before.manifest.steps, step]
        made = finish(folder, history, before.manifest.inputs, written, ledger)
        return events.made(told, made)
