"""Reads files of a store: whole, checked by their length, many at a time, with patience."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from vqadata.errors import VqaDataError
from vqadata.shards.read_options import ReadOptions
from vqadata.stores.address import Address
from vqadata.stores.file_system import StoreError, file_system, patiently

AT_ONCE = 16
"""Reads that are on their way at a time."""

PIECE = 8 << 20
"""Bytes of a large file that are read at a time."""

_AGAIN = "Run the same command again when the store answers."

Item = TypeVar("Item")
Result = TypeVar("Result")


class Stored(NamedTuple):
    """A file of a store, as it was listed."""

    address: Address
    size: int
    version: str
    """What the store says that changes with the file: a tag or a time; empty if nothing."""


def read_stored(stored: Stored) -> bytes:
    """The bytes of a file.

    Raises:
        VqaDataError: It is not there any more, or is another one; or the store keeps failing.
    """

    def read(files: Any, path: str) -> bytes:
        data = bytes(files.cat_file(path))
        if len(data) != stored.size:
            raise OSError(f"{len(data):,} bytes, {stored.size:,} when it was listed")
        return data

    return asked(stored.address, read)


def copy_stored(stored: Stored, target: Path) -> None:
    """Copy a file to this disk, some pieces at a time.

    Raises:
        VqaDataError: As in :func:`read_stored`; or the disk is full.
    """

    def piece(start: int) -> bytes:
        stop = min(start + PIECE, stored.size)
        return asked(stored.address, lambda files, path: _range(files, path, start, stop))

    partial = target.with_name(f"{target.name}.{os.getpid()}")
    before = asked(stored.address, _state)
    try:
        with partial.open("wb") as file:
            for data in ahead(range(0, stored.size, PIECE), piece):
                file.write(data)
        if (found := asked(stored.address, _state)) != before or found[0] != stored.size:
            raise VqaDataError(
                str(stored.address), "changed while it was read", "a file that stays", _AGAIN
            )
        partial.replace(target)
    except OSError as error:
        found_here = f"cannot be copied to {target.parent}: {error.strerror}"
        remedy = "Make room, or choose another --scratch."
        raise VqaDataError(str(stored.address), found_here, "", remedy) from None
    finally:
        partial.unlink(missing_ok=True)


def ahead(items: Iterable[Item], work: Callable[[Item], Result]) -> Iterator[Result]:
    """The outcome of ``work`` for each item in order, while threads work on those behind it."""
    coming: deque[Future[Result]] = deque()
    pool = ThreadPoolExecutor(AT_ONCE, "vqadata-store")
    try:
        for item in items:
            coming.append(pool.submit(work, item))
            if len(coming) > AT_ONCE:
                yield coming.popleft().result()
        while coming:
            yield coming.popleft().result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def asked(address: Address, question: Callable[[Any, str], Result]) -> Result:
    """What a store answers to a question about one of its files or folders.

    Raises:
        VqaDataError: There is no such thing, or the store keeps failing.
    """
    try:
        files, root = _reached(address.store, os.getpid())
        path = f"{root}/{address.key}".rstrip("/")
        return patiently(str(address), lambda: question(files, path), ReadOptions())
    except FileNotFoundError:
        raise VqaDataError(
            str(address), "no such file any more", "what was there when it was listed", _AGAIN
        ) from None
    except StoreError as error:
        raise VqaDataError(
            str(address), f"cannot be read: {error}", "a store that answers", _AGAIN
        ) from None


@lru_cache(maxsize=64)
def _reached(store: str, process: int) -> tuple[Any, str]:  # noqa: ARG001 - no socket is inherited
    files, root = file_system(store)
    return files, root.rstrip("/")


def _range(files: Any, path: str, start: int, stop: int) -> bytes:
    """Some bytes; a body that broke off is tried again."""
    data = bytes(files.cat_file(path, start=start, end=stop))
    if len(data) != stop - start:
        raise OSError(f"{len(data):,} bytes of {stop - start:,}")
    return data


def version_of(entry: dict[str, Any]) -> str:
    """What an entry of a list says that changes with the file."""
    names = ("ETag", "etag", "LastModified", "last_modified", "mtime", "updated", "created")
    return next((str(entry[name]) for name in names if entry.get(name)), "")


def _state(files: Any, path: str) -> tuple[int, str]:
    files.invalidate_cache()
    entry = files.info(path)
    return entry["size"], version_of(entry)
