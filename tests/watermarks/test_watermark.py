"""The cleaner as a user runs it: on shards, with every policy; masked pictures are compared."""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from tests.watermarks.drawing import jpeg, letters, scene, stamped
from vqadata import clean, convert, open_shards, verify
from vqadata.cleaners.watermark import Watermark
from vqadata.converting.conversion import OutputOptions
from vqadata.errors import MissingExtraError, OptionError
from vqadata.sources.custom import Custom

MARKED = 8
"""Pictures 0 to 7 carry a mark of an agency, 8 to 10 none."""


def data_set(folder: Path, ask: Callable[[int], tuple[str, str]] | None = None) -> Path:
    """Eleven pictures with a question each, as shards."""
    folder.mkdir(exist_ok=True)
    lines = []
    for number in range(11):
        grey = scene(np.random.default_rng(number), 240, 320) // 3 + 30
        if number < MARKED:
            grey = stamped(grey, "alamy stock photo", 18, 1.0, (-6, -6))
            grey = stamped(grey, "R", 20, 1.0, (12, 12))
        (folder / f"{number}.jpg").write_bytes(jpeg(grey, 90))
        question, answer = ask(number) if ask else ("What is shown?", f"shape {number}")
        row = {"id": str(number), "image": f"{number}.jpg", "question": question, "answer": answer}
        lines.append(json.dumps(row))
    (folder / "data.jsonl").write_text("\n".join(lines))
    return data_again(folder)


def data_again(folder: Path) -> Path:
    """The shards of the pictures as they are now."""
    fields = [f"{name}={name}" for name in ("image", "question", "answer")]
    source = Custom(data=[folder / "data.jsonl"], field=[*fields, "question_id=id"],
                    constant=["split=train"])  # fmt: skip
    convert(source, folder / "shards", OutputOptions(overwrite=True))
    return folder / "shards"


