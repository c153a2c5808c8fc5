"""The pass over pictures: one look each, remembered; the same outcome however it is worked off."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest

from tests.conftest import VqaFiles
from tests.probe import Probe
from vqadata import clean, convert, ocr, open_shards, verify
from vqadata.cleaners.audit import Audit
from vqadata.cleaners.duplicate import Duplicate
from vqadata.cleaners.watermark import Watermark
from vqadata.cleaning.examination import ExaminationOptions, examine
from vqadata.cleaning.picture_cache import PictureCache, Receipt, cleaner_key
from vqadata.cleaning.text_engine import EngineOptions, TextEngine
from vqadata.discover import find
from vqadata.errors import DamageError, VqaDataError
from vqadata.ledger import select_entries
from vqadata.sources.coco_vqa import CocoVqa

PICTURES = 80
"""More than two chunks."""


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    """Questions on pictures of which no two are alike, one of them broken."""
    from PIL import Image

    files = VqaFiles(tmp_path / "raw", questions=2 * PICTURES, pictures=PICTURES)
    for number in range(PICTURES):
        level = np.full((30, 30 + number % 3, 3), 40 + 2 * number, np.uint8)
        level[:15, :15] = 255
        Image.fromarray(level).save(files.picture(number), "PNG" if number == 7 else "JPEG")
    files.picture(7).write_bytes(files.picture(7).read_bytes()[:60])
    convert(CocoVqa(**files.write()), tmp_path / "shards")
    return tmp_path / "shards"


def looks(diary: Path) -> Counter[str]:
    """How often each picture was looked at."""
    return Counter(line.split()[1] for line in diary.read_text().splitlines())


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes()
            for p in sorted(folder.rglob("*")) if p.is_file()}  # fmt: skip


def test_every_phase_of_a_cleaner(shards: Path, tmp_path: Path) -> None:
    manifest = clean(shards, tmp_path / "out", [Audit(), Probe()])
    assert verify(tmp_path / "out").problems == []
    assert manifest.questions == 2 * PICTURES - 4  # of the broken and of the brightest picture
    found = pl.read_parquet(tmp_path / "out" / "findings.parquet")
    assert found.select("step", "code", "severity", "action", "questions").rows() == [
        ("audit", "truncated", "error", "drop", 2),
        ("probe", "probe-mask", "warning", "mask", 2),
        ("probe", "probe-drop", "warning", "drop", 2),
    ]
    actions = Counter(entry.action for entry in select_entries(tmp_path / "out"))
    assert actions == {"dropped": 4, "masked": 2}


def test_a_masked_picture_gets_new_bytes_and_a_new_digest(shards: Path, tmp_path: Path) -> None:
    clean(shards, tmp_path / "out", [Audit(), Probe()])
    found = pl.read_parquet(tmp_path / "out" / "findings.parquet")
    (old,) = found.filter(pl.col("code") == "probe-mask")["digest"]
    count = 0
    for batch in open_shards(tmp_path / "out").batches():
        facts = batch.column("image_facts").flatten()
        assert old not in facts.field("digest").to_pylist()
        count += len(facts)
    assert count == PICTURES - 2


def test_what_is_known_of_each_picture_is_written(shards: Path, tmp_path: Path) -> None:
    clean(shards, tmp_path / "out", [Audit(), Probe()])
    pictures = pq.read_table(tmp_path / "out" / "pictures.parquet").to_pylist()
    assert len(pictures) == PICTURES
    assert pictures[0]["path"].endswith("000000000000.jpg")
    assert pictures[0]["group"] == "questions.json val2014"
    assert 40 < pictures[0]["probe_level"] < 100
    assert (pictures[7]["fault"], pictures[7]["probe_level"]) == ("truncated", None)


def test_the_manifest_lists_the_evidence(shards: Path, tmp_path: Path) -> None:
    manifest = clean(shards, tmp_path / "out", [Probe()])
    assert [entry.file for entry in manifest.files] == [
        "evidence/probe/darkest.bin", "evidence/probe/widths.json",
        "findings.parquet", "pictures.parquet",
    ]  # fmt: skip
    widths = json.loads((tmp_path / "out" / "evidence" / "probe" / "widths.json").read_text())
    assert sum(widths.values()) == PICTURES - 1


@pytest.mark.parametrize("kind", ["processes", "threads"])
def test_the_outcome_knows_nothing_of_the_workers(kind: str, shards: Path, tmp_path: Path) -> None:
    for name, workers in (("alone", 0), ("two", 2)):
        options = ExaminationOptions(workers=workers, worker_kind=kind, no_cache=True)
        clean(shards, tmp_path / name, [Audit(), Probe()], examination=options)
    assert bytes_of(tmp_path / "alone") == bytes_of(tmp_path / "two")


@pytest.mark.parametrize("reader", ["none", "rapidocr"])
def test_hashes_overlays_and_text_are_found_by_workers(
    reader: str, shards: Path, tmp_path: Path
) -> None:
    if reader != "none" and (gone := find(ocr, TextEngine, reader).missing(EngineOptions())):
        pytest.skip(gone)
    for name, workers in (("alone", 0), ("two", 2)):
        marks = Watermark(ocr_filter=True, ocr_engine=reader, policy="mask")
        options = ExaminationOptions(workers=workers, no_cache=True)
        clean(shards, tmp_path / name, [Audit(), Duplicate(), marks], examination=options)
    assert bytes_of(tmp_path / "alone") == bytes_of(tmp_path / "two")
    assert any("evidence/watermark" in name for name in bytes_of(tmp_path / "two"))


def test_no_picture_is_looked_at_twice(shards: Path, tmp_path: Path) -> None:
    diary = tmp_path / "diary"
    clean(shards, tmp_path / "one", [Probe(diary=diary)])
    assert set(looks(diary).values()) == {1}
    clean(shards, tmp_path / "two", [Audit(), Probe(diary=diary, spare=True)])
    assert set(looks(diary).values()) == {1}
    clean(shards, tmp_path / "three", [Probe(diary=diary, factor=2)])
    assert set(looks(diary).values()) == {2}


def test_pictures_stay_known_when_others_come_and_go(shards: Path, tmp_path: Path) -> None:
    options = ExaminationOptions(cache=tmp_path / "cache")
    clean(shards, tmp_path / "one", [Audit(action=["wrong-extension=drop"])], None, options)
    looked = [_look(folder, tmp_path / "cache") for folder in (tmp_path / "one", shards)]
    assert looked == [(0, PICTURES - 1), (0, PICTURES)]


def _look(shards: Path, cache: Path) -> tuple[int, int]:
    """The pass over pictures alone: how many were examined, and how many known."""
    scratch = cache.with_name("scratch")
    scratch.mkdir(exist_ok=True)
    options = ExaminationOptions(cache=cache)
    return examine(open_shards(shards), [Audit()], options, scratch).examined


def test_known_pictures_are_not_read_again(shards: Path, tmp_path: Path) -> None:
    assert _look(shards, tmp_path / "cache") == (PICTURES, 0)
    for shard in open_shards(shards).manifest.shards:
        data = bytearray((shards / shard.file).read_bytes())
        for batch in shard.batches:  # whoever reads a picture of it now is refused
            data[batch.end - 1] ^= 1
        (shards / shard.file).write_bytes(data)
    assert _look(shards, tmp_path / "cache") == (0, PICTURES)
    with pytest.raises(DamageError, match="its pictures segment has digest"):
        _look(shards, tmp_path / "empty")


def test_other_bytes_are_looked_at_though_size_and_time_are_the_same(tmp_path: Path) -> None:
    files = VqaFiles(tmp_path / "raw", questions=9, pictures=9)
    convert(CocoVqa(**files.write()), tmp_path / "before")
    _look(tmp_path / "before", tmp_path / "cache")
    path, known = files.picture(4), files.picture(4).stat()
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(known.st_atime_ns, known.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (known.st_size, known.st_mtime_ns)
    convert(CocoVqa(**files.write()), tmp_path / "after")
    assert _look(tmp_path / "after", tmp_path / "cache") == (1, 8)


def test_facts_from_other_chunks_are_the_same(shards: Path, tmp_path: Path) -> None:
    clean(shards, tmp_path / "one", [Audit()])
    clean(tmp_path / "one", tmp_path / "two", [Audit()])
    clean(tmp_path / "one", tmp_path / "anew", [Audit()], None, ExaminationOptions(no_cache=True))
    assert bytes_of(tmp_path / "two") == bytes_of(tmp_path / "anew")


def test_without_a_cache_nothing_is_left_behind(shards: Path, tmp_path: Path) -> None:
    clean(shards, tmp_path / "out", [Probe()], examination=ExaminationOptions(no_cache=True))
    assert not (tmp_path / "cache").exists()


def test_a_damaged_receipt_is_none(tmp_path: Path) -> None:
    import pyarrow as pa

    cache, cleaner = PictureCache(tmp_path), Probe()
    facts = pa.RecordBatch.from_pydict({"digest": ["a"], "probe_level": [1.0]})
    cache.keep(cleaner, "key", Receipt(facts, b"tally"))
    assert cache.find(cleaner, "key") == Receipt(facts, b"tally")
    path = tmp_path / "probe" / cleaner_key(cleaner) / "key"
    path.write_bytes(path.read_bytes()[:-9])
    assert cache.find(cleaner, "key") is None


def test_a_cache_that_cannot_be_written_is_done_without(
    shards: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    options = ExaminationOptions(cache=tmp_path / "file")
    clean(shards, tmp_path / "out", [Probe()], examination=options)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "going on without a cache" in caplog.text


class Deadly(Probe):
    """Kills the process that looks at one picture, or at any."""

    victim: str = "COCO_val2014"

    def examine(self, view: Any) -> dict[str, Any]:
        if self.victim in view.path:
            os._exit(7)
        return super().examine(view)


@pytest.fixture
def few(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three pictures of which no two are alike, and workers that may die once only."""
    monkeypatch.setattr("vqadata.engine.order.TRIES", 1)
    files = VqaFiles(tmp_path / "raw")
    convert(CocoVqa(**files.write()), tmp_path / "few")
    return tmp_path / "few"


def test_a_picture_that_kills_its_workers_is_named_and_the_rest_is_kept(
    few: Path, tmp_path: Path
) -> None:
    diary = tmp_path / "diary"
    deadly = [Audit(), Deadly(victim="_000000000001.jpg", diary=diary)]
    looking = ExaminationOptions(workers=1, cache=tmp_path / "cache")
    with pytest.raises(VqaDataError, match=r"_000000000001.jpg: 3 worker processes died of it"):
        clean(few, tmp_path / "out", deadly, examination=looking)
    assert not (tmp_path / "out").exists()
    before = looks(diary)
    dropping = looking.model_copy(update={"deadly_pictures": "drop"})
    manifest = clean(few, tmp_path / "out", deadly, examination=dropping)
    assert looks(diary) == before  # nothing but the deadly one was looked at again
    assert verify(tmp_path / "out").problems == []
    assert manifest.balance[0].dropped["deadly"] == 2


def test_where_every_worker_dies_the_run_ends(few: Path, tmp_path: Path) -> None:
    with pytest.raises(VqaDataError, match="every worker process dies"):
        clean(few, tmp_path / "out", [Deadly()], None, ExaminationOptions(workers=1))
    assert not (tmp_path / "out").exists()
