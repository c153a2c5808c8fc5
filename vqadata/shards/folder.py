"""The life of an output folder: written in a hidden subfolder, then moved out, the manifest last.

At every moment the folder either has no manifest, and then nobody reads it, or it is complete. A
data set that is being replaced stays as it is until the new one is whole.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vqadata.digests import file_digest
from vqadata.errors import VqaDataError
from vqadata.ledger import Ledger
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

log = logging.getLogger(__name__)


@contextmanager
def new_folder(folder: Path, overwrite: bool) -> Iterator[Path]:
    """Prepare ``folder``, give the subfolder to write in, and take it away in the end.

    Args:
        folder: The output folder. What an unfinished run left in it is removed, and said.
        overwrite: Replace a finished folder.

    Raises:
        VqaDataError: The folder is finished and ``overwrite`` is not set, or holds other files.
    """
    existed = folder.exists()
    _check_free(folder, overwrite)
    staging = folder / UNFINISHED
    if staging.exists():
        log.warning("%s: found an unfinished run; removing it and starting clean", folder)
        if not (folder / MANIFEST).exists():
            _remove_ours(folder)
        shutil.rmtree(staging)
    staging.mkdir(parents=True)
    try:
        yield staging
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        if not existed:
            folder.rmdir()
        raise
    staging.rmdir()
    sync_folder(folder)


def finish(
    staging: Path,
    steps: list[StepEntry],
    inputs: list[InputEntry],
    shards: list[ShardEntry],
    ledger: Ledger,
) -> Manifest:
    """Close the ledger, move everything out of ``staging``, and write the manifest."""
    path = staging / LEDGER
    ledger.close()
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
            entries=ledger.actions(),
        ),
    )
    folder = staging.parent
    if not manifest.adds_up:
        raise _unbalanced(folder, manifest)
    _remove_ours(folder)
    for file in sorted(staging.iterdir()):
        file.rename(folder / file.name)
    write_manifest(folder, manifest)
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


def _check_free(folder: Path, overwrite: bool) -> None:
    """See to it that the folder may be written."""
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
    elif any(folder.iterdir()) and not (folder / UNFINISHED).exists():
        raise VqaDataError(
            where, "files that are no data set", "an empty folder", "Choose another output."
        )


def _remove_ours(folder: Path) -> None:
    """Remove a former data set; the manifest first, so that nobody reads the rest."""
    names = [MANIFEST, f"{MANIFEST}.partial", LEDGER]
    for path in [*(folder / name for name in names), *sorted(folder.glob("*.arrow"))]:
        path.unlink(missing_ok=True)
