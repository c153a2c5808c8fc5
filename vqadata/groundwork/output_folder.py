"""The life of an output folder: written in a hidden subfolder, then moved out, one file last.

At every moment the folder either lacks that last file (the manifest of shards, the receipt of an
export), and then nobody takes it for finished, or it is complete. What is being replaced stays as
it is until the new is whole.
"""

from __future__ import annotations

import errno
import logging
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from vqadata.errors import VqaDataError
from vqadata.groundwork.folder_lock import LOCK, folder_lock

UNFINISHED = ".unfinished"
"""The hidden subfolder, by which the next run recognises an unfinished one."""

log = logging.getLogger(__name__)


class FolderKind(NamedTuple):
    """What an output folder is when it is finished."""

    last_file: str
    """The file that is written last."""
    noun: str
    """What a person calls it: ``data set``, ``export``."""
    remove_ours: Callable[[Path], None]
    """Removes what a former run has written into the folder, the last file first."""
    saved: Callable[[Path], str] | None = None
    """Says what of an unfinished folder the next run can use; empty if nothing."""


class Leftover(NamedTuple):
    """What an unfinished run has left for the next one."""

    keep: frozenset[str]
    """Names of what stays in the hidden subfolder."""
    said: str
    """What a person is told."""


NOTHING = Leftover(frozenset(), "removing it and starting clean")


@contextmanager
def staged_folder(
    folder: Path, overwrite: bool, kind: FolderKind, resume: Callable[[], Leftover] | None = None
) -> Iterator[Path]:
    """Prepare ``folder``, give the subfolder to write in, and take it away in the end.

    Args:
        folder: The output folder. What an unfinished run left in it is removed, and said.
        overwrite: Replace a finished folder.
        kind: What it will be.
        resume: Looks at the subfolder of an unfinished run and says what of it is kept.

    Raises:
        VqaDataError: The folder is finished and ``overwrite`` is not set, or holds other files; or
            another run is writing there, or the disk is full, or may not be written.
    """
    existed = folder.exists()
    with writing(folder):
        _check_free(folder, overwrite, kind)
        try:
            with folder_lock(folder):
                _check_free(folder, overwrite, kind)  # Another run may just have ended.
                yield from _staged(folder, existed, kind, resume)
        except BaseException:
            if not existed:
                with suppress(OSError):
                    folder.rmdir()
            raise
        sync_folder(folder)


def _staged(
    folder: Path, existed: bool, kind: FolderKind, resume: Callable[[], Leftover] | None
) -> Iterator[Path]:
    staging = folder / UNFINISHED
    if staging.exists():
        left = resume() if resume else NOTHING
        log.warning("%s: found an unfinished run; %s", folder, left.said)
        if not (folder / kind.last_file).exists():
            kind.remove_ours(folder)
        _remove_all_but(left.keep, staging)
    staging.mkdir(exist_ok=True)
    try:
        yield staging
    except BaseException as error:
        saved = kind.saved(staging) if kind.saved else ""
        if isinstance(error, KeyboardInterrupt) and saved:
            log.warning("%s: %s; the same command goes on from there", folder, saved)
            raise
        shutil.rmtree(staging, ignore_errors=True)
        if not existed:
            kind.remove_ours(folder)
        raise
    shutil.rmtree(staging)


def _remove_all_but(names: frozenset[str], folder: Path) -> None:
    for path in folder.iterdir():
        if path.name not in names:
            shutil.rmtree(path) if path.is_dir() else path.unlink()


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Say it in one line where ``folder`` cannot be written.

    Raises:
        VqaDataError: The disk is full, or may not be written.
    """
    try:
        yield
    except OSError as error:
        own = error.filename and folder in Path(os.fsdecode(error.filename)).parents
        if error.errno not in _NO_SPACE and not (error.errno in _NO_RIGHT and own):
            raise
        found = f"cannot be written: {os.strerror(error.errno).lower()}"
        if error.errno in _NO_SPACE[:2]:
            found += (
                f", {_free(folder) >> 20:,} MB are free after the unfinished output was removed"
            )
        raise VqaDataError(
            str(folder), found, "a place that can be written",
            "Make room or choose another output, then run the same command again.",
        ) from None  # fmt: skip


_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG)
"""Errors that only writing can cause; the first two are of a full disk."""

_NO_RIGHT = (errno.EACCES, errno.EPERM, errno.EIO)


def _free(folder: Path) -> int:
    """Bytes that are free where ``folder`` lies, or would lie."""
    place = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    return shutil.disk_usage(place).free


def sync_folder(folder: Path) -> None:
    """Make renames in ``folder``, or the bytes of a file, durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_tree(folder: Path) -> None:
    """See to it that all files under ``folder`` are on disk, with their names."""
    for path in folder.rglob("*"):
        sync_folder(path)
    sync_folder(folder)


def write_durably(path: Path, text: str) -> None:
    """Write a file atomically: a temporary file, fsync, rename, fsync of the folder."""
    partial = path.with_name(f"{path.name}.partial")
    try:
        with partial.open("w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def _check_free(folder: Path, overwrite: bool, kind: FolderKind) -> None:
    """See to it that the folder may be written."""
    if not folder.exists():
        return
    where = str(folder)
    if not folder.is_dir():
        raise VqaDataError(where, "a file", "a folder to write", "Choose another output.")
    if (folder / kind.last_file).exists():
        if not overwrite:
            raise VqaDataError(
                where, f"a finished {kind.noun}", "an empty folder",
                "Add --overwrite to replace it, or choose another output.",
            )  # fmt: skip
    elif any(path.name != LOCK for path in folder.iterdir()) and not (folder / UNFINISHED).exists():
        raise VqaDataError(
            where, f"files that are no {kind.noun}", "an empty folder", "Choose another output."
        )
