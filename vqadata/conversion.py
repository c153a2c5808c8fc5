"""From users' files to a finished folder of shards, every row accounted for."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from vqadata.answers import settle
from vqadata.assembly import assemble
from vqadata.digests import file_digest
from vqadata.errors import OptionError, VqaDataError
from vqadata.inputs import ledger_names
from vqadata.ledger import Ledger
from vqadata.shards.folder import finish, new_folder
from vqadata.shards.manifest import LEDGER, InputEntry, Manifest, StepEntry
from vqadata.shards.writer import ShardWriter
from vqadata.steps import Source, Step

PACKAGES = ("vqadata", "pyarrow", "pillow")
"""Packages whose versions shape the output, recorded in the manifest."""


class OutputOptions(BaseModel):
    """How shards are written; shared by convert and clean."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    shard_mb: int = Field(
        128,
        ge=1,
        description="Picture megabytes after which a shard is closed and a new one begun.",
    )
    overwrite: bool = Field(False, description="Replace a finished data set in the output folder.")


def convert(source: Source, out: Path | str, options: OutputOptions | None = None) -> Manifest:
    """Convert a data set to shards.

    Args:
        source: The data set, with its options.
        out: Output folder; must be new, empty or unfinished.
        options: How to write.

    Returns:
        The manifest of the finished folder.

    Raises:
        VqaDataError: The input cannot be used. Nothing that looks complete is left in ``out``.
    """
    options = options or OutputOptions()
    for root in source.image_root:
        if not root.is_dir():
            raise OptionError("--image-root", f"{root}: no such folder", "a folder of pictures")
    inputs = _inputs(source.input_files())
    with new_folder(Path(out), options.overwrite) as folder:
        ledger = Ledger(folder / LEDGER, "convert")
        batches = source.batches(ledger, folder)
        settled = (settle(batch, source.answer_policy) for batch in batches)
        with ShardWriter(folder, options.shard_mb << 20) as writer:
            for split, rows in assemble(settled, source, ledger, folder):
                writer.write(split, rows)
            shards = writer.close()
        step = step_entry("convert", source.step_name(), source, options)
        return finish(folder, [step], inputs, shards, ledger)


def step_entry(
    step: str, name: str, doer: Step, options: OutputOptions, parent: str | None = None
) -> StepEntry:
    """Describe a step for the manifest, without folders of the machine: same input, same bytes."""
    chosen = _portable(doer.model_dump(mode="json")) | {"shard_mb": options.shard_mb}
    versions = {package: importlib.metadata.version(package) for package in PACKAGES}
    return StepEntry(step=step, name=name, options=chosen, versions=versions, parent=parent)


def _portable(options: dict[str, Any]) -> dict[str, Any]:
    """Options without the folders of the machine: paths keep their last part."""

    def tail(value: object) -> object:
        if isinstance(value, list):
            return [tail(item) for item in value]
        return Path(value).name if isinstance(value, str) and "/" in value else value

    return {name: tail(value) for name, value in options.items()}


def _inputs(files: list[Path]) -> list[InputEntry]:
    names = ledger_names(files)
    for file in files:
        if not file.is_file():
            found = "a folder" if file.is_dir() else "no such file"
            raise VqaDataError(str(file), found, "a file to read", "Check the path.")
    return [
        InputEntry(file=names[file], bytes=file.stat().st_size, sha256=file_digest(file))
        for file in files
    ]
