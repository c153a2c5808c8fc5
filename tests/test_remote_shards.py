"""Shards behind URLs: whatever a store does, rows are the same, and the cache keeps its limit."""

from __future__ import annotations

import logging
import multiprocessing
import pickle
import random
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from tests.conftest import VqaFiles
from vqadata import OutputOptions, convert, open_shards, verify
from vqadata.errors import DamageError, ShardError, VqaDataError
from vqadata.shards.cache import BatchCache
from vqadata.shards.read_options import ReadOptions
from vqadata.shards.reader import Shards
from vqadata.sources.coco_vqa import CocoVqa

MB = 1 << 20


class Flaky(MemoryFileSystem):  # type: ignore[misc]
    """A store that is slow, fails, answers too little, and now and then wrongly."""

    protocol = "flaky"
    cachable = False
    faults = ("error", "short", "empty", "flip", "")
    rate = 0.5
    latency = 0.0
    reads = 0
    chance = random.Random(1)

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return str(super()._strip_protocol(path.replace("flaky:", "memory:")))

    def cat_file(
        self, path: str, start: int | None = None, end: int | None = None, **_: Any
    ) -> bytes:
        type(self).reads += 1
        time.sleep(self.latency)
        data = bytearray(super().cat_file(path, start, end))
        if self.chance.random() > self.rate:
            return bytes(data)
        match self.chance.choice(self.faults):
            case "error":
                raise self.chance.choice([OSError("reset"), TimeoutError(), RuntimeError("503")])
            case "short":
                return bytes(data[: self.chance.randrange(len(data))])
            case "empty":
                return b""
            case "flip" if "manifest" not in path:
                data[self.chance.randrange(len(data))] ^= 4
        return bytes(data)


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Some 3 MB in 3 shards of 10 batches together."""
    folder = tmp_path_factory.mktemp("remote")
    files = VqaFiles(folder / "raw", questions=60, pictures=30).padded(100_000)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("vqadata.converting.assembly.BATCH_BYTES", 300_000)
        convert(CocoVqa(**files.write()), folder / "out", OutputOptions(shard_mb=1))
    yield folder / "out"
    MemoryFileSystem.store.clear()


@pytest.fixture
def flaky(local: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    fsspec.register_implementation("flaky", Flaky, clobber=True)
    store = fsspec.filesystem("memory")
    for path in local.iterdir():
        store.pipe_file(f"/bucket/{path.name}", path.read_bytes())
    monkeypatch.setattr(Flaky, "reads", 0)
    monkeypatch.setattr(Flaky, "chance", random.Random(1))
    return "flaky://bucket"


def options(folder: Path, **more: Any) -> ReadOptions:
    return ReadOptions(cache_dir=folder / "cache", backoff_seconds=0.001, retries=30, **more)


def contents(shards: Shards) -> list[Any]:
    return [batch.to_pylist() for batch in shards.batches()]


def cached(folder: Path) -> int:
    return sum(path.stat().st_size for path in (folder / "cache").glob("*.batch"))


@pytest.mark.parametrize("cache_mb", [0, 1, 100])
@pytest.mark.parametrize("read_ahead", [0, 4])
def test_a_store_that_fails_gives_the_same_rows(
    cache_mb: int, read_ahead: int, local: Path, flaky: str, tmp_path: Path
) -> None:
    shards = open_shards(flaky, options(tmp_path, cache_mb=cache_mb, read_ahead=read_ahead))
    here = open_shards(local)
    assert shards.digest == here.digest
    for _ in range(2):
        assert contents(shards) == contents(here)
        assert cached(tmp_path) <= cache_mb * MB
    assert shards.questions().equals(here.questions())
    rows = random.Random(2).choices(range(30), k=20)
    assert [shards.pictures(row) for row in rows] == [here.pictures(row) for row in rows]
    assert shards.damage == []


def test_a_second_pass_reads_nothing_anew(
    flaky: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Flaky, "rate", 0.0)
    first = contents(open_shards(flaky, options(tmp_path)))
    batches = Flaky.reads - 1  # the manifest
    assert batches == 10
    again = open_shards(flaky, options(tmp_path))
    assert contents(again) == first
    assert Flaky.reads == batches + 2


def test_questions_cost_little(
    local: Path, flaky: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Flaky, "rate", 0.0)
    shards = open_shards(flaky, options(tmp_path))
    assert shards.questions().equals(open_shards(local).questions())
    assert cached(tmp_path) < 0.05 * sum(shard.bytes for shard in shards.manifest.shards)


def test_batches_are_fetched_ahead(
    flaky: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Flaky, "rate", 0.0)
    monkeypatch.setattr(Flaky, "latency", 0.05)
    taken = {}
    for ahead in (0, 8):
        shards = open_shards(flaky, options(tmp_path / str(ahead), read_ahead=ahead))
        begin = time.perf_counter()
        assert len(contents(shards)) == 10
        taken[ahead] = time.perf_counter() - begin
    assert taken[0] > 10 * 0.05
    assert taken[8] < 0.7 * taken[0]


def test_a_damaged_cache_is_fetched_anew(local: Path, flaky: str, tmp_path: Path) -> None:
    expected = contents(open_shards(flaky, options(tmp_path)))
    for number, path in enumerate(sorted((tmp_path / "cache").glob("*.batch"))):
        data = bytearray(path.read_bytes())
        data[len(data) // 3] ^= 1
        path.write_bytes([bytes(data), data[:-9], b""][number % 3])
    assert (
        contents(open_shards(flaky, options(tmp_path))) == expected == contents(open_shards(local))
    )


def test_damage_at_the_source_is_told(flaky: str, tmp_path: Path) -> None:
    store = fsspec.filesystem("memory")
    path = "/bucket/val2014-00001.arrow"
    data = bytearray(store.cat_file(path))
    data[len(data) // 2] ^= 1
    store.pipe_file(path, bytes(data))
    few = options(tmp_path).model_copy(update={"retries": 4})
    with pytest.raises(DamageError, match=r"flaky://bucket/val2014-00001.arrow: damaged: batch"):
        contents(open_shards(flaky, few))
    shards = open_shards(flaky, few.model_copy(update={"on_damage": "skip"}))
    assert (len(contents(shards)), len(shards.damage)) == (9, 1)
    store.rm_file(path)
    with pytest.raises(DamageError, match="no such file"):
        contents(open_shards(flaky, ReadOptions(cache_mb=0, retries=30, backoff_seconds=0)))


def test_a_store_that_never_answers_is_given_up(
    flaky: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Flaky, "rate", 1.0)
    monkeypatch.setattr(Flaky, "faults", ("error",))
    with pytest.raises(ShardError, match=r"manifest.json: cannot be read"):
        open_shards(flaky, ReadOptions(retries=3, backoff_seconds=0))
    assert Flaky.reads >= 4


@pytest.mark.parametrize(
    ("url", "said"),
    [("nosuch://x", "Protocol not known"), ("memory://nothing", "no manifest.json")],
)
def test_a_wrong_url_is_one_line(url: str, said: str) -> None:
    with pytest.raises(VqaDataError, match=said):
        open_shards(url)


def test_verify_knows_urls(local: Path, flaky: str, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    outcome = verify(flaky, sha256=True)
    assert (outcome.problems, outcome.digest) == ([], verify(local).digest)
    fsspec.filesystem("memory").rm_file("/bucket/ledger.parquet")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "other"))
    assert verify(flaky).problems == ["ledger.parquet: missing"]


def test_a_file_url_copies_what_it_checks(local: Path, tmp_path: Path) -> None:
    assert contents(open_shards(f"file://{local}", options(tmp_path))) == contents(
        open_shards(local)
    )


def test_http_without_ranges(local: Path, tmp_path: Path) -> None:
    pytest.importorskip("aiohttp")
    import functools
    import http.server

    quiet = type("Quiet", (http.server.SimpleHTTPRequestHandler,), {"log_message": lambda *a: None})
    handler = functools.partial(quiet, directory=str(local))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        assert contents(open_shards(url, options(tmp_path))) == contents(open_shards(local))
        server.shutdown()


def _count(shards: Shards, out: Any) -> None:
    out.put(sum(len(rows) for rows in contents(shards)))


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_processes_share_a_cache(start: str, flaky: str, tmp_path: Path, local: Path) -> None:
    """A worker that was spawned has no memory:// store: all it reads comes from the cache."""
    shards = open_shards(flaky, options(tmp_path))
    contents(shards)
    context = multiprocessing.get_context(start)
    out = context.Queue()
    workers = [context.Process(target=_count, args=(shards, out)) for _ in range(2)]
    for worker in workers:
        worker.start()
    assert [out.get(timeout=60) for _ in workers] == [30, 30]
    for worker in workers:
        worker.join()
    assert pickle.loads(pickle.dumps(shards)).digest == shards.digest


