"""Shards behind any URL of fsspec: ``s3://``, ``https://``, ``memory://``, ``file://`` and more.

The unit of transfer is a record batch, or the text segment of one: a range of bytes that the
manifest names and whose digest it knows. So the bytes are checked when they arrive, whatever the
store did to them: an error, a short answer and a wrong one are all tried again, with growing waits.
What was fetched lies in a bounded cache on disk, from where it is mapped like a local shard.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from vqadata.errors import ShardError
from vqadata.groundwork.digests import bytes_digest
from vqadata.shards.cache import BatchCache, default_cache
from vqadata.shards.manifest import MANIFEST, BatchEntry, FileEntry, ShardEntry, check_file
from vqadata.shards.message import MessageError, Segments, checked_rows
from vqadata.shards.read_options import ReadOptions
from vqadata.shards.scan import Fault, parts_of
from vqadata.shards.store import LocalStore
from vqadata.stores.file_system import HOPELESS, Patience, file_system, is_hopeless, is_url

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger(__name__)


class RemoteStore:
    """A folder of shards behind a URL.

    Args:
        url: The folder.
        options: Cache, read-ahead and retries.

    Raises:
        VqaDataError: The URL is of a kind that is not known, or its library is not installed.
    """

    def __init__(self, url: str, options: ReadOptions) -> None:
        """Connect to nothing yet."""
        self.where = url.rstrip("/")
        self._options = options
        folder = options.cache_dir or default_cache()
        self._cache = BatchCache(folder, options.cache_mb << 20)
        self._checked: dict[str, pa.Buffer] = {}
        self._local: _Connection | None = None

    def manifest(self) -> bytes:
        """The bytes of the manifest."""
        try:
            return self._fetch_whole(MANIFEST, lambda data: data.endswith(b"}\n"))
        except FileNotFoundError:
            raise ShardError(
                self.where, "no manifest.json", "a folder written by vqadata convert or clean",
                "Check the URL.",
            ) from None  # fmt: skip

    def path(self, name: str) -> str:
        """The URL of one of its files."""
        return f"{self.where}/{name}"

    def missing(self, shard: ShardEntry) -> MessageError | None:  # noqa: ARG002
        """Nothing: a look at each file would cost a request each."""
        return None

    def batch(self, shard: ShardEntry, number: int, pictures: bool) -> pa.RecordBatch:
        """The rows of one batch, from the cache or the network."""
        entry, name = shard.batches[number], cache_name(shard.batches[number], pictures)
        message = self._cache.find(name)
        if message is not None:
            try:
                return self._rows(name, message, entry, pictures)
            except MessageError:
                log.debug("%s: damaged in the cache; fetched anew", name)
                self._cache.forget(name)
        waiting = self._connection.coming.pop(name, None)
        data = waiting.result() if waiting else self._fetch_batch(shard, entry, pictures)
        message = self._cache.find(name)
        return self._rows(name, data if message is None else message, entry, pictures)

    def prefetch(self, shard: ShardEntry, number: int, pictures: bool) -> None:
        """Begin to fetch a batch in another thread."""
        entry = shard.batches[number]
        name = cache_name(entry, pictures)
        if self._cache.find(name) is not None:
            return
        connection = self._connection
        if name not in connection.coming and connection.room():
            fetched = connection.threads.submit(self._fetch_batch, shard, entry, pictures)
            connection.coming[name] = fetched

    def around_pictures(self, shard: ShardEntry, number: int) -> pa.RecordBatch:
        """The rows of one batch, checked whole."""
        return self.batch(shard, number, True)

    def release(self, shard: ShardEntry, number: int) -> None:
        """Nothing: the cache decides what stays mapped."""

    def file(self, entry: FileEntry) -> Path:
        """A local copy of another file."""
        path = (self._options.cache_dir or default_cache()) / "files" / entry.sha256
        if not path.exists():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            partial = path.with_name(f"{path.name}.{os.getpid()}")
            try:
                partial.write_bytes(
                    self._fetch_whole(
                        entry.file, lambda data: hashlib.sha256(data).hexdigest() == entry.sha256
                    )
                )
                partial.replace(path)
            except FileNotFoundError:
                raise ShardError(
                    self.path(entry.file), "no such file", "a file of the manifest"
                ) from None
            finally:
                partial.unlink(missing_ok=True)
        try:
            check_file(path, entry)
        except ShardError:
            path.unlink()  # Damaged in the cache.
            return self.file(entry)
        return path

    def faults(self, shard: ShardEntry, sha256: bool) -> list[Fault]:
        """Compare each byte of a shard with the manifest; nothing is taken from the cache."""
        url, whole, found = self._connection.inside(shard.file), hashlib.sha256(), []
        try:
            for part in parts_of(shard):
                patience, faults = Patience(self._options), None
                while faults is None or (faults and patience.wait(str(faults[0]))):
                    data = self._fetch_range(url, part.offset, part.length, shard.bytes, patience)
                    faults = part.faults(shard.file, bytes_digest(data))
                whole.update(data if sha256 else b"")
                found += faults
        except FileNotFoundError:
            return [Fault(shard.file, None, "missing")]
        except MessageError as bad:
            return [*found, Fault(shard.file, None, str(bad))]
        if sha256 and not found and whole.hexdigest() != shard.sha256:
            found = [Fault(shard.file, None, f"sha256 {whole.hexdigest()}, not {shard.sha256}")]
        return found

    def __getstate__(self) -> dict[str, object]:
        """Travel to worker processes without connections."""
        return self.__dict__ | {"_local": None, "_checked": {}}

    @property
    def _connection(self) -> _Connection:
        """The connection of this process: threads and sockets do not outlive a fork."""
        if self._local is None or self._local.process != os.getpid():
            self._local = _Connection(self.where, self._options.read_ahead)
            self._checked = {}
        return self._local

    def _rows(
        self, name: str, message: pa.Buffer, entry: BatchEntry, pictures: bool
    ) -> pa.RecordBatch:
        """The rows of fetched bytes, which are checked when they are first mapped."""
        new = self._checked.get(name) is not message
        if message.size != (entry.length if pictures else entry.text_length):
            raise MessageError(f"{message.size:,} bytes in the cache", f"{entry.length:,}")
        whole = message if pictures else _padded(message, entry.length)
        rows = checked_rows(whole, entry, Segments(new, new and pictures))
        self._checked[name] = message
        return rows

    def _fetch_batch(self, shard: ShardEntry, entry: BatchEntry, pictures: bool) -> pa.Buffer:
        """Fetch the bytes of a batch until they are those of the manifest; keep them in the cache.

        Raises:
            MessageError: They never were.
        """
        import pyarrow as pa

        size = entry.length if pictures else entry.text_length
        url, patience = self._connection.inside(shard.file), Patience(self._options)
        while True:
            try:
                data = self._fetch_range(url, entry.offset, size, shard.bytes, patience)
                message = pa.py_buffer(data)
                whole = message if pictures else _padded(message, entry.length)
                checked_rows(whole, entry, Segments(text=True, pictures=pictures))
            except FileNotFoundError:
                raise MessageError("no such file", "a shard of the manifest") from None
            except MessageError as bad:
                if not patience.wait(f"{url}: {bad}"):
                    raise
            else:
                self._cache.put(cache_name(entry, pictures), data)
                return message

    def _fetch_range(
        self, url: str, start: int, size: int, whole: int, patience: Patience
    ) -> bytes:
        """Some bytes of a file; a short answer is completed.

        Raises:
            MessageError: There are not so many, or the store keeps failing.
        """
        data = b""
        while len(data) < size:
            try:
                begin = start + len(data)
                more = self._connection.files.cat_file(url, start=begin, end=start + size)
            except HOPELESS as error:
                raise _hopeless(error) from None
            except Exception as error:  # noqa: BLE001 - each kind of store has errors of its own
                if is_hopeless(error) or not patience.wait(
                    f"{url}: {error or type(error).__name__}"
                ):
                    raise MessageError(f"cannot be read: {error}", "its bytes") from None
                continue
            if len(more) == whole > size - len(data):
                more = more[begin : start + size]  # A server that knows no ranges sends the file.
            if not more and not patience.wait(f"{url}: an empty answer"):
                raise MessageError(f"it ends at byte {begin:,}", f"{whole:,} bytes")
            data += more[: size - len(data)]
        return data

    def _fetch_whole(self, name: str, is_whole: Callable[[bytes], bool]) -> bytes:
        """A whole file of unknown size."""
        url, patience = self._connection.inside(name), Patience(self._options)
        while True:
            try:
                data: bytes = self._connection.files.cat_file(url)
                if is_whole(data):
                    return data
                problem = f"{len(data):,} bytes that are not the whole file"
            except FileNotFoundError:
                raise
            except Exception as error:  # noqa: BLE001 - each kind of store has errors of its own
                problem = str(error) or type(error).__name__
            if not patience.wait(f"{url}: {problem}"):
                raise ShardError(self.path(name), f"cannot be read: {problem}") from None


class _Connection:
    """What belongs to one process: the file system, threads, and what they are fetching."""

    def __init__(self, url: str, read_ahead: int) -> None:
        self.process = os.getpid()
        self.files, self._root = file_system(url)
        self.threads = ThreadPoolExecutor(max(read_ahead, 1), "vqadata-read-ahead")
        self.coming: dict[str, Future[pa.Buffer]] = {}
        self._most_coming = 2 * max(read_ahead, 1)

    def room(self) -> bool:
        """Whether more may be fetched; what came and was not asked for makes room."""
        oldest = next(iter(self.coming), None)
        if len(self.coming) >= self._most_coming and oldest and self.coming[oldest].done():
            del self.coming[oldest]
        return len(self.coming) < self._most_coming

    def inside(self, name: str) -> str:
        return f"{self._root.rstrip('/')}/{name}"


def store_at(place: Path | str, options: ReadOptions | None = None) -> LocalStore | RemoteStore:
    """The store at a path or a URL.

    Raises:
        VqaDataError: The URL is of a kind that is not known, or its library is not installed.
    """
    if is_url(place):
        return RemoteStore(str(place), options or ReadOptions())
    return LocalStore(Path(place))


def cache_name(entry: BatchEntry, pictures: bool) -> str:
    """The name of a batch in the cache: the digests of its bytes."""
    return f"{entry.text_xxh3}-{entry.pictures_xxh3}" if pictures else entry.text_xxh3


def _hopeless(error: Exception) -> Exception:
    if isinstance(error, FileNotFoundError):
        return error
    return MessageError(f"cannot be read: {error or type(error).__name__}", "its bytes")


def _padded(text: pa.Buffer, length: int) -> pa.Buffer:
    """A text segment in a message of full length, whose other pages take no memory."""
    import mmap

    import pyarrow as pa

    whole = mmap.mmap(-1, length)
    whole[: text.size] = memoryview(text)
    return pa.py_buffer(whole)
