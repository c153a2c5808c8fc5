"""The folder of shards: finished by its manifest, which names and counts all that lies in it."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatch
from functools import partial
from pathlib import Path

from vqadata.errors import VqaDataError
from vqadata.groundwork.digests import file_digest
from vqadata.groundwork.output_folder import (
    NOTHING,
    UNFINISHED,
    FolderKind,
    Leftover,
    staged_folder,
    sync_folder,
    sync_tree,
)
from vqadata.ledger import Ledger
from vqadata.shards.destination import Destination, outgoing
from vqadata.shards.journal import JOURNAL, Journal
from vqadata.shards.manifest import (
    EVIDENCE,
    FINDINGS,
    FORMAT_VERSION,
    LEDGER,
    MANIFEST,
    PARTIAL_MANIFEST,
    PICTURES,
    REPORT,
    FileEntry,
    InputEntry,
    LedgerFile,
    Manifest,
    ShardEntry,
    StepEntry,
    manifest_text,
    read_manifest,
)
from vqadata.stores.file_system import is_url

told = logging.getLogger("vqadata.told")


@contextmanager
def new_folder(
    out: Path | str, overwrite: bool, run: str, scratch: Path | None = None
) -> Iterator[Path]:
    """Prepare a folder for shards; see :func:`vqadata.groundwork.output_folder.staged_folder`.

    Args:
        out: The output folder, or a URL, to which the finished folder is sent. Shards that an
            unfinished run of the same kind has finished are kept, to be compared with the rows of
            this one.
        overwrite: Replace a finished folder.
        run: What is done; see :func:`~vqadata.shards.journal.run_digest`.
        scratch: In which folder to make what goes to a URL.

    Yields:
        The subfolder to write in; a :class:`~vqadata.shards.journal.Journal` of it is begun.

    Raises:
        VqaDataError: The folder is finished and ``overwrite`` is not set, or holds other files; or
            it cannot be written.
    """
    if not is_url(out):
        with _local_folder(Path(out), overwrite, run) as staging:
            yield staging
        _tell(out, _summary(Path(out)))
        return
    Destination(str(out)).check(overwrite)
    with outgoing(str(out), scratch, _is_ours) as folder:
        _reopen(folder, run)
        with _local_folder(folder, overwrite=True, run=run) as staging:
            yield staging
        summary = _summary(folder)
    _tell(out, summary)


@contextmanager
def _local_folder(folder: Path, overwrite: bool, run: str) -> Iterator[Path]:
    with staged_folder(folder, overwrite, SHARD_FOLDER, partial(_resume, folder, run)) as staging:
        Journal(staging).begin(run)
        yield staging


def _reopen(folder: Path, run: str) -> None:
    """Take a folder that was finished but not sent for one that this run has not finished.

    Its shards are kept for their bytes, as always, so they need not come of the same run.
    """
    if (folder / MANIFEST).exists():
        manifest, _ = read_manifest(folder)
        (folder / UNFINISHED).mkdir(exist_ok=True)
        journal = Journal(folder / UNFINISHED)
        journal.begin(run)
        for shard in manifest.shards:
            journal.add(shard)
        (folder / MANIFEST).unlink()


def _resume(folder: Path, run: str) -> Leftover:
    """Keep the finished shards of an unfinished run, if it was the same run."""
    journal = Journal(folder / UNFINISHED)
    if journal.run not in (run, None):
        return NOTHING._replace(said=f"it had other input, options or versions: {NOTHING.said}")
    if not (folder / MANIFEST).exists():
        journal.take_back(folder)
    kept = journal.check()
    if not kept or journal.run is None:
        return NOTHING
    return Leftover(frozenset([JOURNAL, *kept]), f"going on behind {_count(kept)}")


def _saved(staging: Path) -> str:
    kept = Journal(staging).files
    return f"{_count(kept)} kept" if kept else ""


def _count(shards: list[str]) -> str:
    return f"{len(shards):,} finished shard{'' if len(shards) == 1 else 's'}"


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
        files=_files(staging, {LEDGER, *(shard.file for shard in shards)}),
    )
    folder = staging.parent
    if not manifest.adds_up:
        raise _unbalanced(folder, manifest)
    _publish(staging, folder, manifest)
    return manifest


def _tell(out: Path | str, summary: dict[str, object]) -> None:
    """Tell programs that a data set is where it was to go."""
    told.debug("%s is finished", out, extra={"told": {"event": "summary", **summary}})


def _summary(folder: Path) -> dict[str, object]:
    """What became of a run, if anybody wants to know."""
    if not told.isEnabledFor(logging.DEBUG):
        return {}
    manifest, _ = read_manifest(folder)
    return {
        "questions": manifest.questions,
        "pictures": manifest.pictures,
        "splits": manifest.splits,
        "shards": len(manifest.shards),
        "bytes": sum(shard.bytes for shard in manifest.shards),
        "inputs": [entry.model_dump() for entry in manifest.balance],
        "flags": manifest.flags,
    }


def _publish(staging: Path, folder: Path, manifest: Manifest) -> None:
    """Move everything out of ``staging``, the manifest last; from now on only names change."""
    files = sorted(path for path in staging.iterdir() if path.name != JOURNAL)
    written = staging / PARTIAL_MANIFEST
    written.write_bytes(manifest_text(manifest).encode())
    sync_tree(staging)
    _remove_ours(folder)
    for file in files:
        file.rename(folder / file.name)
    # The manifest must not reach the disk before the names of the files that it promises.
    sync_folder(folder)
    written.replace(folder / MANIFEST)
    sync_folder(folder)


def _files(staging: Path, others: set[str]) -> list[FileEntry]:
    """What lies in the folder beside its shards and its ledger, by path."""
    names = {p.relative_to(staging).as_posix(): p for p in staging.rglob("*") if p.is_file()}
    return [
        FileEntry(file=name, bytes=path.stat().st_size, sha256=file_digest(path))
        for name, path in sorted(names.items())
        if name not in others and not name.startswith(f"{JOURNAL}/")
    ]


def _unbalanced(folder: Path, manifest: Manifest) -> VqaDataError:
    wrong = next(entry for entry in manifest.balance if not entry.adds_up)
    lost = sum(wrong.dropped.values()) + sum(wrong.quarantined.values())
    return VqaDataError(
        str(folder),
        f"{wrong.file}: {wrong.kept} kept + {lost} dropped or quarantined",
        f"{wrong.seen}, as many as were seen",
        "This is a defect of the source or cleaner: please report it. Nothing was written.",
    )


def _remove_ours(folder: Path) -> None:
    """Remove a former data set; the manifest first, so that nobody reads the rest."""
    (folder / MANIFEST).unlink(missing_ok=True)
    for path in sorted(folder.iterdir()) if folder.exists() else []:
        if path.name == EVIDENCE:
            shutil.rmtree(path)
        elif _is_ours(path.name):
            path.unlink()


def _is_ours(name: str) -> bool:
    """Whether a file of that name is part of a data set."""
    names = (MANIFEST, PARTIAL_MANIFEST, LEDGER, FINDINGS, PICTURES, REPORT)
    return name in names or fnmatch(name, "*.arrow") or name.startswith(f"{EVIDENCE}/")


SHARD_FOLDER = FolderKind(MANIFEST, "data set", _remove_ours, _saved)