def test_a_cache_that_cannot_be_written_is_done_without(
    flaky: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, local: Path
) -> None:
    (tmp_path / "cache").write_text("a file")
    with caplog.at_level(logging.WARNING):
        assert contents(open_shards(flaky, options(tmp_path))) == contents(open_shards(local))
    assert caplog.text.count("going on without a cache") == 1


def test_the_cache_evicts_what_was_not_used_for_longest(tmp_path: Path) -> None:
    cache = BatchCache(tmp_path, 1000)
    for number in range(8):
        cache.put(str(number), bytes(100))
        time.sleep(0.002)
    assert cache.find("0") is not None
    cache.put("big", bytes(500))
    kept = {path.name.removesuffix(".batch") for path in tmp_path.glob("*.batch")}
    assert kept == {"0", "5", "6", "7", "big"}
    cache.put("huge", bytes(1001))
    assert cache.find("huge") is None


def test_the_limit_holds_with_many_writers(tmp_path: Path) -> None:
    def write(own: int) -> None:
        cache, chance = BatchCache(tmp_path, 50_000), random.Random(own)
        for _ in range(60):
            cache.put(f"{chance.randrange(200)}", bytes(chance.randrange(1, 5000)))
            with suppress(FileNotFoundError):
                sizes.append(sum(p.stat().st_size for p in tmp_path.glob("*.batch")))

    sizes: list[int] = []
    threads = [threading.Thread(target=write, args=(own,)) for own in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 40_000 < max(sizes) <= 50_000
