"""From shards to cleaner shards: every cleaner judges, and the ledger goes on."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from vqadata import cleaners as cleaner_folder
from vqadata.conversion import OutputOptions, step_entry
from vqadata.discover import find, names
from vqadata.errors import OptionError
from vqadata.ledger import Ledger, read_ledger
from vqadata.shards.folder import finish, new_folder
from vqadata.shards.manifest import LEDGER, Manifest
from vqadata.shards.reader import open_shards
from vqadata.shards.schema import rows_with
from vqadata.shards.writer import ShardWriter
from vqadata.steps import Cleaner, Verdict

if TYPE_CHECKING:
    import pyarrow as pa

    from vqadata.spill import Numbers


def cleaner_kinds() -> list[type[Cleaner]]:
    """All cleaners that are found, in their working order."""
    kinds = [find(cleaner_folder, Cleaner, name) for name in names(cleaner_folder)]  # type: ignore[type-abstract]
    return sorted(kinds, key=lambda kind: (kind.order, kind.step_name()))


def choose_cleaners(only: Iterable[str] = (), skip: Iterable[str] = ()) -> list[type[Cleaner]]:
    """The cleaners that are named, or all but the skipped ones, in their working order.

    Raises:
        OptionError: There is no cleaner of a given name.
    """
    wanted = {find(cleaner_folder, Cleaner, name).step_name() for name in only}  # type: ignore[type-abstract]
    unwanted = {find(cleaner_folder, Cleaner, name).step_name() for name in skip}  # type: ignore[type-abstract]
    named = [kind for kind in cleaner_kinds() if not wanted or kind.step_name() in wanted]
    return [kind for kind in named if kind.step_name() not in unwanted]


def clean(
    shards: Path | str,
    out: Path | str,
    cleaners: Iterable[Cleaner] | None = None,
    options: OutputOptions | None = None,
) -> Manifest:
    """Clean a data set.

    Args:
        shards: A finished folder of shards.
        out: Output folder; must be new, empty or unfinished.
        cleaners: The cleaners in working order; all that are found by default.
        options: How to write.

    Returns:
        The manifest of the finished folder, with the history and the ledger of ``shards``.

    Raises:
        VqaDataError: ``shards`` cannot be read. Nothing that looks complete is left in ``out``.
    """
    options = options or OutputOptions()
    if cleaners is None:
        cleaners = [kind() for kind in cleaner_kinds()]
    chosen = [cleaner.fresh() for cleaner in cleaners]
    before = open_shards(shards)
    if Path(out).resolve() == before.folder.resolve():
        raise OptionError("--out", f"{out} is the input", "another folder", "Choose another name.")
    with new_folder(Path(out), options.overwrite) as folder:
        ledger = Ledger(folder / LEDGER, "clean")
        entries = read_ledger(before.folder / before.manifest.ledger.file)
        ledger.resume(before.manifest.balance, entries)
        with ShardWriter(folder, options.shard_mb << 20) as writer:
            for split, batch in before.split_batches():
                left = _cleaned(batch, chosen, ledger)
                ledger.keep(left.column("questions").flatten().field("origin"))
                writer.write(split, left)
            written = writer.close()
        steps = [
            step_entry("clean", cleaner.step_name(), cleaner, options, before.digest)
            for cleaner in chosen
        ]
        history = [*before.manifest.steps, *steps]
        return finish(folder, history, before.manifest.inputs, written, ledger)


def _cleaned(batch: pa.RecordBatch, cleaners: list[Cleaner], ledger: Ledger) -> pa.RecordBatch:
    """The rows of a batch that are left after all cleaners."""
    for cleaner in cleaners:
        ledger.step = cleaner.step_name()
        verdicts = list(cleaner.judge(batch))
        if verdicts:
            batch = _applied(batch, verdicts, ledger)
    return batch


def _applied(batch: pa.RecordBatch, verdicts: list[Verdict], ledger: Ledger) -> pa.RecordBatch:
    """Note the verdicts and take away what was dropped; a picture without questions goes too."""
    import numpy as np
    import pyarrow.compute as pc

    questions = batch.column("questions")
    flat, offsets = questions.flatten(), questions.offsets.to_numpy() - questions.offsets[0].as_py()
    stay = np.ones(len(flat), bool)
    for verdict in verdicts:
        for place in _places(offsets, verdict):
            if verdict.action == "flag":
                ledger.note_record("flagged", verdict.why, flat[place].as_py())
            elif stay[place]:
                ledger.note_record("dropped", verdict.why, flat[place].as_py())
                stay[place] = False
    rows = pc.list_parent_indices(questions).to_numpy()
    return rows_with(batch, flat.filter(stay), rows[stay])


def _places(offsets: Numbers, verdict: Verdict) -> range:
    """The questions that a verdict is about, as numbers in the batch."""
    start, stop = int(offsets[verdict.row]), int(offsets[verdict.row + 1])
    if verdict.question is None:
        return range(start, stop)
    return range(start + verdict.question, start + verdict.question + 1)
