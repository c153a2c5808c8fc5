"""Stand-ins: files of stores as paths of this machine, which sources open like any other.

For ``s3://bucket/raw/q.json`` stands ``ROOM/s3/bucket/raw/q.json``. A file that is named is copied
at once. Of a folder the names are there, as empty files, but of pictures; a file is copied when
:func:`here` is asked for it, and nothing else is. So every source reads a store as it reads a disk,
and may seek. Pictures never lie here: they are read when their rows are written.

The room belongs to one output, so a run that was killed finds again what it had copied; it is
removed when the run is done.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from vqadata.errors import VqaDataError
from vqadata.groundwork.folder_lock import folder_lock
from vqadata.shards.cache import default_cache
from vqadata.stores.address import Address, address_of, is_tame, local_path
from vqadata.stores.listing import Listing, is_picture
from vqadata.stores.reading import copy_stored

if TYPE_CHECKING:
    from pydantic import BaseModel

COPIED = ".copied.jsonl"
"""File of a room that lists what was copied whole, with its version."""

Model = TypeVar("Model", bound="BaseModel")

_current: ContextVar[Incoming | None] = ContextVar("incoming", default=None)
"""That of the run."""


class Incoming:
    """The stand-ins of one run.

    Args:
        room: Folder that they lie in, which is made when the first is asked for.
    """

    def __init__(self, room: Path) -> None:
        """Ask nothing yet."""
        self.room = room.absolute()
        self._stores: dict[str, Listing] = {}
        self._copied: dict[str, str] = {}
        self._lock: ExitStack | None = None

    def of(self, model: Model, roots: tuple[str, ...] = ()) -> Model:
        """Options with stand-ins in place of all addresses.

        Args:
            model: The options.
            roots: Names of those that name folders of pictures, of which nothing is copied.

        Raises:
            VqaDataError: There is no such file or folder, or the store keeps failing.
        """
        given = {name: getattr(model, name) for name in type(model).model_fields}
        standing = {name: self._of_value(value, name in roots) for name, value in given.items()}
        return model if standing == given else type(model).model_validate(standing)

    def path(self, path: Path, is_root: bool = False) -> Path:
        """The stand-in of an address; another path as it is."""
        address = address_of(path)
        if address is None:
            return local_path(path)
        self._open()
        standing = self._at(address)
        if is_root:
            if self.listing(address).folder(address.key).is_empty:
                raise VqaDataError(
                    str(address), "no such folder", "a folder of pictures", "Check the URL."
                )
            standing.mkdir(parents=True, exist_ok=True)
        elif self.listing(address).file(address.key) is not None:
            self._show(address.parent)
            self.fetch(standing)
        else:
            self._show_all(address)
        return standing

    def address(self, path: Path) -> Address | None:
        """The address for which a path stands."""
        if not path.is_relative_to(self.room):
            return None
        parts = path.relative_to(self.room).parts
        return Address(parts[0], parts[1], "/".join(parts[2:])) if len(parts) > 1 else None

    def is_file(self, path: Path) -> bool:
        """Whether a file is there, in the store, where a path stands for one."""
        address = self.address(path)
        return address is not None and self.listing(address).file(address.key) is not None

    def listing(self, address: Address) -> Listing:
        """The list of the store of an address."""
        if address.store not in self._stores:
            self._stores[address.store] = Listing(address._replace(key=""), self.room)
        return self._stores[address.store]

    def fetch(self, path: Path) -> None:
        """See to it that a file is where its stand-in is, if there is one in the store."""
        address = self.address(path)
        if address is None or not is_tame(address.key):
            return
        stored = self.listing(address).file(address.key)
        if stored is None:
            return
        name, known = str(address), f"{stored.size} {stored.version}"
        if self._copied.get(name) != known or _size(path) != stored.size:
            _check_space(self.room, stored.size, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            copy_stored(stored, path)
            self._copied[name] = known
            with (self.room / COPIED).open("a", encoding="utf-8") as file:
                file.write(json.dumps([name, known]) + "\n")

    def translated(self, error: VqaDataError) -> VqaDataError:
        """An error in which what stands here is called by its address."""
        parts = (error.where, error.found, error.expected, error.remedy)
        if not any(str(self.room) in part for part in parts):
            return error
        return type(error)(*map(self._translated, parts))

    def close(self, is_done: bool) -> None:
        """Leave the room, and clear it if no run needs it again."""
        self._stores.clear()
        if self._lock is not None:
            if is_done:
                shutil.rmtree(self.room)
            self._lock.close()
        with suppress(OSError):
            self.room.rmdir()

    def _open(self) -> None:
        """Make the room, and see what an earlier run has left in it."""
        if self._lock is None:
            self._lock = ExitStack()
            self._lock.enter_context(folder_lock(self.room))
            with suppress(OSError, ValueError):
                lines = (self.room / COPIED).read_text("utf-8").splitlines()
                copied: dict[str, str] = dict(map(json.loads, lines))
                # What has no version may be another file of that size by now.
                self._copied = {name: known for name, known in copied.items() if known[-1] != " "}

    def _of_value(self, value: Any, is_root: bool) -> Any:
        if isinstance(value, list):
            return [self._of_value(each, is_root) for each in value]
        return self.path(value, is_root) if isinstance(value, Path) else value

    def _at(self, address: Address) -> Path:
        return self.room / address.scheme / address.host / address.key

    def _show(self, folder: Address) -> None:
        """Let the files and folders be seen that lie right in a folder."""
        found = self.listing(folder).folder(folder.key)
        for name in filter(is_tame, sorted(found.others)):
            _touch(self._at(folder.below(name)))
        for name in filter(is_tame, sorted(found.folders)):
            _make(self._at(folder.below(name)))

    def _show_all(self, folder: Address) -> None:
        """Let the files be seen that lie in and below a folder, but pictures."""
        is_empty = True
        for name in self.listing(folder).below(folder.key):
            is_empty = False
            if is_tame(name):
                path = self._at(folder.below(name))
                _make(path.parent) if is_picture(name) else _touch(path)
        if is_empty:
            raise VqaDataError(str(folder), "no such file or folder", "", "Check the URL.")

    def _translated(self, text: str) -> str:
        scheme = re.escape(str(self.room)) + r"/([a-z][a-z0-9+.-]*)/"
        return re.sub(scheme, r"\1://", text)


@contextmanager
def arriving(output: str, scratch: Path | None = None) -> Iterator[Incoming]:
    """A place for stand-ins, as long as a run lasts; inside another it is that one's.

    Args:
        output: Where the run writes: the same command finds the same place again.
        scratch: In which folder to make it; by default beside the cache of what is read.

    Raises:
        VqaDataError: What the run raises; what stands here is called by its address.
    """
    current = _current.get()
    if current is not None:
        yield current
        return
    digest = hashlib.sha256(output.encode("utf-8", "surrogateescape")).hexdigest()
    rooms = scratch or default_cache().parent
    incoming, is_done = Incoming(rooms / "incoming" / digest[:16]), False
    token = _current.set(incoming)
    try:
        yield incoming
        is_done = True
    except VqaDataError as error:
        raise incoming.translated(error) from None
    finally:
        _current.reset(token)
        incoming.close(is_done)


def here(path: Path) -> Path:
    """A file that can be opened: what a path stands for is copied first, if it is not yet."""
    current = _current.get()
    if current is not None:
        current.fetch(path)
    return path


def is_file(path: Path) -> bool:
    """Whether there is a file, here or in the store for which the path stands."""
    current = _current.get()
    return path.is_file() or (current is not None and current.is_file(path))


def origin(path: Path) -> Path:
    """The path that was given: an address, where this one stands for one."""
    current = _current.get()
    address = None if current is None else current.address(path)
    return path if address is None else address.path


def listing_of(address: Address) -> Listing:
    """The list of a store that the run reads.

    Raises:
        LookupError: No run reads.
    """
    current = _current.get()
    if current is None:
        raise LookupError(str(address))
    return current.listing(address)


def _check_space(room: Path, size: int, name: str) -> None:
    free = shutil.disk_usage(room).free
    if size > free:
        raise VqaDataError(
            name, f"{size:,} bytes, and {free:,} are free in {room}", "room for a copy",
            "Choose another --scratch.",
        )  # fmt: skip


def _size(path: Path) -> int | None:
    return path.stat().st_size if path.is_file() else None


def _touch(path: Path) -> None:
    """Let an empty file stand for one, unless a folder has its name, or it is there already."""
    _make(path.parent)
    with suppress(FileExistsError, IsADirectoryError, NotADirectoryError):
        path.touch(exist_ok=True)


def _make(path: Path) -> None:
    """Make a folder, unless a file has its name."""
    with suppress(FileExistsError, NotADirectoryError):
        path.mkdir(parents=True, exist_ok=True)
