"""Input in stores of objects: a conversion makes of it what it makes of the same files here."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest

from tests.contract import FIXTURES, build_source, fixture_of
from vqadata import convert, sources
from vqadata.discover import find, names
from vqadata.engine.hiring import EngineOptions
from vqadata.steps import Source


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache/vqadata"


@pytest.fixture
def memory() -> Iterator[Any]:
    files = fsspec.filesystem("memory")
    yield files
    files.store.clear()
    files.pseudo_dirs[:] = [""]


def tree(folder: Path) -> dict[str, bytes]:
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()
    }


def in_store(folder: Path, url: str, value: Any) -> Any:
    """The value with paths that are there in a folder as addresses."""
    if isinstance(value, list):
        return [in_store(folder, url, item) for item in value]
    there = isinstance(value, str) and (folder / value).exists()
    return f"{url}/{value}" if there else value


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("name", names(sources))
def test_each_source_reads_a_store_as_it_reads_a_disk(
    name: str, workers: int, memory: Any, tmp_path: Path, cache: Path
) -> None:
    folder = fixture_of(name)
    url = f"memory://{folder.relative_to(FIXTURES.parent).as_posix()}"
    for file in filter(Path.is_file, folder.rglob("*")):
        memory.pipe_file(f"{url}/{file.relative_to(folder).as_posix()}", file.read_bytes())
    options = json.loads((folder / "options.json").read_text())
    kind = find(sources, Source, name)
    there = kind.model_validate({k: in_store(folder, url, v) for k, v in options.items()})
    crew = EngineOptions(workers=workers, worker_kind="threads")
    convert(build_source(name), tmp_path / "here", engine=crew)
    convert(there, tmp_path / "there", engine=crew)
    assert tree(tmp_path / "there") == tree(tmp_path / "here")
    assert not list(cache.glob("incoming/*"))
