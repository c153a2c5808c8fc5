"""The audit of pictures: a picture for each code, and what is done about it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tests.conftest import VqaFiles
from tests.odd_pictures import exif, odd_pictures, saved, scene
from vqadata import clean, convert, open_shards, verify
from vqadata.cleaners.audit import ACTIONS, Audit
from vqadata.cleaners.duplicate import Duplicate
from vqadata.errors import OptionError
from vqadata.groundwork.flags import build
from vqadata.images.checks import CHECKS
from vqadata.images.gps import tells_place, without_place
from vqadata.images.view import View
from vqadata.ledger import select_entries
from vqadata.sources.coco_vqa import CocoVqa

ODD = odd_pictures()

ALSO = {"alpha": {"wrong-extension"}, "palette": {"wrong-extension"},
        "deep-grey": {"wrong-extension"}, "animated": {"wrong-extension", "palette"}}  # fmt: skip
"""What else holds of a picture in a file called .jpg."""


@pytest.fixture
def files(tmp_path: Path) -> VqaFiles:
    """Two questions on each of two pictures that nothing can be said against."""
    files = VqaFiles(tmp_path / "raw", questions=4, pictures=2)
    for number in range(2):
        files.picture(number).write_bytes(saved(scene(seed=9 + number), quality=92))
    return files


def audited(files: VqaFiles, folder: Path, audit: Audit | None = None, **how: bool) -> pl.DataFrame:
    """The findings on a data set."""
    convert(CocoVqa(**files.write()), folder / "shards")
    clean(folder / "shards", folder / "out", [audit or Audit()], **how)  # type: ignore[arg-type]
    assert verify(folder / "out").problems == []
    return pl.read_parquet(folder / "out" / "findings.parquet")


@pytest.mark.parametrize("code", ODD)
def test_each_code_has_a_picture(code: str, files: VqaFiles, tmp_path: Path) -> None:
    files.picture(0).write_bytes(ODD[code])
    found = audited(files, tmp_path)
    assert set(found["code"]) == {code} | ALSO.get(code, set())
    (row,) = found.filter(pl.col("code") == code).to_dicts()
    check = next(check for check in CHECKS if check.code == code)
    assert (row["severity"], row["questions"]) == (check.severity, 2)
    assert row["evidence"]
    kept = open_shards(tmp_path / "out").manifest.questions
    assert kept == (2 if check.action == "drop" else 4)


def test_every_code_is_tested() -> None:
    assert set(ODD) | {"missing", "deadly"} == set(ACTIONS)


def test_a_good_picture_is_not_remarked_on(files: VqaFiles, tmp_path: Path) -> None:
    assert audited(files, tmp_path).is_empty()


def test_a_missing_picture(files: VqaFiles, tmp_path: Path) -> None:
    files.picture(0).unlink()
    convert(CocoVqa(**files.write(), missing_pictures="keep"), tmp_path / "shards")
    assert clean(tmp_path / "shards", tmp_path / "out", [Audit()]).questions == 2
    (entry, _) = select_entries(tmp_path / "out", reason="missing", action="dropped")
    assert (entry.path, entry.found) == (files.picture(0).name, "no file")


def test_facts_are_in_the_findings_and_not_in_the_ledger(files: VqaFiles, tmp_path: Path) -> None:
    files.picture(0).write_bytes(ODD["cmyk"])
    assert audited(files, tmp_path).height == 1
    assert list(select_entries(tmp_path / "out")) == []


def test_another_action_for_a_code(files: VqaFiles, tmp_path: Path) -> None:
    files.picture(0).write_bytes(ODD["cmyk"])
    files.picture(1).write_bytes(ODD["tiny"])
    audit = Audit(action=["cmyk=drop", "tiny=ignore"])
    assert audited(files, tmp_path, audit)["code"].to_list() == ["cmyk"]
    assert open_shards(tmp_path / "out").manifest.questions == 2


@pytest.mark.parametrize("action", ["blured=drop", "blurred", "blurred=strip", "blurred=maybe"])
def test_a_wrong_action_is_explained(action: str) -> None:
    with pytest.raises(OptionError, match=r"such as blurred|gps=strip"):
        build(Audit, {"action": [action]})


def test_report_only_keeps_all_rows(files: VqaFiles, tmp_path: Path) -> None:
    files.picture(0).write_bytes(ODD["truncated"])
    found = audited(files, tmp_path, report_only=True)
    assert found.select("code", "severity", "action").rows() == [("truncated", "error", "flag")]
    assert open_shards(tmp_path / "out").manifest.questions == 4


def test_the_manifest_states_the_policy(files: VqaFiles, tmp_path: Path) -> None:
    audited(files, tmp_path)
    options = open_shards(tmp_path / "out").manifest.steps[-1].options
    assert options["normalisation"].startswith("exif-applied")
    assert options["report_only"] is False


def test_a_stripped_picture_has_the_same_pixels(files: VqaFiles, tmp_path: Path) -> None:
    files.picture(0).write_bytes(ODD["gps"])
    found = audited(files, tmp_path, Audit(action=["gps=strip"]))
    assert found.select("code", "action").rows() == [("gps", "mask")]
    batch = next(iter(open_shards(tmp_path / "out").batches()))
    stripped = batch.column("images").to_pylist()[0][0]["bytes"]
    assert not tells_place(stripped)
    before, after = (View("a", "", data) for data in (ODD["gps"], stripped))
    assert np.array_equal(before.rgb, after.rgb)
    assert after.opened.getexif()[0x010F] == "A maker of cameras"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_the_place_goes_out_of_every_format(kind: str) -> None:
    data = saved(scene(), kind, exif=exif(place=True, orientation=6))
    bare = without_place(data)
    assert tells_place(data)
    assert not tells_place(bare)
    assert len(bare) == len(data)
    assert np.array_equal(View("a", "", data).rgb, View("a", "", bare).rgb)
    assert View("a", "", bare).orientation == 6


def test_the_place_goes_out_of_xmp() -> None:
    xmp = b'<x exif:GPSLatitude="48,51.5N"><exif:GPSLongitude>2,17E</exif:GPSLongitude></x>'
    data = saved(scene(), "JPEG", xmp=xmp)
    assert tells_place(data)
    assert not tells_place(without_place(data))


@pytest.mark.parametrize("seed", range(30))
def test_damaged_metadata_raise_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    data = bytearray(saved(scene(), ["JPEG", "PNG", "WEBP", "TIFF"][seed % 4], exif=exif(True)))
    for place in rng.integers(0, 400, 40):
        data[place] = int(rng.integers(256))
    assert len(without_place(bytes(data))) == len(data)
    Audit().examine(View("a", "", bytes(data)))


def test_a_set_loses_exactly_the_rows_it_should(tmp_path: Path) -> None:
    """40 pictures with 5 questions each, 3 of them copies and one of them broken."""
    files = VqaFiles(tmp_path / "raw", questions=200, pictures=40)
    for number in range(40):
        files.picture(number).write_bytes(saved(scene(seed=number), quality=92))
    for copy, original in ((10, 3), (20, 4), (30, 5)):
        files.picture(copy).write_bytes(files.picture(original).read_bytes())
    files.picture(39).write_bytes(files.picture(39).read_bytes()[:900])
    for number, question in enumerate(files.questions):
        question["question"] = f"Is it {number // 40}?"  # the same five of each picture
    convert(CocoVqa(**files.write()), tmp_path / "shards")
    manifest = clean(tmp_path / "shards", tmp_path / "out", [Audit(), Duplicate()])
    assert verify(tmp_path / "out").problems == []
    assert manifest.questions == 200 - 5 - 15
    gone = {e.question_id: e.reason for e in select_entries(tmp_path / "out", "dropped")}
    expected = {str(n): "truncated" for n in range(39, 200, 40)}
    expected |= {str(n): "duplicate" for n in range(200) if n % 40 in (10, 20, 30)}
    assert gone == expected


def test_facts_are_looked_at_some_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = VqaFiles(tmp_path / "raw", questions=len(ODD), pictures=len(ODD))
    for number, data in enumerate(ODD.values()):
        files.picture(number).write_bytes(data)
    at_once = audited(files, tmp_path / "a")
    monkeypatch.setattr("vqadata.cleaners.audit.DECIDED", 3)
    assert audited(files, tmp_path / "b").equals(at_once)
    assert set(at_once["code"]) >= set(ODD)


def test_details_are_json(files: VqaFiles, tmp_path: Path) -> None:
    files.picture(0).write_bytes(ODD["blurred"])
    (row,) = audited(files, tmp_path).to_dicts()
    assert json.loads(row["details"])["score"] > 0.7
