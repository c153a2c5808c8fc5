"""Input files as bytes: plain or gzip whatever the extension, with a name that the ledger uses."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

from vqadata.errors import VqaDataError

GZIP_MAGIC = b"\x1f\x8b"
UTF8_MARK = b"\xef\xbb\xbf"


def read_input(path: Path) -> bytes:
    """Read a whole file, unpacked if it is gzip, without a byte-order mark.

    Raises:
        VqaDataError: The file is not there, cannot be read, or is damaged gzip.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise VqaDataError(str(path), "no such file", "", "Check the path.") from None
    except IsADirectoryError:
        raise VqaDataError(str(path), "a folder", "a file", "Name the file inside it.") from None
    except OSError as error:
        raise VqaDataError(str(path), f"cannot be read: {error.strerror}") from None
    if data.startswith(GZIP_MAGIC):
        data = _unpacked(path, data)
    return data.removeprefix(UTF8_MARK)


def _unpacked(path: Path, data: bytes) -> bytes:
    try:
        return gzip.decompress(data)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise VqaDataError(
            str(path), f"damaged gzip: {error}", "a whole gzip file", "Download it again."
        ) from None


def ledger_names(paths: list[Path]) -> dict[Path, str]:
    """Short names for input files: the file name, with as many folders as make it unique.

    >>> ledger_names([Path("a/train.json"), Path("b/train.json"), Path("b/x.json")])
    {PosixPath('a/train.json'): 'a/train.json', PosixPath('b/train.json'): 'b/train.json', \
PosixPath('b/x.json'): 'x.json'}
    """
    names = {}
    for path in paths:
        depth = 1
        others = [other for other in paths if other != path]
        while depth < len(path.parts) and any(
            _tail(o, depth) == _tail(path, depth) for o in others
        ):
            depth += 1
        names[path] = _tail(path, depth)
    return names


def _tail(path: Path, depth: int) -> str:
    return Path(*path.parts[-depth:]).as_posix().lstrip("/")
