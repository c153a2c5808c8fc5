"""From users' files to a finished folder of shards, every row accounted for."""

from __future__ import annotations

import importlib.metadata
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from vqadata.converting.answers import settle
from vqadata.converting.shard_writing import write_alone, write_with
from vqadata.engine.hiring import EngineOptions
from vqadata.errors import OptionError, VqaDataError
from vqadata.groundwork.digests import file_digest
from vqadata.groundwork.run_events import Data
from vqadata.groundwork.run_events import run as telling
from vqadata.images.embedded import EmbeddedPictures
from vqadata.ledger import Ledger
from vqadata.reading.inputs import ledger_names
from vqadata.shards import events
from vqadata.shards.folder import finish, new_folder
from vqadata.shards.journal import run_digest
from vqadata.shards.manifest import LEDGER, InputEntry, Manifest, StepEntry
from vqadata.steps import Source, Workspace
from vqadata.stores.address import shown
from vqadata.stores.incoming import arriving, here, origin
from vqadata.words.markup import guard

PACKAGES = ("vqadata", "pyarrow", "pillow")
"""Packages whose versions shape the output, recorded in the manifest."""


class OutputOptions(BaseModel):
    """How shards are written; shared by convert, clean and split."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    shard_mb: int = Field(
        128,
        ge=1,
        description="Picture megabytes after which a shard is closed and a new one begun.",
    )
    overwrite: bool = Field(False, description="Replace a finished data set in the output folder.")
    scratch: Path | None = Field(
        None,
        description="Folder in which shards are made before they are sent, where the output is a "
        "URL, and where copies of record files lie, where the input is one; by default in the "
        "user's cache folder. It needs room for all of them.",
    )


def convert(
    source: Source,
    out: Path | str,
    options: OutputOptions | None = None,
    engine: EngineOptions | None = None,
) -> Manifest:
    """Convert a data set to shards.

    Args:
        source: The data set, with its options. Paths may be addresses in stores: ``s3://``,
            ``gs://`` and all that fsspec knows.
        out: Output folder, or a URL; must be new, empty or unfinished.
        options: How to write.
        engine: Who reads the pictures and writes the shards; by default this process.

    Returns:
        The manifest of the finished folder.

    Raises:
        VqaDataError: The input cannot be used. Nothing that looks complete is left in ``out``.
    """
    options = options or OutputOptions()
    with arriving(str(out), options.scratch) as incoming:
        return _convert(incoming.of(source, ("image_root",)), out, options, engine)


def _convert(
    source: Source, out: Path | str, options: OutputOptions, engine: EngineOptions | None
) -> Manifest:
    """Convert a data set whose files can be opened here; see :func:`convert`."""
    for root in source.image_root:
        if not root.is_dir():
            raise OptionError("--image-root", f"{root}: no such folder", "a folder of pictures")
    files = source.input_files()
    before = _states(files)
    inputs = _inputs(files)
    step = step_entry("convert", source.step_name(), source, options)
    run = run_digest([step], inputs)
    read = [
        Data(shown(origin(file)), f"sha256:{entry.sha256}", size=entry.bytes)
        for file, entry in zip(files, inputs, strict=True)
    ]
    with (
        telling(f"convert {source.step_name()}", read, out) as told,
        _modest_memory(),
        new_folder(out, options.overwrite, run, options.scratch) as folder,
    ):
        ledger = Ledger(folder / LEDGER, "convert")
        with EmbeddedPictures(folder) as embedded:
            work = Workspace(ledger, folder, embedded)
            batches = (guard(batch, source.markup, ledger) for batch in source.batches(work))
            settled = (settle(batch, source.answer_policy) for batch in batches)
            size = options.shard_mb << 20
            if engine is None or not (engine.workers or engine.engine == "ray"):
                shards = write_alone(settled, source, work, size)
            else:
                shards = write_with(engine, settled, source, work, size)
        _check_same(files, before)
        formed = [e.model_copy(update={"form": ledger.forms.get(e.file)}) for e in inputs]
        return events.made(told, finish(folder, [step], formed, shards, ledger))


@contextmanager
def _modest_memory() -> Iterator[None]:
    """Let Arrow use the allocator of the system, which gives memory back and reuses warm pages."""
    import pyarrow as pa

    before = pa.default_memory_pool()
    pa.set_memory_pool(pa.system_memory_pool())
    try:
        yield
    finally:
        pa.set_memory_pool(before)


def step_entry(
    step: str, name: str, doer: BaseModel, options: OutputOptions, parent: str | None = None
) -> StepEntry:
    """Describe a step for the manifest, without folders of the machine: same input, same bytes.

    Args:
        step: convert, clean or split.
        name: Who did it: the source, the cleaner.
        doer: Its options.
        options: How it was written.
        parent: Digest of the manifest that it read.
    """
    chosen = portable_options(doer) | {"shard_mb": options.shard_mb}
    return StepEntry(step=step, name=name, options=chosen, versions=versions(), parent=parent)


def versions() -> dict[str, str]:
    """Versions of the packages that shape what is written."""
    return {package: importlib.metadata.version(package) for package in PACKAGES}


def portable_options(doer: BaseModel) -> dict[str, Any]:
    """Options without the folders of the machine: paths keep their last part."""

    def tail(value: object) -> object:
        if isinstance(value, list):
            return [tail(item) for item in value]
        return value.name if isinstance(value, Path) else value

    return {name: tail(value) for name, value in doer.model_dump().items()}


def _states(files: list[Path]) -> list[os.stat_result | None]:
    """What the system says of each file of this machine; what stands for one of a store is ours."""
    return [_state(file) if origin(file) == file else None for file in files]


def _state(file: Path) -> os.stat_result | None:
    try:
        return file.stat()
    except OSError:
        return None


def _check_same(files: list[Path], before: list[os.stat_result | None]) -> None:
    """See to it that the rows are those of the files whose digests the manifest will name.

    Raises:
        VqaDataError: A file was changed, or is gone.
    """
    for file, then, now in zip(files, before, _states(files), strict=True):
        if _version(then) != _version(now):
            raise VqaDataError(
                str(file), "changed while it was read", "a file that stays",
                "Run the same command again when nobody changes it.",
            )  # fmt: skip


def _version(state: os.stat_result | None) -> tuple[int, int] | None:
    return None if state is None else (state.st_size, state.st_mtime_ns)


def _inputs(files: list[Path]) -> list[InputEntry]:
    names = ledger_names(files)
    for file in map(here, files):
        if not file.is_file():
            found = "a folder" if file.is_dir() else "no such file"
            raise VqaDataError(str(file), found, "a file to read", "Check the path.")
    return [
        InputEntry(file=names[file], bytes=file.stat().st_size, sha256=file_digest(file))
        for file in files
    ]
