"""Data sets that are written to a URL: the bytes of the disk, whole or not taken for whole."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import VqaFiles
from tests.s3_server import S3Server
from vqadata import OutputOptions, clean, convert, merge, open_shards, repack, split, verify
from vqadata.cleaning.examination import ExaminationOptions
from vqadata.errors import VqaDataError
from vqadata.ledger import select_entries
from vqadata.shards.destination import MARK, Destination
from vqadata.shards.folder import _is_ours
from vqadata.shards.manifest import MANIFEST
from vqadata.shards.read_options import ReadOptions
from vqadata.sources.coco_vqa import CocoVqa
from vqadata.stores.file_system import StoreError, patiently


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CocoVqa:
    """Some 2 MB of pictures, for several shards; the cache is in the folder of the test."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    files = VqaFiles(tmp_path / "raw", questions=40, pictures=20).padded(100_000)
    monkeypatch.setattr("vqadata.converting.assembly.BATCH_BYTES", 300_000)
    return CocoVqa(**files.write())


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Server]:
    """An empty bucket."""
    (tmp_path / "buckets/data").mkdir(parents=True)
    with S3Server(tmp_path / "buckets") as server:
        yield server.known_to(monkeypatch)


SMALL = OutputOptions(shard_mb=1)
AGAIN = OutputOptions(shard_mb=1, overwrite=True)


def tree(folder: Path) -> dict[str, bytes]:
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()
    }


def test_s3_gets_the_bytes_of_the_disk_and_the_manifest_last(
    source: CocoVqa, server: S3Server, tmp_path: Path
) -> None:
    convert(source, tmp_path / "here", SMALL)
    manifest = convert(source, "s3://data/deep/vqa", SMALL)
    assert len(manifest.shards) == 2
    assert tree(tmp_path / "buckets/data/deep/vqa") == tree(tmp_path / "here")
    assert (server.stored[:2], server.stored[-1]) == ([MARK, MARK], MANIFEST)
    assert verify("s3://data/deep/vqa").problems == []
    assert not list((tmp_path / "cache/vqadata/outgoing").iterdir())


