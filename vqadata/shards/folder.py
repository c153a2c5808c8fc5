"""The life of an output folder: begun with a marker, finished with a manifest, or taken away.

At every moment the folder either has no manifest, and then nobody reads it, or it is complete.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vqadata.errors import VqaDataError
from vqadata.ledger import Ledger, write_ledger
from vqadata.shards.manifest import (
    FORMAT_VERSION,
    LEDGER,
    MANIFEST,
    UNFINISHED,
    InputEntry,
    LedgerFile,
    Manifest,
    ShardEntry,
    StepEntry,
    sync_folder,
    write_manifest,
)
from vqadata.shards.writer import file_digest

log = logging.getLogger(__name__)


@contextmanager
def new_folder(folder: Path, overwrite: bool) -> Iterator[Path]:
    """Prepare ``folder`` for writing; take away what was written if the body fails.

    Args:
        folder: The output folder. An unfinished run of ours in it is removed, and said.
        overwrite: Replace a finished folder.

    Raises:
        VqaDataError: The folder is finished and ``overwrite`` is not set, or holds other files.
    """
    existed = folder.exists()
    _clear(folder, overwrite)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / UNFINISHED).touch()
    try:
        yield folder
    except BaseException:
        _remove_ours(folder)
        if not existed:
            shutil.rmtree(folder, ignore_errors=True)
        raise


def finish(
    folder: Path,
    steps: list[StepEntry],
    inputs: list[InputEntry],
    shards: list[ShardEntry],
    ledger: Ledger,
) -> Manifest:
    """Write the ledger, then the manifest, then take the marker away."""
    path = folder / LEDGER
    write_ledger(path, ledger.entries)
    splits: dict[str, int] = {}
    for shard in shards:
        splits[shard.split] = splits.get(shard.split, 0) + shard.questions
    manifest = Manifest(
        format_version=FORMAT_VERSION,
        questions=sum(shard.questions for shard in shards),
        pictures=sum(shard.pictures for shard in shards),
        splits=splits,
        steps=steps,
        inputs=inputs,
        balance=ledger.balance(),
        flags=ledger.flags(),
        shards=shards,
        ledger=LedgerFile(
            file=LEDGER,
            bytes=path.stat().st_size,
            sha256=file_digest(path),
            entries=len(ledger.entries),
        ),
    )
    if not manifest.adds_up:
        raise _unbalanced(folder, manifest)
    write_manifest(folder, manifest)
    (folder / UNFINISHED).unlink()
    sync_folder(folder)
    return manifest


def _unbalanced(folder: Path, manifest: Manifest) -> VqaDataError:
    wrong = next(entry for entry in manifest.balance if not entry.adds_up)
    lost = sum(wrong.dropped.values()) + sum(wrong.quarantined.values())
    return VqaDataError(
        str(folder),
        f"{wrong.file}: {wrong.kept} kept + {lost} dropped or quarantined",
        f"{wrong.seen}, as many as were seen",
        "This is a defect of the source or cleaner: please report it. Nothing was written.",
    )


def _clear(folder: Path, overwrite: bool) -> None:
    """Make room, or say why not."""
    if not folder.exists():
        return
    where = str(folder)
    if not folder.is_dir():
        raise VqaDataError(where, "a file", "a folder to write", "Choose another output.")
    if (folder / MANIFEST).exists():
        if not overwrite:
            raise VqaDataError(
                where, "a finished data set", "an empty folder",
                "Add --overwrite to replace it, or choose another output.",
            )  # fmt: skip
    elif (folder / UNFINISHED).exists():
        log.warning("%s: found an unfinished run; removing it and starting clean", folder)
    elif any(folder.iterdir()):
        raise VqaDataError(
            where, "files that are no data set", "an empty folder", "Choose another output."
        )
    _remove_ours(folder)


def _remove_ours(folder: Path) -> None:
    """Remove what a run writes, the manifest first, so that no moment looks complete."""
    names = [MANIFEST, f"{MANIFEST}.partial", LEDGER]
    paths = [folder / name for name in names]
    paths += [*sorted(folder.glob("*.arrow")), *sorted(folder.glob("*.arrow.partial"))]
    for path in [*paths, folder / UNFINISHED]:
        path.unlink(missing_ok=True)
