"""Shards in S3, read by a real client over loopback, whatever the server does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import VqaFiles
from tests.s3_server import S3Server
from vqadata import OutputOptions, convert, load, open_shards, verify
from vqadata.errors import ShardError
from vqadata.shards.read_options import ReadOptions
from vqadata.sources.coco_vqa import CocoVqa


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Server]:
    """A bucket with some 2 MB in several shards."""
    files = VqaFiles(tmp_path / "raw", questions=40, pictures=20).padded(100_000)
    monkeypatch.setattr("vqadata.converting.assembly.BATCH_BYTES", 300_000)
    convert(CocoVqa(**files.write()), tmp_path / "buckets/data/vqa", OutputOptions(shard_mb=1))
    with S3Server(tmp_path / "buckets") as server:
        yield server.known_to(monkeypatch)


def options(folder: Path) -> ReadOptions:
    return ReadOptions(cache_dir=folder / "cache", backoff_seconds=0.001, retries=30)


def test_shards_in_s3_are_those_of_the_disk(server: S3Server, tmp_path: Path) -> None:
    here = open_shards(tmp_path / "buckets/data/vqa")
    there = open_shards("s3://data/vqa", options(tmp_path))
    assert there.digest == here.digest
    assert [b.to_pylist() for b in there.batches()] == [b.to_pylist() for b in here.batches()]
    assert verify("s3://data/vqa").problems == []


def test_a_bad_connection_costs_time_and_no_row(server: S3Server, tmp_path: Path) -> None:
    server.faults, server.latency = {"error": 0.2, "short": 0.2}, 0.002
    there = load("s3://data/vqa", reading=options(tmp_path), batch_size=7, shuffle="two-level")
    rows = [(row["row"], bytes(row["images"][0])) for batch in there for row in batch]
    here = load(tmp_path / "buckets/data/vqa", batch_size=7, shuffle="two-level")
    assert rows == [(row["row"], bytes(row["images"][0])) for batch in here for row in batch]
    assert server.count["error"] > 0
    assert server.count["short"] > 0


def test_what_is_not_there_is_told(server: S3Server) -> None:
    with pytest.raises(ShardError, match=r"s3://data/other: no manifest\.json"):
        open_shards("s3://data/other")
    assert server.count["PUT"] == 0
