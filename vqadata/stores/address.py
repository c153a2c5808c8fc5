"""Addresses in stores, written as paths: ``s3://bucket/raw`` is ``Path("s3:/bucket/raw")``.

An option that names a file or a folder is a path, and a path makes one slash of two. So a relative
path whose first part is a scheme, with a colon, is an address; a folder here that is called so is
named with its whole path.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import NamedTuple
from urllib.parse import unquote

from vqadata.errors import VqaDataError

_URL = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]+):/(?P<host>[^/]+)/?(?P<key>.*)", re.DOTALL)

_HTTP = ("http", "https")

PARTS_LIMIT = 255
"""Bytes that a part of a name may have here."""


class Address(NamedTuple):
    """Where something lies in a store."""

    scheme: str
    host: str
    """The bucket, or what else stands behind ``://``."""
    key: str
    """Name in it, with slashes; empty for the whole."""

    def __str__(self) -> str:
        """The URL."""
        return f"{self.store}/{self.key}".rstrip("/")

    @property
    def store(self) -> str:
        """The URL of the whole."""
        return f"{self.scheme}://{self.host}"

    @property
    def path(self) -> Path:
        """The path that stands for it."""
        return Path(f"{self.scheme}:", self.host, self.key)

    @property
    def parent(self) -> Address:
        """The folder that it lies in."""
        return self._replace(key=split_name(self.key)[0])

    def below(self, name: str) -> Address:
        """Something in this folder."""
        return self._replace(key=f"{self.key}/{name}".lstrip("/"))


def address_of(path: Path) -> Address | None:
    """The address for which a path stands; ``None`` for a path of this machine.

    >>> str(address_of(Path("s3://bucket/raw/q.json")))
    's3://bucket/raw/q.json'
    >>> address_of(Path("raw/q.json"))

    Raises:
        VqaDataError: It holds a password or ``..``, or is of a kind that cannot be listed.
    """
    found = _URL.fullmatch(path.as_posix())
    if found is None or found["scheme"] == "file":
        return None
    scheme, host = found["scheme"], found["host"]
    user, at, rest = host.rpartition("@")
    if ":" in user:
        raise VqaDataError(
            f"{scheme}://...{at}{rest}", "a password in a URL", "one without",
            "Give it to the library of the store, by its variables or its file.",
        )  # fmt: skip
    if scheme in _HTTP:
        raise VqaDataError(
            f"{scheme}://{host}", "a web server, which lists no files", "a store such as s3://",
            "Download the files first.",
        )  # fmt: skip
    if not is_tame(f"{host}/{found['key']}".rstrip("/")):
        raise VqaDataError(f"{scheme}://{host}", f"a name {found['key']!r}", "one without ..")
    return Address(scheme, host, found["key"])


def local_path(path: Path) -> Path:
    """The path of this machine for which ``file://`` stands; others as they are.

    >>> local_path(Path("file:///data/q.json")).as_posix()
    '/data/q.json'
    """
    found = _URL.fullmatch(path.as_posix())
    if found is None or found["scheme"] != "file":
        return path
    return Path("/", unquote(found["host"]), unquote(found["key"]))


def is_tame(name: str) -> bool:
    """Whether a name from a store can be one of this machine, below the folder of its store."""
    parts = name.split("/")
    return all(
        part not in ("", ".", "..") and "\0" not in part and len(part.encode()) <= PARTS_LIMIT
        for part in parts
    )


def shown(path: Path) -> str:
    """A path for people: a URL, if it stands for one."""
    address = address_of(path)
    return str(path) if address is None else str(address)


def split_name(key: str) -> tuple[str, str]:
    """Folder and last part of a name."""
    path = PurePosixPath(key)
    folder = path.parent.as_posix()
    return ("" if folder == "." else folder), path.name
