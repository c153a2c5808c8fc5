"""What was said of pairs of pictures is not found out again, and comes out the same."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from tests.pictures import data_set, jpeg, scene, with_text
from vqadata.cleaners.duplicate import Duplicate
from vqadata.cleaners.leakage import Leakage
from vqadata.cleaning.cleaning import clean
from vqadata.cleaning.examination import ExaminationOptions
from vqadata.cleaning.pair_cache import FOLDER, LARGER, PairCache
from vqadata.images.near_pairs import Comparison

RULES = {"near": True}
FILES = {
    "a.jpg": jpeg(scene(1), 95),
    "b.jpg": jpeg(scene(1).resize((200, 150)), 80),
    "c.jpg": jpeg(with_text(scene(1))),
    "val/d.jpg": jpeg(scene(1).point([min(255, level + 20) for level in range(256)] * 3)),
}


def digests(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    left, right = (rng.integers(0, 2**63, (count, 2), np.uint64) for _ in range(2))
    return left, right


def test_every_pair_is_found_again_and_no_other(tmp_path: Path) -> None:
    cache = PairCache(tmp_path, RULES)
    kept = [digests(count, seed) for seed, count in enumerate((40, 9, 300, 1, 1, 2, 50))]
    for left, right in kept:
        cache.keep(left, right, {0: f"{len(left)} alike"})
    for again in (cache, PairCache(tmp_path, RULES)):
        for left, right in kept:
            told = again.find(left, right)
            assert told.known.all()
            assert told.said == {0: f"{len(left)} alike"}
            assert not again.find(right, left).known.any()
        assert not again.find(*digests(100, 99)).known.any()
    assert not PairCache(tmp_path, {"near": False}).find(*kept[0]).known.any()
    assert not PairCache(None, RULES).find(*kept[0]).known.any()


def test_files_stay_few_and_each_is_larger_than_the_next(tmp_path: Path) -> None:
    cache = PairCache(tmp_path, RULES)
    for seed in range(100):
        cache.keep(*digests(3, seed), {})
    sizes = [len(file) for file in cache._files]
    assert sum(sizes) == 300
    assert all(one >= LARGER * two for one, two in itertools.pairwise(sizes))
    assert len(list(tmp_path.rglob("*/*/*"))) == len(sizes)


def test_a_damaged_file_is_left_aside(tmp_path: Path) -> None:
    pairs = digests(5, 0)
    PairCache(tmp_path, RULES).keep(*pairs, {})
    (path,) = (p for p in (tmp_path / FOLDER).rglob("*") if p.is_file())
    data = bytearray(path.read_bytes())
    data[-20] ^= 1
    path.write_bytes(data)
    assert not PairCache(tmp_path, RULES).find(*pairs).known.any()
    path.write_bytes(b"")
    assert not PairCache(tmp_path, RULES).find(*pairs).known.any()


def said(shards: Path, out: Path, cache: Path | None) -> bytes:
    options = ExaminationOptions(cache=cache, no_cache=cache is None)
    clean(shards, out, [Duplicate(), Leakage()], None, options)
    matrix = (out / "evidence" / "leakage" / "matrix.json").read_bytes()
    return (out / "findings.parquet").read_bytes() + (out / "ledger.parquet").read_bytes() + matrix


def test_a_second_run_compares_no_pair_and_says_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = [(name, "What is it?", "a disc") for name in FILES]
    shards = data_set(tmp_path / "raw", FILES, asked)
    first = said(shards, tmp_path / "out-1", tmp_path / "cache")
    compared = []
    glanced = Comparison._glanced
    monkeypatch.setattr(
        Comparison, "_glanced", lambda *args: compared.append(args) or glanced(*args)
    )
    assert said(shards, tmp_path / "out-2", tmp_path / "cache") == first
    assert compared == []
    assert said(shards, tmp_path / "out-3", None) == first
    assert compared != []
