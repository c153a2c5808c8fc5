"""Puts data sets together, and shards anew: rows, ledgers and accounts of all of them.

Pictures of equal bytes in the same split of several data sets are stored once. Each input file
keeps an account of its own: where two data sets have an input file of the same name, the later one
gets the number of its data set before its name (``2/questions.json``), in the account, in the
ledger and in the origins of the rows.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from vqadata.converting.conversion import OutputOptions, versions
from vqadata.errors import OptionError
from vqadata.groundwork.digests import text_key
from vqadata.groundwork.id_index import IdIndex
from vqadata.groundwork.run_events import run as telling
from vqadata.ledger import Ledger, LedgerEntry, read_ledger
from vqadata.rearranging.resharding import Plan, replaced, reshard
from vqadata.shards import events
from vqadata.shards.folder import finish, new_folder
from vqadata.shards.journal import Journal, run_digest
from vqadata.shards.manifest import LEDGER, InputEntry, Manifest, StepEntry
from vqadata.shards.reader import Shards, open_shards
from vqadata.shards.writer import ShardWriter

if TYPE_CHECKING:
    import pyarrow as pa

    from vqadata.groundwork.spill import Numbers

Progress = Callable[[int], None]
"""Is told how many picture rows more are done."""

ORIGIN_FILES = ("file", "answers_file")

log = logging.getLogger(__name__)


def merge(
    folders: Sequence[Path | str],
    out: Path | str,
    options: OutputOptions | None = None,
    progress: Progress | None = None,
) -> Manifest:
    """Put several data sets together.

    Args:
        folders: Finished folders of shards, or URLs; their rows come in this order.
        out: Output folder, or a URL; must be new, empty or unfinished.
        options: How to write.
        progress: Is told of each batch that was written.

    Returns:
        The manifest of the finished folder, with the histories, ledgers and accounts of all.

    Raises:
        VqaDataError: A folder cannot be read, is given twice, or there are fewer than two.
    """
    parts = _parts(folders)
    if len(parts) < 2:
        raise OptionError(
            "SHARDS", "one data set" if parts else "none", "two or more", "Name another one."
        )
    digests = [part.shards.digest for part in parts]
    if len(set(digests)) < len(digests):
        raise OptionError("SHARDS", "the same data set twice", "different ones", "Name each once.")
    _warn_of_equal_ids(parts)
    return _write(parts, out, "merge", options or OutputOptions(), progress)


def repack(
    folder: Path | str,
    out: Path | str,
    options: OutputOptions | None = None,
    progress: Progress | None = None,
) -> Manifest:
    """Write the same rows in shards of another size.

    Args:
        folder: A finished folder of shards, or a URL.
        out: Output folder, or a URL; must be new, empty or unfinished.
        options: How to write.
        progress: Is told of each batch that was written.

    Raises:
        VqaDataError: The folder cannot be read.
    """
    return _write(_parts([folder]), out, "repack", options or OutputOptions(), progress)


class _Part(NamedTuple):
    """A data set that is put together with others."""

    shards: Shards
    names: Mapping[str, str]
    """New names of its input files, those that change."""

    def name(self, file: str | None) -> str | None:
        return None if file is None else self.names.get(file, file)

    def inputs(self) -> Iterator[InputEntry]:
        for entry in self.shards.manifest.inputs:
            yield entry.model_copy(update={"file": self.name(entry.file)})

    def resume(self, ledger: Ledger) -> None:
        """Hand its account and its entries on."""
        accounts = self.shards.manifest.balance
        ledger.resume(
            [each.model_copy(update={"file": self.name(each.file)}) for each in accounts],
            map(self._renamed, read_ledger(self.shards.ledger_path)),
        )

    def _renamed(self, entry: LedgerEntry) -> LedgerEntry:
        files = {column: self.name(getattr(entry, column)) for column in ORIGIN_FILES}
        return entry.model_copy(update=files) if self.names else entry


class _Joined:
    """The rows of several data sets one after the other, with the new names of their files."""

    def __init__(self, parts: Sequence[_Part]) -> None:
        self._parts = parts

    def split_batches(
        self, columns: Sequence[str] | None = None
    ) -> Iterator[tuple[str, pa.RecordBatch]]:
        for part in self._parts:
            for split, batch in part.shards.split_batches(columns):
                yield split, _with_names(batch, part.names) if part.names else batch


def _parts(folders: Sequence[Path | str]) -> list[_Part]:
    """Open the data sets and give each input file a name of its own."""
    parts: list[_Part] = []
    taken: set[str] = set()
    for number, folder in enumerate(folders, 1):
        shards = open_shards(folder)
        names = {}
        for entry in shards.manifest.balance:
            name = entry.file
            while name in taken:
                name = f"{number}/{name}"
            taken.add(name)
            if name != entry.file:
                names[entry.file] = name
        parts.append(_Part(shards, names))
    return parts


def _warn_of_equal_ids(parts: Sequence[_Part]) -> None:
    """Say how many question ids come more than once: they may well be the same questions."""
    import numpy as np
    import pyarrow as pa

    met, count, again = IdIndex(), 0, 0
    for part in parts:
        for batch in part.shards.batches(["questions"]):
            ids = batch.column("questions").flatten().field("question_id").to_pylist()
            keys = np.fromiter(map(text_key, ids), np.uint64).view(np.int64)
            numbers = np.arange(count, count + len(keys))
            again += int((met.add(pa.array(keys), numbers) != numbers).sum())
            count += len(keys)
    if again:
        log.warning(
            "%s rows have the question id of another row; vqadata clean drops those that are asked "
            "twice of the same picture", f"{again:,}",
        )  # fmt: skip


def _write(
    parts: Sequence[_Part],
    out: Path | str,
    step: str,
    options: OutputOptions,
    progress: Progress | None,
) -> Manifest:
    for part in parts:
        if part.shards.is_at(out):
            raise OptionError("--out", f"{out} is an input", "another folder", "Choose another.")
    plan = _plan(parts)
    last = _step(parts, step, options)
    with (
        telling(step, [events.read(part.shards) for part in parts], out) as told,
        new_folder(out, options.overwrite, run_digest([last]), options.scratch) as folder,
    ):
        ledger = Ledger(folder / LEDGER, step)
        for part in parts:
            part.resume(ledger)
        with ShardWriter(folder, options.shard_mb << 20, Journal(folder)) as writer:
            for split, batch in reshard(_Joined(parts), plan, folder):
                ledger.keep(batch.column("questions").flatten().field("origin"))
                writer.write(split, batch)
                if progress:
                    progress(batch.num_rows)
            written = writer.close()
        history = [entry for part in parts for entry in part.shards.manifest.steps]
        inputs = [entry for part in parts for entry in part.inputs()]
        return events.made(told, finish(folder, [*history, last], inputs, written, ledger))


def _step(parts: Sequence[_Part], step: str, options: OutputOptions) -> StepEntry:
    digests = [part.shards.digest for part in parts]
    chosen: dict[str, object] = {"shard_mb": options.shard_mb}
    parent = digests[0] if len(digests) == 1 else None
    if parent is None:
        chosen["parents"] = digests
    return StepEntry(step=step, name="shards", options=chosen, versions=versions(), parent=parent)


def _plan(parts: Sequence[_Part]) -> Plan:
    """Each question stays in its split; equal pictures of several data sets come together."""
    import numpy as np

    numbers: dict[str, int] = {}
    part_of = []
    for part in parts:
        for shard in part.shards.manifest.shards:
            number = numbers.setdefault(shard.split, len(numbers))
            part_of.append(np.full(shard.questions, number, np.int64))
    joined: Numbers = np.concatenate([np.empty(0, np.int64), *part_of])
    return Plan(joined, list(numbers), together=len(parts) > 1, renamed=False)


def _with_names(batch: pa.RecordBatch, names: Mapping[str, str]) -> pa.RecordBatch:
    """The rows with other names of input files in their origins."""
    import pyarrow as pa

    nested = batch.column("questions")
    questions = nested.flatten()
    origin = questions.field("origin")
    renamed = {column: _renamed(origin.field(column), names) for column in ORIGIN_FILES}
    questions = replaced(questions, origin=replaced(origin, **renamed))
    offsets = pa.array(nested.offsets.to_numpy() - nested.offsets[0].as_py(), pa.int32())
    column = pa.ListArray.from_arrays(offsets, questions).cast(nested.type)
    return batch.set_column(batch.schema.get_field_index("questions"), "questions", column)


def _renamed(files: pa.StringArray, names: Mapping[str, str]) -> pa.Array:
    import pyarrow as pa

    coded = files.dictionary_encode()
    known = [names.get(name, name) for name in coded.dictionary.to_pylist()]
    return pa.array(known, pa.string()).take(coded.indices)
