"""Shards that workers write: the same bytes, nothing written twice, clear words where it fails."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.conftest import VqaFiles
from vqadata import OutputOptions, convert, verify
from vqadata.converting.shard_writing import PLANS
from vqadata.engine.hiring import EngineOptions
from vqadata.errors import VqaDataError
from vqadata.groundwork.output_folder import UNFINISHED
from vqadata.sources.coco_vqa import CocoVqa

PICTURES = 40
SMALL = OutputOptions(shard_mb=1)
THREADS = EngineOptions(workers=2, worker_kind="threads")


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CocoVqa:
    """Two splits, several shards of each; missing, double and unreadable pictures."""
    monkeypatch.setattr("vqadata.converting.assembly.BATCH_BYTES", 300_000)
    files = VqaFiles(tmp_path / "raw", questions=3 * PICTURES, pictures=PICTURES)
    for number in range(PICTURES):
        noise = np.random.default_rng(number // 2).integers(0, 256, (280, 280, 3), np.uint8)
        Image.fromarray(noise).save(files.picture(number), "PNG")
    files.picture(3).write_bytes(b"no picture")
    files.picture(7).write_bytes(files.picture(7).read_bytes()[:20])
    files.picture(11).unlink()
    for number, question in enumerate(files.questions):
        question["split"] = "a/b" if number % 5 else "test"
    return CocoVqa(**files.write(), missing_pictures="keep")


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes()
            for p in sorted(folder.rglob("*")) if p.is_file()}  # fmt: skip


@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_workers_write_the_same_bytes(kind: Any, source: CocoVqa, tmp_path: Path) -> None:
    alone = convert(source, tmp_path / "alone", SMALL)
    convert(source, tmp_path / "crew", SMALL, EngineOptions(workers=2, worker_kind=kind))
    assert bytes_of(tmp_path / "alone") == bytes_of(tmp_path / "crew")
    assert len(alone.shards) > 4
    assert len(alone.splits) == 2
    assert alone.flags["unreadable-picture"] == 6
    assert verify(tmp_path / "crew").problems == []


def stopped(source: CocoVqa, out: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a run that was interrupted when three shards were finished."""
    from vqadata.converting import shard_writing

    def stop(*given: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(shard_writing, "_note_remarks", stop)
        with pytest.raises(KeyboardInterrupt):
            convert(source, out, SMALL, THREADS)
    staging = out / UNFINISHED
    for shard in sorted(staging.glob("*.arrow"))[3:]:
        shard.unlink()
        (staging / "journal" / f"{shard.name}.json").unlink()
    return staging


@pytest.mark.parametrize("crew", [THREADS, EngineOptions(workers=0)], ids=["threads", "alone"])
def test_a_run_that_was_stopped_is_gone_on_with_on_any_engine(
    crew: EngineOptions, source: CocoVqa, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    convert(source, tmp_path / "calm", SMALL)
    staging = stopped(source, tmp_path / "out", monkeypatch)
    left = {path.name: path.stat().st_ino for path in staging.glob("*.arrow")}
    assert len(left) == 3
    convert(source, tmp_path / "out", SMALL, crew)
    assert {name: (tmp_path / "out" / name).stat().st_ino for name in left} == left
    assert bytes_of(tmp_path / "out") == bytes_of(tmp_path / "calm")


def test_a_changed_picture_is_written_anew(
    source: CocoVqa, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped(source, tmp_path / "out", monkeypatch)
    picture = tmp_path / "raw" / "images" / "COCO_val2014_000000000000.jpg"
    data = picture.read_bytes()
    picture.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    os.utime(picture, ns=(1, 1))
    convert(source, tmp_path / "out", SMALL, THREADS)
    convert(source, tmp_path / "calm", SMALL)
    assert bytes_of(tmp_path / "out") == bytes_of(tmp_path / "calm")


def test_a_damaged_receipt_is_none(
    source: CocoVqa, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    staging = stopped(source, tmp_path / "out", monkeypatch)
    for receipt in (staging / "journal").glob("*.receipt.json"):
        receipt.write_text(json.dumps({"plan": "x"}))
    convert(source, tmp_path / "out", SMALL, THREADS)
    convert(source, tmp_path / "calm", SMALL)
    assert bytes_of(tmp_path / "out") == bytes_of(tmp_path / "calm")


def test_a_picture_that_goes_away_is_said_in_one_line(
    source: CocoVqa, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vqadata.converting import shard_writing

    gone = tmp_path / "raw" / "images" / "COCO_val2014_000000000008.jpg"
    real = shard_writing.read_picture

    def read(name: str, file: Any, data: Any) -> Any:
        gone.unlink(missing_ok=True)
        return real(name, file, data)

    monkeypatch.setattr(shard_writing, "read_picture", read)
    with pytest.raises(VqaDataError, match=r"000000000008.jpg: cannot be read: No such file"):
        convert(source, tmp_path / "out", SMALL, THREADS)
    assert not (tmp_path / "out").exists()


def test_a_picture_that_grows_meanwhile_is_said(
    source: CocoVqa, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vqadata.converting import shard_writing

    real = shard_writing.read_picture

    def read(name: str, file: Any, data: Any) -> Any:
        picture = real(name, file, data)
        return picture._replace(data=(picture.data or b"") + b"more")

    monkeypatch.setattr(shard_writing, "read_picture", read)
    with pytest.raises(VqaDataError, match="as when it was found"):
        convert(source, tmp_path / "out", SMALL, THREADS)


def test_no_plan_is_left_behind(source: CocoVqa, tmp_path: Path) -> None:
    convert(source, tmp_path / "out", SMALL, THREADS)
    assert not list(tmp_path.rglob(PLANS))
    assert not list((tmp_path / "out").rglob("*.receipt.json"))