@pytest.fixture(autouse=True)
def one_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """All tests share what was read once: the same pictures, the same code."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))


def cleaned(shards: Path, out: Path, **options: Any) -> list[dict[str, Any]]:
    """Findings after cleaning."""
    cleaner = Watermark(**{"ocr_filter": True, "ocr_side": 640} | options)
    clean(shards, out, [cleaner])
    assert verify(out).problems == []
    return list(pq.read_table(out / "findings.parquet").to_pylist())


def pictures(folder: Path) -> dict[str, Any]:
    return {
        image["path"]: image["bytes"]
        for batch in open_shards(folder).batches()
        for images in batch.column("images").to_pylist()
        for image in images
    }


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return data_set(tmp_path_factory.mktemp("marks"))


def test_marks_are_flagged_and_nothing_is_lost(shards: Path, tmp_path: Path) -> None:
    findings = cleaned(shards, tmp_path / "out")
    assert sorted(f["path"] for f in findings) == [f"{n}.jpg" for n in range(MARKED)]
    assert {f["action"] for f in findings} == {"flag"}
    details = json.loads(findings[0]["details"])
    assert any("alamy" in str(box[4]).lower() for box in details["boxes"])
    assert len(pictures(tmp_path / "out")) == 11
    facts = json.loads((tmp_path / "out/evidence/watermark/marks.json").read_text())
    assert facts["engine"]["name"] == "rapidocr"
    assert facts["engine"]["why"]


def test_masks_change_the_mark_and_nothing_else(shards: Path, tmp_path: Path) -> None:
    findings = cleaned(shards, tmp_path / "out", policy="mask")
    assert Counter(f["action"] for f in findings) == {"mask": MARKED}
    before, after = pictures(shards), pictures(tmp_path / "out")
    for number in range(11):
        old = before[f"{number}.jpg"]
        if number >= MARKED:
            assert after[f"{number}.jpg"] == old
            continue
        new = after[f"{number}.png"]  # named for what it is now
        was, now = (np.asarray(Image.open(io.BytesIO(d)).convert("RGB")) for d in (old, new))
        changed = (was != now).any(axis=2)
        (finding,) = (f for f in findings if f["path"] == f"{number}.jpg")
        for x0, y0, x1, y1 in json.loads(finding["details"])["filled"]:
            changed_there = changed[y0:y1, x0:x1].copy()
            assert changed_there.any()
            changed[y0:y1, x0:x1] = False
        assert not changed.any()
        changed = (was != now).any(axis=2)
        assert changed[200:, 120:].any()
        assert not changed[:200].any()  # the R is there too
        assert not changed[:, :120].any()
    assert cleaned(tmp_path / "out", tmp_path / "again") == []


def test_drop_takes_the_questions_away(shards: Path, tmp_path: Path) -> None:
    cleaned(shards, tmp_path / "out", policy="drop")
    left = {record.question_id for record in open_shards(tmp_path / "out").records()}
    assert left == {"8", "9", "10"}


def test_text_that_is_asked_about_stays(tmp_path: Path) -> None:
    shards = data_set(tmp_path / "raw", lambda n: ("Which site is it?", "alamy stock photo"))
    assert cleaned(shards, tmp_path / "out", policy="drop") == []


def test_questions_that_ask_to_read_lose_no_row(tmp_path: Path) -> None:
    shards = data_set(tmp_path / "raw", lambda n: ("What does the sign say?", f"shape {n}"))
    for policy in ("mask", "drop"):
        findings = cleaned(shards, tmp_path / policy, policy=policy)
        assert {f["action"] for f in findings} == {"flag"}
        assert "asks to read" in findings[0]["evidence"]
        assert len(pictures(tmp_path / policy)) == 11


def test_rows_whose_answer_stands_in_the_picture_are_kept(tmp_path: Path) -> None:
    shards = data_set(tmp_path / "raw", lambda n: ("Who made it?", "Nokia" if n == 2 else "him"))
    one = tmp_path / "raw" / "2.jpg"
    grey = np.asarray(Image.open(one))
    one.write_bytes(jpeg(stamped(grey, "NOKIA", 40, 1.0, (90, 90)), 95))
    shards = data_again(tmp_path / "raw")
    cleaned(shards, tmp_path / "out", policy="drop")
    left = {record.question_id for record in open_shards(tmp_path / "out").records()}
    assert left == {"2", "8", "9", "10"}


def test_where_one_mark_is_asked_about_another_costs_no_row(tmp_path: Path) -> None:
    told = {2: "alamy stok photo"}  # as somebody wrote it down
    shards = data_set(tmp_path / "raw", lambda n: ("Which site is it?", told.get(n, "none")))
    one = tmp_path / "raw" / "2.jpg"
    grey = np.asarray(Image.open(one))
    one.write_bytes(jpeg(stamped(grey, "gettyimages", 30, 1.0, (90, 90)), 95))
    shards = data_again(tmp_path / "raw")
    cleaned(shards, tmp_path / "out", policy="drop")
    left = {record.question_id for record in open_shards(tmp_path / "out").records()}
    assert left == {"2", "8", "9", "10"}


def test_overlays_are_found_without_reading(shards: Path, tmp_path: Path) -> None:
    findings = cleaned(shards, tmp_path / "out", ocr_engine="none")
    assert {f["code"] for f in findings} == {"recurrent-overlay"}
    assert {f["path"] for f in findings} <= {f"{n}.jpg" for n in range(MARKED)}
    details = json.loads(findings[0]["details"])
    assert (tmp_path / "out" / details["template"]).is_file()
    assert details["score"] > 0.3


def test_a_sample_reads_so_many_pictures(shards: Path, tmp_path: Path) -> None:
    findings = cleaned(shards, tmp_path / "out", ocr_sample=3)
    assert all(f["code"] in ("recurrent-overlay", "known-mark", "recurrent-text") for f in findings)
    assert "texts" not in pq.read_table(tmp_path / "out/pictures.parquet").column_names


def test_the_same_twice_is_the_same(shards: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        cleaned(shards, tmp_path / name, policy="mask")
    files = [p.relative_to(tmp_path / "one") for p in (tmp_path / "one").rglob("*") if p.is_file()]
    for file in files:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_without_the_switch_it_does_not_run(shards: Path, tmp_path: Path) -> None:
    manifest = clean(shards, tmp_path / "out", [Watermark()])
    assert [step.name for step in manifest.steps] == ["custom"]


def test_the_command_line_says_which_engine_reads(
    shards: Path, tmp_path: Path, run_cli: Any
) -> None:
    done = run_cli("clean", shards, "--ocr-filter", "--only", "watermark", "--ocr-side", 640,
                   "-o", tmp_path / "out")  # fmt: skip
    assert done.returncode == 0
    assert "text is read by rapidocr: it brings its weights along" in done.stderr
    assert "known-mark" in done.stdout or "recurrent" in done.stdout


def test_missing_weights_stop_the_run_before_it_begins(shards: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="--ocr-models"):
        cleaned(shards, tmp_path / "out", ocr_engine="easyocr", ocr_models=tmp_path)
    assert not (tmp_path / "out" / "manifest.json").exists()


def test_a_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.util

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"vqadata\[ocr\]"):
        Watermark(ocr_filter=True).tally()


def test_letters_can_be_drawn() -> None:
    assert letters("alamy", 18).max() > 200


def drawings(folder: Path) -> Path:
    """Forty drawings on bright ground, half of them with one mark; two words stand in each."""
    folder.mkdir(exist_ok=True)
    lines = []
    for number in range(40):
        random = np.random.default_rng(number)
        grey = np.full((256, 256), 240, np.uint8)
        top, left = random.integers(20, 150, 2)
        grey[top : top + 40, left : left + 50] = random.integers(0, 120)
        if number % 2:
            grey = 255 - stamped(255 - grey, "(c) LUMORA", 18, 0.6, (-8, -8))
        Image.fromarray(grey).save(folder / f"{number}.png")
        row = {"id": str(number), "image": f"{number}.png", "question": "What is shown?",
               "answer": "square"}  # fmt: skip
        lines.append(json.dumps(row))
    (folder / "data.jsonl").write_text("\n".join(lines))
    return data_again(folder)


def test_on_drawings_a_mark_that_can_be_read_is_no_layout(tmp_path: Path) -> None:
    """Edges alone cannot tell it from an axis title; what a sample says holds for all pictures."""
    shards = drawings(tmp_path / "raw")
    findings = cleaned(shards, tmp_path / "out", policy="mask", ocr_sample=12)
    assert {f["code"] for f in findings} == {"recurrent-overlay"}
    assert {f["action"] for f in findings} == {"mask"}
    assert sorted(int(Path(f["path"]).stem) for f in findings) == list(range(1, 40, 2))
    assert cleaned(shards, tmp_path / "blind", ocr_engine="none") == []
