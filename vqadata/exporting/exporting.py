"""From shards to the format of another tool: each question handed over, or left out with reason."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

from vqadata.converting.conversion import portable_options, versions
from vqadata.engine.hiring import EngineOptions, hire
from vqadata.engine.order import in_order
from vqadata.errors import OptionError, VqaDataError
from vqadata.exporting.collecting import PIECES, Collection, Contents
from vqadata.exporting.pieces import ExportPieces, folder_of, pieces
from vqadata.exporting.receipt import EXPORT_FOLDER, FORMAT_VERSION, PICTURES, Receipt, move_out
from vqadata.groundwork.digests import bytes_digest, code_digest
from vqadata.groundwork.output_folder import (
    NOTHING,
    UNFINISHED,
    Leftover,
    staged_folder,
    write_durably,
)
from vqadata.groundwork.progress import Progress
from vqadata.groundwork.run_events import Data
from vqadata.groundwork.run_events import run as telling
from vqadata.shards import events
from vqadata.shards.reader import Shards, open_shards
from vqadata.steps import Export


def export(
    step: Export,
    shards: Path | str,
    out: Path | str,
    *,
    overwrite: bool = False,
    engine: EngineOptions | None = None,
) -> Receipt:
    """Write shards in another format.

    Args:
        step: The export, with its options.
        shards: A finished folder of shards.
        out: Output folder; must be new, empty or unfinished.
        overwrite: Replace a finished export in ``out``.
        engine: Who works; by default this process.

    Returns:
        The receipt, which is also in ``out`` as ``export.json``.

    Raises:
        VqaDataError: ``shards`` cannot be read, or not be written with these options. Nothing that
            looks complete is left in ``out``.
    """
    opened = open_shards(shards)
    if opened.is_at(Path(out)):
        raise OptionError("--out", f"{out} is the input", "another folder", "Choose another name.")
    run = _run_digest(step, opened)
    with (
        telling(f"export {step.step_name()}", [events.read(opened)], out) as told,
        staged_folder(Path(out), overwrite, _KIND, partial(_leftover, Path(out), run)) as folder,
    ):
        (folder / PIECES).mkdir(exist_ok=True)
        write_durably(folder / PIECES / _RUN, run)
        with Collection(folder, opened.manifest.splits) as collection:
            _collect(step, opened, collection, engine or EngineOptions(workers=0))
            collection.settle()
            step.finish(opened, collection)
            receipt = _receipt(step, opened, collection.contents())
        if not receipt.adds_up:
            raise _unbalanced(Path(out), receipt)
        move_out(folder, receipt)
        told.made(Data(out, rows=receipt.rows, size=sum(file.bytes for file in receipt.files)))
    return receipt


def _collect(step: Export, shards: Shards, collection: Collection, options: EngineOptions) -> None:
    """Have all pieces made, and take them in their order."""
    specs = list(pieces(shards, step))
    stage = ExportPieces(step, shards.where, collection.folder)
    with (
        hire(stage, options, is_much=len(specs) >= MANY) as engine,
        Progress("pictures exported", shards.manifest.pictures) as progress,
    ):
        for piece, delivery in in_order(specs, engine):
            collection.take(folder_of(collection.folder, piece.number), delivery)
            progress.advance(delivery.pictures)


def _run_digest(step: Export, shards: Shards) -> str:
    """Names all that the pieces of an export rest on."""
    parts = [shards.digest, step.step_name(), step.model_dump(mode="json"), code_digest()]
    return bytes_digest(json.dumps(parts, sort_keys=True).encode())


def _leftover(out: Path, run: str) -> Leftover:
    """What an unfinished export has left: its pieces, if it was this one."""
    folder = out / UNFINISHED
    try:
        is_ours = (folder / PIECES / _RUN).read_text(encoding="utf-8") == run
    except OSError:
        is_ours = False
    if not is_ours or not _saved(folder):
        return NOTHING
    return Leftover(frozenset({PIECES, PICTURES}), "going on from there")


def _saved(staging: Path) -> str:
    """What of an unfinished export the next run can use."""
    made = len(list((staging / PIECES).glob("[0-9]*/receipt.json")))
    return f"{made:,} pieces of the export are kept" if made else ""


_KIND = EXPORT_FOLDER._replace(saved=_saved)

_RUN = "run"
"""File in the folder of pieces that names the run to which they belong."""

MANY = 4
"""Pieces from which workers are hired unasked."""


def _receipt(step: Export, shards: Shards, contents: Contents) -> Receipt:
    return Receipt(
        format_version=FORMAT_VERSION,
        export=step.step_name(),
        options=portable_options(step),
        versions=versions(),
        shards=shards.digest,
        questions=shards.manifest.questions,
        **contents._asdict(),
    )


def _unbalanced(out: Path, receipt: Receipt) -> VqaDataError:
    left_out = sum(receipt.left_out.values())
    return VqaDataError(
        str(out),
        f"{receipt.exported} questions written + {left_out} left out",
        f"{receipt.questions}, as many as are in the shards",
        "This is a defect of the export: please report it. Nothing was written.",
    )
