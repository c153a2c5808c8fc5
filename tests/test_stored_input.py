"""Input in stores of objects: a conversion makes of it what it makes of the same files here."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest

from tests.conftest import encoded
from tests.contract import FIXTURES, build_source, fixture_of
from vqadata import convert, open_shards, sources
from vqadata.discover import find, names
from vqadata.engine.hiring import EngineOptions
from vqadata.errors import VqaDataError
from vqadata.sources.messages import Messages
from vqadata.steps import Source
from vqadata.stores.address import address_of
from vqadata.stores.file_system import file_system
from vqadata.stores.incoming import arriving


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


NAMED = [
    *(f"d{n}/same.jpg" for n in range(6)), "deep/er/one.jpg", "one", "elsewhere/er/one.jpg",
    "same.jpg", "/home/ann/d3/same.jpg", "twice.jpg", " d2/same.jpg ",
    "COCO_val2014_000000000042.jpg", "s3://bucket/d4/same.jpg", "d1", "", "./d5//same.jpg",
    "x" * 300 + ".jpg",
]  # fmt: skip
"""Names by which records may mean pictures, each rule and some that lead nowhere."""


@pytest.mark.parametrize("is_large", [False, True])
@pytest.mark.parametrize("given", [True, False])
def test_a_name_means_in_a_store_what_it_means_on_a_disk(
    given: bool, is_large: bool, memory: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether the root is given or that of the file, and whether its folders are listed whole."""
    if is_large:
        monkeypatch.setattr("vqadata.images.resolve.FOLDERS", 3)
        monkeypatch.setattr("vqadata.images.resolve.LISTED", 1)
        monkeypatch.setattr("vqadata.stores.listing.LISTED", 1)
    pictures = [f"d{n}/same.jpg" for n in range(6)] + [
        "deep/er/one.jpg", "images/000000000042.jpg", "images/a/twice.jpg", "images/b/twice.jpg",
        "two.png",
    ]  # fmt: skip
    raw = tmp_path / "raw"
    for number, name in enumerate(pictures):
        (raw / name).parent.mkdir(parents=True, exist_ok=True)
        (raw / name).write_bytes(encoded("navy", (16 + number % 9, 12)))
    rows = [
        {"messages": [{"role": "user", "content": "<image>What?"},
                      {"role": "assistant", "content": "This."}], "images": [name]}
        for name in NAMED
    ]  # fmt: skip
    (raw / "rows.json").write_text(json.dumps(rows))
    for file in filter(Path.is_file, raw.rglob("*")):
        memory.pipe_file(f"memory://raw/{file.relative_to(raw).as_posix()}", file.read_bytes())
    for place, out in ((str(raw), "here"), ("memory://raw", "there")):
        roots = [place] if given else []
        convert(Messages(data=f"{place}/rows.json", image_root=roots), tmp_path / out)
    assert tree(tmp_path / "there") == tree(tmp_path / "here")
    assert open_shards(tmp_path / "here").manifest.pictures >= 7


def test_a_folder_on_the_disk_may_be_given_as_a_url(tmp_path: Path) -> None:
    folder = fixture_of("easy-vqa")
    options = json.loads((folder / "options.json").read_text())
    kind = find(sources, Source, "easy-vqa")
    there = {k: in_store(folder, f"file://{folder}", v) for k, v in options.items()}
    convert(kind.model_validate(there), tmp_path / "there")
    convert(build_source("easy-vqa"), tmp_path / "here")
    assert tree(tmp_path / "there") == tree(tmp_path / "here")


def test_names_of_a_store_lead_to_no_other_place_of_the_disk(memory: Any, tmp_path: Path) -> None:
    """Names in a store are any bytes: one with ``..`` is no file of a folder that is read."""
    memory.store["/raw/../../evil.json"] = fsspec.implementations.memory.MemoryFile(data=b"[]")
    memory.pipe_file("memory://raw/rows.json", b"[]")
    with arriving("out", tmp_path / "rooms") as incoming:
        standing = incoming.path(Path("memory://raw"))
        assert [path.name for path in standing.rglob("*")] == ["rows.json"]
        assert not list(tmp_path.rglob("evil.json"))


@pytest.mark.parametrize("url", ["s3://data/../x.json", "s3://../x.json", "memory://a/b/../../c"])
def test_an_address_has_no_way_up(url: str) -> None:
    with pytest.raises(VqaDataError, match="expected one without"):
        address_of(Path(url))


def test_a_bucket_that_is_not_there_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def needs_s3fs(url: str) -> None:
        raise ImportError("Install s3fs")

    class Unreached:
        @staticmethod
        def from_uri(url: str) -> None:
            raise OSError(f"resolving {url} failed")

    monkeypatch.setattr(fsspec.core, "url_to_fs", needs_s3fs)
    monkeypatch.setattr("pyarrow.fs.FileSystem", Unreached)
    with pytest.raises(VqaDataError) as caught:
        file_system("s3://nowhere/raw?access_key=KEY&secret_key=SECRET")
    assert str(caught.value).startswith(
        "s3://nowhere/raw: cannot be reached: resolving s3://nowhere failed; expected"
    )
