"""A bounded folder of batches that came over a network, shared by all processes of a machine.

A file is named by the digests of its bytes, so what is found under a name can be checked, and two
data sets that share batches share their files. When the limit is reached, the files that were not
used for longest go. The size of the whole is kept in a small file under a lock, so that no process
lists the folder for every batch; each eviction counts anew.
"""

from __future__ import annotations

import fcntl
import logging
import mmap
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

SUFFIX = ".batch"
KEPT = 0.9
"""Share of the limit down to which an eviction goes, so that not each new file needs one."""

TOUCH_SECONDS = 1.0
"""How exactly the time is kept at which a file was used last."""

log = logging.getLogger(__name__)

_SAYING = threading.Lock()


def default_cache() -> Path:
    """The user's folder for it: ``$XDG_CACHE_HOME/vqadata/batches``, by default in ``~/.cache``."""
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "vqadata" / "batches"


class BatchCache:
    """A folder of files that never grows beyond a limit.

    Args:
        folder: Where they lie; it is made when the first one comes.
        limit: Most bytes of all files together.
    """

    def __init__(self, folder: Path, limit: int) -> None:
        """Look at nothing yet."""
        self._folder, self._limit = folder, limit
        self._mapped: dict[str, pa.Buffer] = {}
        self._used: dict[str, float] = {}
        self._works = limit > 0

    def find(self, name: str) -> pa.Buffer | None:
        """The bytes of one file, mapped, or ``None`` if it is not there.

        They may be damaged: whoever asks compares them with the digest.
        """
        now = time.monotonic()
        if name in self._mapped and now - self._used[name] < TOUCH_SECONDS:
            return self._mapped[name]
        path = self._path(name)
        try:
            os.utime(path)
            if name not in self._mapped:
                self._mapped[name] = _mapped(path)
            self._used[name] = now
        except (OSError, ValueError):
            self._mapped.pop(name, None)  # Another process has evicted it, or it is empty.
        return self._mapped.get(name)

    def forget(self, name: str) -> None:
        """Remove a file that is damaged."""
        self._mapped.pop(name, None)
        with suppress(OSError), self._locked() as total:
            size = self._path(name).stat().st_size
            self._path(name).unlink()
            total.write(total.read() - size)

    def put(self, name: str, data: bytes) -> None:
        """Keep some bytes, if the limit and the disk allow it; evict what was not used for long."""
        if not self._works or len(data) > self._limit:
            return
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with self._locked() as total:
                if self._path(name).exists():
                    return
                used = total.read() + len(data)
                if used > self._limit:
                    used = self._evict(len(data)) + len(data)
                total.write(used)  # First, so that the limit holds if this process is killed.
                partial = self._path(name).with_suffix(".partial" + SUFFIX)
                try:
                    partial.write_bytes(data)
                    partial.replace(self._path(name))
                finally:
                    partial.unlink(missing_ok=True)
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        """Go on without a cache, and say so once, whichever thread of the read-ahead met it."""
        with _SAYING:
            said, self._works = not self._works, False
        if not said:
            log.warning("%s: %s; going on without a cache", self._folder, error.strerror)

    def _evict(self, wanted: int) -> int:
        """Remove the files that were used longest ago until ``wanted`` bytes fit; what is left."""
        found = []
        for entry in os.scandir(self._folder):
            if entry.name.endswith(SUFFIX):
                status = entry.stat()
                found.append((status.st_mtime_ns, status.st_size, entry.name))
        left = sum(size for _, size, _ in found)
        for _, size, file in sorted(found):
            if left + wanted <= self._limit * KEPT:
                break
            (self._folder / file).unlink(missing_ok=True)
            self._mapped.pop(file.removesuffix(SUFFIX), None)
            left -= size
        return left

    def __getstate__(self) -> dict[str, object]:
        """Travel to worker processes without mapped files."""
        return self.__dict__ | {"_mapped": {}, "_used": {}}

    def _path(self, name: str) -> Path:
        return self._folder / (name + SUFFIX)

    @contextmanager
    def _locked(self) -> Iterator[_Total]:
        """Hold the lock of the folder and the count of its bytes."""
        handle = os.open(self._folder / "total", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield _Total(handle)
        finally:
            os.close(handle)


class _Total:
    """The bytes of all files, in a file that is locked."""

    def __init__(self, handle: int) -> None:
        self._handle = handle

    def read(self) -> int:
        return int.from_bytes(os.pread(self._handle, 8, 0), "little")

    def write(self, total: int) -> None:
        os.pwrite(self._handle, max(total, 0).to_bytes(8, "little"), 0)


def _mapped(path: Path) -> pa.Buffer:
    import pyarrow as pa

    with path.open("rb") as file:
        return pa.py_buffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