def test_a_list_that_is_behind_is_asked_again(
    source: CocoVqa, server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes, asked = Destination._sizes, list[int]()

    def behind(self: Destination) -> dict[str, int]:
        found = sizes(self)
        asked.append(len(found))
        return {} if len(asked) in (3, 4) else found  # right after all was sent

    monkeypatch.setattr(Destination, "_sizes", behind)
    convert(source, tmp_path / "here", SMALL)
    convert(source, "s3://data/vqa", SMALL)
    assert tree(tmp_path / "buckets/data/vqa") == tree(tmp_path / "here")
    assert len(asked) == 5


def test_a_name_in_a_store_is_taken_as_it_is(
    source: CocoVqa, server: S3Server, tmp_path: Path
) -> None:
    convert(source, tmp_path / "here", SMALL)
    convert(source, "s3://data/a b+c%41é#1", SMALL)
    assert tree(tmp_path / "buckets/data/a b+c%41é#1") == tree(tmp_path / "here")
    assert verify("s3://data/a b+c%41é#1").problems == []


def test_who_is_refused_does_not_ask_again() -> None:
    asked: list[str] = []

    def refused() -> None:
        asked.append("HEAD")
        raise OSError("AWS Error ACCESS_DENIED during HeadObject operation: No response body.")

    with pytest.raises(StoreError, match="ACCESS_DENIED"):
        patiently("s3://data/a", refused, ReadOptions())
    assert asked == ["HEAD"]


def test_a_bad_connection_costs_time_alone(
    source: CocoVqa, server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "vqadata.shards.destination.ReadOptions",
        lambda: ReadOptions(retries=30, backoff_seconds=0.001),
    )
    convert(source, tmp_path / "here", SMALL)
    server.faults, server.latency = {"error": 0.2, "short": 0.1, "silent": 0.1}, 0.002
    convert(source, "s3://data/vqa", SMALL)
    assert tree(tmp_path / "buckets/data/vqa") == tree(tmp_path / "here")
    assert server.count["error"] > 0
    assert server.count["silent"] > 0


@pytest.mark.parametrize("workers", [0, 2])
def test_a_cleaning_over_a_bad_connection_is_that_of_the_disk(
    workers: int, source: CocoVqa, server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    patient = partial(ReadOptions, retries=30, backoff_seconds=0.001)
    monkeypatch.setattr("vqadata.shards.destination.ReadOptions", patient)
    monkeypatch.setattr("vqadata.shards.reader.ReadOptions", patient)
    convert(source, "s3://data/vqa", SMALL)
    examination = ExaminationOptions(workers=workers, worker_kind="threads", no_cache=True)
    clean(tmp_path / "buckets/data/vqa", tmp_path / "here", examination=examination)
    server.faults, server.latency = {"error": 0.2, "short": 0.2, "silent": 0.1}, 0.002
    clean("s3://data/vqa", "s3://data/clean", examination=examination)
    assert tree(tmp_path / "buckets/data/clean") == tree(tmp_path / "here")
    assert all(server.count[fault] > 0 for fault in server.faults)


@pytest.mark.parametrize("place", ["memory://sent/vqa", "file://{}/there/vqa"])
def test_all_that_write_shards_write_to_urls(source: CocoVqa, tmp_path: Path, place: str) -> None:
    url, here = place.format(tmp_path), tmp_path / "here"
    convert(source, f"{url}/raw", SMALL)
    convert(source, here / "raw", SMALL)
    steps: dict[str, Callable[..., object]] = {
        "clean": clean,
        "parts": partial(split, parts={"train": 0.5, "val": 0.5}),
        "small": partial(repack, options=OutputOptions(shard_mb=2)),
        "both": lambda shards, out: merge([shards, here / "small"], out),
    }
    for name, step in steps.items():
        for place in (here, url):
            step(f"{place}/raw", out=f"{place}/{name}")
        assert open_shards(f"{url}/{name}").digest == open_shards(here / name).digest
        assert verify(f"{url}/{name}").problems == []
    there, here_ = select_entries(f"{url}/clean"), select_entries(here / "clean")
    assert list(there) == list(here_)


def test_what_is_finished_or_foreign_is_refused(source: CocoVqa, tmp_path: Path) -> None:
    url = f"file://{tmp_path}/there"
    convert(source, url, SMALL)
    with pytest.raises(VqaDataError, match="a finished data set; expected an empty place"):
        convert(source, url)
    with pytest.raises(VqaDataError, match="is an input"):
        repack(url, f"{url}/", AGAIN)
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign/thesis.tex").touch()
    with pytest.raises(VqaDataError, match="files that are no data set"):
        convert(source, f"file://{tmp_path}/foreign", AGAIN)


def test_a_place_that_cannot_be_written_is_told_before_the_work(source: CocoVqa) -> None:
    for url, said in (("http://127.0.0.1:9/vqa", "cannot be written"), ("nowhere://x", "nowhere")):
        with pytest.raises(VqaDataError, match=said) as told:
            convert(source, url)
        assert len(str(told.value).splitlines()) == 1


def test_an_older_data_set_is_replaced_in_full(source: CocoVqa, tmp_path: Path) -> None:
    url, there = f"file://{tmp_path}/there", tmp_path / "there"
    convert(source, url, SMALL)
    convert(source, url, OutputOptions(shard_mb=64, overwrite=True))
    convert(source, tmp_path / "here", OutputOptions(shard_mb=64))
    assert tree(there) == tree(tmp_path / "here")


def test_a_run_that_failed_leaves_nothing_on_either_side(source: CocoVqa, tmp_path: Path) -> None:
    source.questions[0].write_text('{"questions": [')
    with pytest.raises(VqaDataError):
        convert(source, f"file://{tmp_path}/there")
    assert tree(tmp_path / "there") == {}
    assert not list((tmp_path / "cache/vqadata/outgoing").iterdir())


class _StoppedError(Exception):
    """As a signal would end a run: no layer of ours expects it."""


def _stopped_at(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stop a run at one of the files that it sends."""
    calls = iter(range(1000))
    whole = Destination._send

    def send(self: Destination, folder: Path, name: str) -> None:
        if next(calls) == number:
            raise _StoppedError
        whole(self, folder, name)

    monkeypatch.setattr(Destination, "_send", send)


@pytest.mark.parametrize("number", [0, 1, 2])
@pytest.mark.parametrize("older", [False, True])
def test_a_run_that_was_stopped_goes_on(
    source: CocoVqa, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, older: bool
) -> None:
    url, there = f"file://{tmp_path}/there", tmp_path / "there"
    if older:
        convert(source, url, OutputOptions(shard_mb=64))
    monkeypatch.setattr("vqadata.shards.destination.AT_ONCE", 1)
    with monkeypatch.context() as stopped:
        _stopped_at(number, stopped)
        with pytest.raises(_StoppedError):
            convert(source, url, AGAIN)
    assert not (there / MANIFEST).exists()
    assert (there / MARK).exists()
    whole = {path.name for path in there.iterdir()}
    assert len(whole) > number
    sent: list[str] = []
    monkeypatch.setattr(Destination, "_send", _noting(Destination._send, sent))
    convert(source, url, SMALL)
    convert(source, tmp_path / "here", SMALL)
    assert tree(there) == tree(tmp_path / "here")
    assert sent
    assert not whole & set(sent)


def _noting(send: Any, sent: list[str]) -> Any:
    def noted(self: Destination, folder: Path, name: str) -> None:
        sent.append(name)
        send(self, folder, name)

    return noted


def test_files_of_another_run_are_not_taken_for_ours(
    source: CocoVqa, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A shard of the same size but of other data lies there, sent by a run that was stopped."""
    url, there = f"file://{tmp_path}/there", tmp_path / "there"
    convert(source, tmp_path / "here", SMALL)
    there.mkdir()
    for path in (tmp_path / "here").glob("*.arrow"):
        (there / path.name).write_bytes(bytes(path.stat().st_size))
    (there / MARK).write_text("another manifest")
    convert(source, url, SMALL)
    assert tree(there) == tree(tmp_path / "here")


def test_a_shard_that_was_cut_off_is_sent_again(source: CocoVqa, tmp_path: Path) -> None:
    url, there = f"file://{tmp_path}/there", tmp_path / "there"
    convert(source, tmp_path / "here", SMALL)
    Destination(url).send(tmp_path / "here", _is_ours)
    (there / MARK).write_text(open_shards(there).digest)
    (there / MANIFEST).unlink()
    cut = next(there.glob("*.arrow"))
    cut.write_bytes(cut.read_bytes()[:1000])
    convert(source, url, SMALL)
    assert tree(there) == tree(tmp_path / "here")


KILLED = """
import os, sys
from vqadata import OutputOptions, convert
from vqadata.shards.destination import Destination
from vqadata.sources.coco_vqa import CocoVqa

send, left = Destination._send, int(sys.argv[1])

def killed(self, folder, name):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), 9)
    send(self, folder, name)

Destination._send = killed
source = CocoVqa.model_validate_json(sys.argv[2])
convert(source, sys.argv[3], OutputOptions(shard_mb=1))
"""


def test_a_killed_run_leaves_nothing_that_looks_complete(
    source: CocoVqa, server: S3Server, tmp_path: Path
) -> None:
    """By SIGKILL, in the middle of what is sent to S3; the next run keeps what it made."""
    words = [sys.executable, "-c", KILLED, "1", source.model_dump_json(), "s3://data/vqa"]
    assert subprocess.run(words, check=False).returncode == -9
    with pytest.raises(VqaDataError, match=r"no manifest\.json"):
        open_shards("s3://data/vqa")
    convert(source, tmp_path / "here", SMALL)
    convert(source, "s3://data/vqa", SMALL)
    assert tree(tmp_path / "buckets/data/vqa") == tree(tmp_path / "here")
