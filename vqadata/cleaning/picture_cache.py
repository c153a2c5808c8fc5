"""What is known of pictures from earlier runs: one receipt a chunk and cleaner, in a folder.

A receipt holds what a cleaner said of the pictures of a chunk, and its tally of them. It is written
beside its place and renamed, so that it is whole or not there; its digest is checked when it is
read. It is found by content alone: pictures, options, versions, code.
"""

from __future__ import annotations

import importlib.metadata
import json
import logging
import os
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from vqadata.groundwork.digests import bytes_digest, code_digest
from vqadata.groundwork.sealed import sealed_files, unsealed, write_sealed
from vqadata.steps import Cleaner

if TYPE_CHECKING:
    import pyarrow as pa

PACKAGES = ("numpy", "pillow", "simplejpeg")
"""What decodes and counts; another version may see other pixels."""

_TALLY = b"tally"

log = logging.getLogger(__name__)


class Receipt(NamedTuple):
    """What one cleaner said of one chunk."""

    facts: pa.RecordBatch
    """``digest`` and the cleaner's columns, a row a picture, in the order of the chunk."""
    tally: bytes | None


class PictureCache:
    """Keeps receipts in a folder; without one it keeps nothing.

    Args:
        folder: Where; made when the first receipt is kept.
    """

    def __init__(self, folder: Path | None) -> None:
        """Look at nothing yet."""
        self.folder = folder
        self._keys: dict[str, str] = {}
        self._indexes: dict[Path, dict[bytes, tuple[Path, int]]] = {}

    def find(self, cleaner: Cleaner, key: str) -> Receipt | None:
        """The receipt of a chunk; ``None`` if there is none, or it is damaged."""
        if self.folder is None:
            return None
        return _read(self._path(cleaner, key))

    def recall(self, cleaner: Cleaner, digests: Iterable[str]) -> dict[str, dict[str, Any]]:
        """What a cleaner said of some pictures in whatever chunk, by digest.

        So pictures stay known when others come or go between them. What has been kept since this
        was first asked is not seen.
        """
        if self.folder is None:
            return {}
        folder = self._path(cleaner, "key").parent
        if folder not in self._indexes:
            self._indexes[folder] = dict(_index(folder))
        index, found = self._indexes[folder], {}
        for digest in digests:
            path, row = index.get(bytes.fromhex(digest), (None, 0))
            if path is not None and (receipt := _read_again(path)) is not None:
                found[digest] = receipt.facts.slice(row, 1).to_pylist()[0]
        return found

    def keep(self, cleaner: Cleaner, key: str, receipt: Receipt) -> None:
        """Write a receipt. Where that fails the run goes on without, and says so once."""
        if self.folder is None:
            return
        path = self._path(cleaner, key)
        try:
            write_sealed(path, _packed(receipt))
        except OSError as error:
            log.warning("%s: %s; going on without a cache", self.folder, error.strerror)
            self.folder = None

    def _path(self, cleaner: Cleaner, key: str) -> Path:
        name, options = cleaner.step_name(), cleaner.model_dump_json()
        if name + options not in self._keys:
            self._keys[name + options] = cleaner_key(cleaner)
        return Path(self.folder or "", name, self._keys[name + options], key)


def _index(folder: Path) -> Iterator[tuple[bytes, tuple[Path, int]]]:
    """The pictures of all receipts in a folder, each with its receipt and its row there."""
    for path in sealed_files(folder):
        if (receipt := _read(path)) is not None:
            for row, digest in enumerate(receipt.facts["digest"].to_pylist()):
                yield bytes.fromhex(digest), (path, row)


def _read(path: Path) -> Receipt | None:
    try:
        return _unpacked(path.read_bytes())
    except OSError:
        return None


@lru_cache(maxsize=8)
def _read_again(path: Path) -> Receipt | None:
    """A receipt of which several pictures are asked for, one after the other."""
    return _read(path)


def default_folder() -> Path:
    """The cache in the user's own folder of caches (XDG base directory specification)."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "vqadata" / "pictures"


def cleaner_key(cleaner: Cleaner) -> str:
    """Names everything beside the pictures on which the facts of a cleaner depend."""
    options = cleaner.model_dump(mode="json", exclude=set(cleaner.judging))
    return rules_key(options, cleaner.engines())


def rules_key(*rules: object) -> str:
    """Names some rules, the code that follows them, and what decodes and counts for it."""
    parts = [*rules, code_digest(), _versions()]
    return bytes_digest(json.dumps(parts, sort_keys=True).encode())


def _versions() -> dict[str, str]:
    return {package: importlib.metadata.version(package) for package in PACKAGES}


def _packed(receipt: Receipt) -> bytes:
    import pyarrow as pa

    metadata = {} if receipt.tally is None else {_TALLY: receipt.tally}
    schema = receipt.facts.schema.with_metadata(metadata)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema) as writer:
        writer.write_batch(receipt.facts.replace_schema_metadata(metadata))
    data: bytes = sink.getvalue().to_pybytes()
    return data


def _unpacked(data: bytes) -> Receipt | None:
    import pyarrow as pa

    if (content := unsealed(data)) is None:
        return None
    facts = pa.ipc.open_stream(pa.py_buffer(content)).read_next_batch()
    tally = (facts.schema.metadata or {}).get(_TALLY)
    return Receipt(facts.replace_schema_metadata(None), tally)
