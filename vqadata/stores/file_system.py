"""File systems behind URLs, and patience with them.

They are those of fsspec: ``s3://``, ``gs://``, ``https://``, ``memory://``, ``file://`` and more.
For ``s3://`` the client in pyarrow does where ``s3fs`` is not installed.
"""

from __future__ import annotations

import logging
import random
import re
import time
from collections.abc import Callable
from pathlib import Path
from shutil import copyfileobj
from typing import Any, TypeVar

from vqadata.errors import MissingExtraError, VqaDataError
from vqadata.shards.read_options import ReadOptions

MOST_WAIT = 30.0
"""Seconds of the longest wait between two tries."""

HOPELESS = (FileNotFoundError, PermissionError, IsADirectoryError, NotImplementedError, TypeError)
"""Errors that another try does not mend."""

REFUSALS = ("ACCESS_DENIED", "AccessDenied", "INVALID_ACCESS_KEY_ID", "SIGNATURE_DOES_NOT_MATCH",
            "ExpiredToken")  # fmt: skip
"""Words of such errors in the client of pyarrow, which has no exception for them."""

PIECE = 8 << 20
"""Bytes that are read at a time of a file that is sent."""

Result = TypeVar("Result")

_SIGNED = re.compile(r"(\w+://[^\s'\"?]+)\?[^\s'\"]+")
"""A URL in a message, whose query may hold a signature."""

log = logging.getLogger(__name__)


class StoreError(Exception):
    """A store kept failing; the message says how."""


def is_url(place: Path | str) -> bool:
    """Whether a place is named by a URL."""
    return "://" in str(place)


def file_system(url: str) -> tuple[Any, str]:
    """The file system of a URL, with fsspec's methods, and the path of the URL in it.

    Raises:
        VqaDataError: The URL is of a kind that is not known, its library is not installed, or the
            store is not there.
    """
    try:
        import fsspec
    except ImportError:
        raise MissingExtraError(url, "remote", "fsspec") from None
    try:
        return fsspec.core.url_to_fs(url)  # type: ignore[no-any-return]
    except ImportError as error:
        if url.startswith("s3://"):
            return _arrow_files(url)
        raise VqaDataError(url, str(error), "", "Install the package that it names.") from None
    except ValueError as error:
        raise VqaDataError(url, str(error), "a URL that fsspec knows", "Check the URL.") from None


def _arrow_files(url: str) -> tuple[_ArrowFiles, str]:
    from pyarrow.fs import FileSystem

    # A client would take the name apart as a URI, which has no spaces and means others by %41.
    place, mark, options = url.partition("?")
    bucket, _, key = place.removeprefix("s3://").partition("/")
    try:
        files, root = FileSystem.from_uri(f"s3://{bucket}{mark}{options}")
    except (OSError, ValueError) as error:  # it asks the store in which region a bucket is
        raise VqaDataError(
            unsigned(url), f"cannot be reached: {unsigned(str(error))}", "a bucket that is there",
            "Check its name, the network, AWS_REGION and AWS_ENDPOINT_URL.",
        ) from None  # fmt: skip
    return _ArrowFiles(files), f"{root}/{key}".rstrip("/")


class _ArrowFiles:
    """S3 by the client in pyarrow, where s3fs is not installed; both read the usual variables."""

    def __init__(self, files: Any) -> None:
        self._files = files

    def cat_file(self, path: str, start: int | None = None, end: int | None = None) -> bytes:
        """Some bytes of a file, or all; as in fsspec."""
        with self._files.open_input_file(path) as file:
            if start is None or end is None:
                return bytes(file.read())
            return bytes(file.read_at(end - start, start))

    def put_file(self, here: str, path: str) -> None:
        """Send a file."""
        with Path(here).open("rb") as source, self._files.open_output_stream(path) as file:
            copyfileobj(source, file, PIECE)

    def pipe_file(self, path: str, data: bytes) -> None:
        """Write the bytes of a file."""
        with self._files.open_output_stream(path) as file:
            file.write(data)

    def rm_file(self, path: str) -> None:
        """Remove a file."""
        self._files.delete_file(path)

    def info(self, path: str) -> dict[str, Any]:
        """What is known of a file."""
        (found,) = self._files.get_file_info([path])
        if not found.is_file:
            raise FileNotFoundError(path)
        return _entry(found)

    def ls(self, root: str, detail: bool) -> list[dict[str, Any]]:  # noqa: ARG002
        """The files and the folders right in a folder."""
        from pyarrow.fs import FileSelector

        return [
            _entry(each)
            for each in self._files.get_file_info(FileSelector(root, allow_not_found=True))
        ]

    def find(self, root: str, detail: bool) -> dict[str, dict[str, Any]]:  # noqa: ARG002
        """The files under a folder, with their sizes."""
        from pyarrow.fs import FileSelector, FileType

        chosen = FileSelector(root, allow_not_found=True, recursive=True)
        found = self._files.get_file_info(chosen)
        return {each.path: _entry(each) for each in found if each.type == FileType.File}

    def invalidate_cache(self) -> None:
        """Nothing: it keeps no lists."""


def _entry(found: Any) -> dict[str, Any]:
    """What the client in pyarrow says of a file, in the words of fsspec."""
    kind = "file" if found.is_file else "directory"
    return {"name": found.path, "size": found.size, "type": kind, "mtime": found.mtime_ns}


class Patience:
    """How often and how long to wait for a store that fails."""

    def __init__(self, options: ReadOptions) -> None:
        """Begin with all tries left."""
        self._left = options.retries
        self._seconds = options.backoff_seconds

    def wait(self, problem: str) -> bool:
        """Wait before another try; whether there is to be one."""
        if not self._left:
            return False
        self._left -= 1
        log.debug("%s; tried again in %.1f s", problem, self._seconds)
        # Uneven, so that many readers do not come back at the same moment.
        time.sleep(self._seconds * random.uniform(0.5, 1))  # noqa: S311 - no secret
        self._seconds = min(2 * self._seconds, MOST_WAIT)
        return True


def patiently(where: str, work: Callable[[], Result], options: ReadOptions) -> Result:
    """What ``work`` gives, which asks a store; tried again while it fails.

    Args:
        where: What to call the place.
        work: Asks the store.
        options: How often and how long to wait.

    Raises:
        FileNotFoundError: There is no such thing.
        StoreError: It kept failing.
    """
    patience = Patience(options)
    while True:
        try:
            return work()
        except FileNotFoundError:
            raise
        except Exception as error:  # noqa: BLE001 - each kind of store has errors of its own
            problem = unsigned(str(error) or type(error).__name__)
            if is_hopeless(error) or not patience.wait(f"{where}: {problem}"):
                raise StoreError(problem) from None


def is_hopeless(error: Exception) -> bool:
    """Whether another try cannot mend an error of a store."""
    return isinstance(error, HOPELESS) or any(words in str(error) for words in REFUSALS)


def unsigned(text: str) -> str:
    """A text without the queries of its URLs, which may hold a signature or a key."""
    return _SIGNED.sub(r"\1", text)
