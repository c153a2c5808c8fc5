"""Input files, read once from front to back: plain, packed or in wide characters.

Also the names that the ledger uses for them.
"""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO, Protocol, Self

from vqadata.errors import VqaDataError
from vqadata.reading.packed import opened
from vqadata.stores.incoming import here


class Readable(Protocol):
    """What :class:`InputFile` and files of Python have in common."""

    def read(self, size: int, /) -> bytes:
        """The next bytes, fewer than ``size`` only at the end."""


class InputFile:
    """An input file that is open: unpacked, in UTF-8, without a byte-order mark.

    A packed file that is damaged or truncated gives the bytes before the damage, then it ends, and
    :attr:`damage` says why. See :mod:`vqadata.reading.packed`.
    """

    def __init__(self, path: Path) -> None:
        """Open it.

        Raises:
            VqaDataError: The file is not there, cannot be read, or is an archive of several files.
        """
        self._file = _opened(path)
        self.offset = 0
        """Bytes that were read so far, of the text in UTF-8."""
        try:
            self._source, self.packing = opened(self._file, path)
        except VqaDataError:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        """Use the file as a context, which closes it."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self._file.close()

    @property
    def damage(self) -> str | None:
        """What is wrong with the packed file, as far as it was read: "damaged gzip: ..."."""
        return self._source.damage

    def read(self, size: int, /) -> bytes:
        """The next bytes, fewer than ``size`` only at the end."""
        data = self._source.read(size)
        self.offset += len(data)
        return data

    def skip(self, count: int) -> None:
        """Pass over some bytes."""
        while count and (data := self.read(min(count, 1 << 20))):
            count -= len(data)


def read_input(path: Path) -> bytes:
    """Read a whole file; only for those that are known to be small.

    Raises:
        VqaDataError: The file is not there, cannot be read, or is damaged.
    """
    with InputFile(path) as file:
        data = b"".join(iter(lambda: file.read(1 << 20), b""))
        if file.damage is not None:
            raise VqaDataError(str(path), file.damage, "a whole file", "Download it again.")
        return data


def _opened(path: Path) -> BinaryIO:
    try:
        return here(path).open("rb")
    except FileNotFoundError:
        raise VqaDataError(str(path), "no such file", "", "Check the path.") from None
    except IsADirectoryError:
        raise VqaDataError(str(path), "a folder", "a file", "Name the file inside it.") from None
    except OSError as error:
        raise VqaDataError(str(path), f"cannot be read: {error.strerror}") from None


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
