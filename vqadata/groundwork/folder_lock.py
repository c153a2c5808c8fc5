"""One run at a time writes into a folder.

The lock is one of the system (``flock``) on a file in the folder, so it ends with the process that
holds it, however that ends; what is written in the file is for people. Where the file system knows
no such locks, there are none.
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from vqadata.errors import VqaDataError

LOCK = ".vqadata-lock"
"""The file that is locked; a killed run leaves it, and it stands in nobody's way."""

_UNKNOWN = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)
"""Errors of file systems without locks."""


@contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Keep other runs out of a folder, which is made if need be.

    Raises:
        VqaDataError: Another run is writing there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    handle = _locked(folder / LOCK)
    try:
        os.truncate(handle, 0)
        os.write(handle, _holder().encode())
        yield
    finally:
        (folder / LOCK).unlink(missing_ok=True)
        os.close(handle)


def _locked(path: Path) -> int:
    """A handle of the file, locked; the file is the one of that name."""
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            who = os.read(handle, 200).decode("utf-8", "replace")
            os.close(handle)
            raise VqaDataError(
                str(path.parent), f"another run is writing here: {who or 'it has just begun'}",
                "one at a time", "Wait until it has ended, or choose another output.",
            ) from None  # fmt: skip
        except OSError as error:
            if error.errno not in _UNKNOWN:
                os.close(handle)
                raise
        if _is_at(handle, path):
            return handle
        os.close(handle)  # The run that held it has ended, and removed it.


def _is_at(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False


def _holder() -> str:
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return f"process {os.getpid()} on {socket.gethostname()}, since {now}"
