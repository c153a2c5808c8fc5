"""From shards to the format of another tool: each question handed over, or left out with reason."""

from __future__ import annotations

from pathlib import Path

from vqadata.conversion import portable_options, versions
from vqadata.errors import OptionError, VqaDataError
from vqadata.outbox import Contents, Outbox
from vqadata.output_folder import staged_folder
from vqadata.receipt import EXPORT_FOLDER, FORMAT_VERSION, Receipt, move_out
from vqadata.run_events import Data
from vqadata.run_events import run as telling
from vqadata.shards import events
from vqadata.shards.reader import Shards, open_shards
from vqadata.steps import Export


def export(
    step: Export, shards: Path | str, out: Path | str, *, overwrite: bool = False
) -> Receipt:
    """Write shards in another format.

    Args:
        step: The export, with its options.
        shards: A finished folder of shards.
        out: Output folder; must be new, empty or unfinished.
        overwrite: Replace a finished export in ``out``.

    Returns:
        The receipt, which is also in ``out`` as ``export.json``.

    Raises:
        VqaDataError: ``shards`` cannot be read, or not be written with these options. Nothing that
            looks complete is left in ``out``.
    """
    opened = open_shards(shards)
    if opened.is_at(Path(out)):
        raise OptionError("--out", f"{out} is the input", "another folder", "Choose another name.")
    with (
        telling(f"export {step.step_name()}", [events.read(opened)], out) as told,
        staged_folder(Path(out), overwrite, EXPORT_FOLDER) as folder,
    ):
        with Outbox(folder, opened.manifest.splits) as outbox:
            step.write(opened, outbox)
            receipt = _receipt(step, opened, outbox.contents())
        if not receipt.adds_up:
            raise _unbalanced(Path(out), receipt)
        move_out(folder, receipt)
        told.made(Data(out, rows=receipt.rows, size=sum(file.bytes for file in receipt.files)))
    return receipt


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
