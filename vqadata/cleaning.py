"""From shards to cleaner shards: every cleaner judges, and the ledger goes on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vqadata import cleaners as cleaner_folder
from vqadata.conversion import OutputOptions, note_record, step_entry
from vqadata.discover import find, names
from vqadata.errors import OptionError
from vqadata.images.header import Header
from vqadata.ledger import Ledger, read_ledger
from vqadata.shards.folder import finish, new_folder
from vqadata.shards.manifest import Manifest
from vqadata.shards.reader import Shards, open_shards
from vqadata.shards.schema import Picture, shard_schema
from vqadata.shards.writer import ShardWriter
from vqadata.steps import Cleaner, Verdict

if TYPE_CHECKING:
    import pyarrow as pa

Row = dict[str, Any]


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
        ledger = _continued(before)
        with ShardWriter(folder, options.shard_mb << 20) as writer:
            for batch in before.batches():
                _write(_cleaned(batch, chosen, ledger), writer, ledger)
            entries = writer.close()
        steps = [
            step_entry("clean", cleaner.step_name(), cleaner, options, before.digest)
            for cleaner in chosen
        ]
        history = [*before.manifest.steps, *steps]
        return finish(folder, history, before.manifest.inputs, entries, ledger)


def _continued(before: Shards) -> Ledger:
    seen = {entry.file: entry.seen for entry in before.manifest.balance}
    entries = read_ledger(before.folder / before.manifest.ledger.file)
    return Ledger("clean", seen, entries)


def _cleaned(batch: pa.RecordBatch, cleaners: list[Cleaner], ledger: Ledger) -> list[Row]:
    """The rows of a batch that are left after all cleaners."""
    import pyarrow as pa

    rows: list[Row] = batch.to_pylist()
    for cleaner in cleaners:
        ledger.step = cleaner.step_name()
        verdicts = list(cleaner.judge(batch))
        if verdicts:
            rows = _applied(rows, verdicts, ledger)
            batch = pa.RecordBatch.from_pylist(rows, schema=shard_schema())
    return rows


def _applied(rows: list[Row], verdicts: list[Verdict], ledger: Ledger) -> list[Row]:
    """Note the verdicts and take away what was dropped; a picture without questions goes too."""
    gone: set[tuple[int, int]] = set()
    for verdict in verdicts:
        for place in _places(rows, verdict):
            record = rows[place[0]]["questions"][place[1]]
            if verdict.action == "flag":
                note_record(ledger, "flagged", verdict.why, record)
            elif place not in gone:
                note_record(ledger, "dropped", verdict.why, record)
                gone.add(place)
    left = []
    for number, row in enumerate(rows):
        questions = [q for k, q in enumerate(row["questions"]) if (number, k) not in gone]
        if questions:
            left.append(row | {"questions": questions})
    return left


def _places(rows: list[Row], verdict: Verdict) -> Iterator[tuple[int, int]]:
    """The questions that a verdict is about, as (row, question)."""
    if verdict.question is not None:
        yield verdict.row, verdict.question
    else:
        yield from ((verdict.row, k) for k in range(len(rows[verdict.row]["questions"])))


def _write(rows: list[Row], writer: ShardWriter, ledger: Ledger) -> None:
    for row in rows:
        pairs = zip(row["images"], row["image_facts"], strict=True)
        pictures = [_picture(image, facts) for image, facts in pairs]
        for question in row["questions"]:
            ledger.keep(question["origin"])
        writer.write(row["questions"][0]["split"] or "", pictures, row["questions"])


def _picture(image: Row, facts: Row) -> Picture:
    header = None
    if facts["width"] is not None:
        header = Header(facts["width"], facts["height"], facts["format"], facts["mode"])
    return Picture(image["path"], image["bytes"], facts["digest"], header)
