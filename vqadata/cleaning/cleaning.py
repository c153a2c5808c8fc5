"""From shards to cleaner shards: pictures are examined, cleaners judge, the ledger goes on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from vqadata import cleaners as cleaner_folder
from vqadata.cleaning.examination import ExaminationOptions, examine, going_on, put_away
from vqadata.cleaning.judging import Hearing
from vqadata.cleaning.survey import Survey
from vqadata.converting.conversion import OutputOptions, step_entry
from vqadata.discover import find, names
from vqadata.errors import OptionError
from vqadata.groundwork.run_events import run as telling
from vqadata.images.decode import NORMALISATION
from vqadata.ledger import read_ledger
from vqadata.shards import events
from vqadata.shards.folder import finish, new_folder
from vqadata.shards.journal import Journal, run_digest
from vqadata.shards.manifest import PICTURES, Manifest, StepEntry
from vqadata.shards.reader import Shards, open_shards
from vqadata.shards.writer import ShardWriter
from vqadata.steps import Cleaner

if TYPE_CHECKING:
    import pyarrow as pa

ROW_GROUP = 1 << 16
"""Pictures of a row group of the file that lists them."""


def cleaner_kinds() -> list[type[Cleaner]]:
    """All cleaners that are found, in their working order."""
    kinds = [find(cleaner_folder, Cleaner, name) for name in names(cleaner_folder)]  # type: ignore[type-abstract]
    return sorted(kinds, key=lambda kind: (kind.order, kind.step_name()))


def choose_cleaners(only: Iterable[str] = (), skip: Iterable[str] = ()) -> list[type[Cleaner]]:
    """The cleaners that are named, or all but the skipped ones, in their working order.

    Raises:
        OptionError: There is no cleaner of a given name.
    """
    wanted = {find(cleaner_folder, Cleaner, name, "--only").step_name() for name in only}  # type: ignore[type-abstract]
    unwanted = {find(cleaner_folder, Cleaner, name, "--skip").step_name() for name in skip}  # type: ignore[type-abstract]
    named = [kind for kind in cleaner_kinds() if not wanted or kind.step_name() in wanted]
    return [kind for kind in named if kind.step_name() not in unwanted]


def clean(
    shards: Path | str,
    out: Path | str,
    cleaners: Iterable[Cleaner] | None = None,
    options: OutputOptions | None = None,
    examination: ExaminationOptions | None = None,
    report_only: bool = False,
) -> Manifest:
    """Clean a data set.

    Args:
        shards: A finished folder of shards.
        out: Output folder, or a URL; must be new, empty or unfinished.
        cleaners: The cleaners in working order; all that are found by default.
        options: How to write.
        examination: How to look at the pictures.
        report_only: Drop and mask nothing; what would be done is flagged.

    Returns:
        The manifest of the finished folder, with the history and the ledger of ``shards``.

    Raises:
        VqaDataError: ``shards`` cannot be read. Nothing that looks complete is left in ``out``.
    """
    options, examination = options or OutputOptions(), examination or ExaminationOptions()
    if cleaners is None:
        cleaners = [kind() for kind in cleaner_kinds()]
    chosen = [cleaner.fresh() for cleaner in cleaners if not cleaner.is_idle]
    before = open_shards(shards)
    if before.is_at(out):
        raise OptionError("--out", f"{out} is the input", "another folder", "Choose another name.")
    policy = {"report_only": report_only, "normalisation": NORMALISATION}
    steps = [_step(cleaner, options, before.digest, policy) for cleaner in chosen]
    with (
        telling("clean", [events.read(before)], out) as told,
        new_folder(out, options.overwrite, run_digest(steps), options.scratch) as folder,
    ):
        survey = examine(before, chosen, examination, folder)
        with (
            going_on(lambda: survey.examined, survey.remembered),
            TemporaryDirectory(dir=folder, prefix="beside-") as room,
        ):
            examiner = partial(_beside, examination=examination, room=Path(room))
            survey = replace(survey, scratch=Path(room), examiner=examiner)
            for cleaner in chosen:
                cleaner.decide(replace(survey, cleaner=cleaner.step_name()))
                survey.release()
            _write_pictures(survey.pictures, folder / PICTURES)
            survey.release()
            with (
                Hearing(chosen, folder, report_only) as hearing,
                ShardWriter(folder, options.shard_mb << 20, Journal(folder)) as writer,
            ):
                hearing.ledger.resume(before.manifest.balance, read_ledger(before.ledger_path))
                for split, batch in before.split_batches():
                    writer.write(split, hearing.hear(split, batch))
                written = writer.close()
        put_away(folder)
        history = [*before.manifest.steps, *steps]
        made = finish(folder, history, before.manifest.inputs, written, hearing.ledger)
        return events.made(told, made)


def _step(
    cleaner: Cleaner, options: OutputOptions, parent: str, policy: dict[str, object]
) -> StepEntry:
    step = step_entry("clean", cleaner.step_name(), cleaner, options, parent)
    return step.model_copy(update={"options": step.options | policy})


def _beside(
    shards: Shards, cleaner: Cleaner, examination: ExaminationOptions, room: Path
) -> Survey:
    """The survey of another data set, kept in a folder of its own as long as cleaners decide."""
    folder = room / str(len(list(room.iterdir())))
    folder.mkdir()
    return examine(shards, [cleaner], examination, folder)


def _write_pictures(pictures: pa.Table, path: Path) -> None:
    """Write what was said of each distinct picture; working data (binary columns) stay out."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    told = [field.name for field in pictures.schema if field.type != pa.binary()]
    pq.write_table(pictures.select(told), path, compression="zstd", row_group_size=ROW_GROUP)
