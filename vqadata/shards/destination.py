"""A finished folder on its way to a URL, the manifest last.

The folder is made on this disk in full and then sent, file by file. So all that holds for a local
folder holds here: the same bytes, a run that goes on where it was killed. Until the manifest comes,
the place has a small file by which the next run recognises it (:data:`MARK`), with the digest of
the manifest; files of that data set which came whole are not sent again. A store puts a file there
whole or not at all, so its size tells which.

What a store cannot do is to keep two runs out of one place: that is up to who starts them.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from vqadata.errors import VqaDataError
from vqadata.groundwork.folder_lock import folder_lock
from vqadata.groundwork.output_folder import UNFINISHED
from vqadata.groundwork.progress import Progress
from vqadata.shards.cache import default_cache
from vqadata.shards.manifest import MANIFEST, Manifest, read_manifest
from vqadata.shards.read_options import ReadOptions
from vqadata.stores.file_system import Patience, StoreError, file_system, patiently

MARK = UNFINISHED
"""The file that says that a place is being written, or was when the run was killed."""

AT_ONCE = 4
"""Files that are sent at a time."""

Result = TypeVar("Result")


class Destination:
    """A folder behind a URL that is to be written.

    Args:
        url: The folder.
        options: How often and how long to wait for a store that fails.

    Raises:
        VqaDataError: The URL is of a kind that is not known, or its library is not installed.
    """

    def __init__(self, url: str, options: ReadOptions | None = None) -> None:
        """Ask nothing yet."""
        self._url = url.rstrip("/")
        self._options = options or ReadOptions()
        self._files, root = file_system(self._url)
        self._root = root.rstrip("/")

    def check(self, overwrite: bool) -> None:
        """See to it that the place may be written, by the rule for local folders.

        It is tried with a small file, so that hours of work do not end at a missing right.

        Raises:
            VqaDataError: It holds a finished data set and ``overwrite`` is not set, or other files;
                or it cannot be written.
        """
        names = self._sizes()
        if MANIFEST in names and not overwrite:
            raise VqaDataError(
                self._url, "a finished data set", "an empty place",
                "Add --overwrite to replace it, or choose another output.",
            )  # fmt: skip
        if names and not {MANIFEST, MARK} & set(names):
            raise VqaDataError(
                self._url, "files that are no data set", "an empty place", "Choose another output."
            )
        if MARK not in names:
            self._write(MARK, b"")
            self._remove(MARK)

    def send(self, folder: Path, is_ours: Callable[[str], bool]) -> None:
        """Send a finished folder; what an earlier run has sent of it stays.

        Args:
            folder: The folder.
            is_ours: Whether a file of that name is part of a data set: of an older one it goes.

        Raises:
            VqaDataError: The store keeps failing; what was sent is not sent again.
        """
        manifest, digest = read_manifest(folder)
        there = self._sizes()
        if MANIFEST in there:
            self._remove(MANIFEST)  # First, so that nobody reads the rest.
        if MARK not in there or self._read(MARK) != digest.encode():
            self._write(MARK, digest.encode())
            for name in filter(is_ours, there.keys() - {MANIFEST}):
                self._remove(name)
            there = {}
        wanted = _wanted(manifest)
        missing = {name: size for name, size in wanted.items() if there.get(name) != size}
        self._send_all(folder, missing)
        self._see(wanted)
        self._write(MANIFEST, (folder / MANIFEST).read_bytes())
        self._remove(MARK)

    def _see(self, wanted: dict[str, int]) -> None:
        """See to it that all files came; the list of a store may be some moments behind.

        Raises:
            VqaDataError: One did not, or has another size.
        """
        patience = Patience(self._options)
        while True:
            there = self._sizes()
            wrong = [name for name, size in wanted.items() if there.get(name) != size]
            if not wrong:
                return
            where, size = f"{self._url}/{wrong[0]}", there.get(wrong[0])
            found = "no such file" if size is None else f"{size:,} bytes"
            if not patience.wait(f"{where}: {found} after it was sent"):
                raise VqaDataError(
                    where, f"{found} after it was sent", f"{wanted[wrong[0]]:,} bytes", _AGAIN
                )

    def _send_all(self, folder: Path, sizes: dict[str, int]) -> None:
        total = sum(sizes.values()) >> 20
        with ThreadPoolExecutor(AT_ONCE) as pool, Progress("megabytes sent", total) as progress:
            sent = [(size, pool.submit(self._send, folder, name)) for name, size in sizes.items()]
            done = 0
            for size, sending in sent:
                try:
                    sending.result()
                except BaseException:
                    pool.shutdown(wait=False, cancel_futures=True)
                    raise
                progress.advance((done + size >> 20) - (done >> 20))
                done += size

    def _send(self, folder: Path, name: str) -> None:
        path = self._inside(name)

        def send() -> None:
            try:
                self._files.put_file(str(folder / name), path)
            except FileNotFoundError:
                # A store with real folders.
                self._files.makedirs(path.rpartition("/")[0], exist_ok=True)
                self._files.put_file(str(folder / name), path)

        self._patiently(name, send)

    def _write(self, name: str, data: bytes) -> None:
        """Write a small file and read it back."""
        path = self._inside(name)

        def write() -> None:
            try:
                self._files.pipe_file(path, data)
            except FileNotFoundError:
                self._files.makedirs(path.rpartition("/")[0], exist_ok=True)
                self._files.pipe_file(path, data)
            if (found := self._files.cat_file(path)) != data:
                raise OSError(f"{len(found):,} other bytes came back than the {len(data):,} sent")

        self._patiently(name, write)

    def _read(self, name: str) -> bytes:
        return self._patiently(name, lambda: bytes(self._files.cat_file(self._inside(name))))

    def _remove(self, name: str) -> None:
        def remove() -> None:
            # Where an answer was lost, the file was removed already.
            with suppress(FileNotFoundError):
                self._files.rm_file(self._inside(name))

        self._patiently(name, remove)

    def _sizes(self) -> dict[str, int]:
        """The files of the place with their sizes."""

        def ask() -> dict[str, int]:
            self._files.invalidate_cache()
            try:
                found = self._files.find(self._root, detail=True)
            except FileNotFoundError:
                return {}
            begin = len(self._root) + 1
            return {path[begin:]: entry["size"] for path, entry in found.items() if path[begin:]}

        return self._patiently("", ask)

    def _patiently(self, name: str, work: Callable[[], Result]) -> Result:
        where = f"{self._url}/{name}".rstrip("/")
        try:
            return patiently(where, work, self._options)
        except (FileNotFoundError, StoreError) as error:
            raise VqaDataError(
                where, f"cannot be written: {error}", "a place that can be written", _AGAIN
            ) from None

    def _inside(self, name: str) -> str:
        return f"{self._root}/{name}"


_AGAIN = "Run the same command again; what was sent is not sent again."


@contextmanager
def outgoing(url: str, scratch: Path | None, is_ours: Callable[[str], bool]) -> Iterator[Path]:
    """A local folder to make a data set in, which is then sent to a URL and removed.

    Args:
        url: Where it goes.
        scratch: In which folder to make it; by default beside the cache of what is read.
        is_ours: See :meth:`Destination.send`.

    Yields:
        The folder; the same one for the same URL, so that a run which was killed goes on.
    """
    rooms = scratch or default_cache().parent / "outgoing"
    room = rooms / hashlib.sha256(url.rstrip("/").encode()).hexdigest()[:16]
    try:
        with folder_lock(room):
            yield room / "shards"
            Destination(url).send(room / "shards", is_ours)
            shutil.rmtree(room / "shards")
    finally:
        with suppress(OSError):
            room.rmdir()  # Unless the next run is to go on from there.


def _wanted(manifest: Manifest) -> dict[str, int]:
    """All files that a manifest promises, with their sizes."""
    others = (manifest.ledger, *manifest.files)
    sizes = {shard.file: shard.bytes for shard in manifest.shards}
    return sizes | {entry.file: entry.bytes for entry in others}
