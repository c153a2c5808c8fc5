"""The engines: each reads the same twelve pictures for real, through the same face."""

from __future__ import annotations

import os
import pickle
import shutil
import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.ocr_weights import FOLDER
from tests.watermarks.drawing import CHINESE, letters, rgb, scene
from vqadata import ocr
from vqadata.cleaning.engine_choice import choose, load
from vqadata.cleaning.text_engine import EngineOptions, TextEngine, TextLine, fit
from vqadata.discover import find, names
from vqadata.errors import OptionError, VqaDataError
from vqadata.ocr.easyocr import DETECTOR, checked_weights
from vqadata.watermarks.key import plain

TEXTS = ["shutterstock", "Getty Images", "PORTABLE", "John Smith", "www.example.com",
         "SAMPLE 42", "Main Street", "Radiology", "alamy stock photo", "Lake 2019",
         "视觉中国", "图虫创意"]  # fmt: skip

LATIN = 10
"""So many of them are in Latin letters."""

OPTIONS = {
    "easyocr": EngineOptions(models=FOLDER, side=640),
    "rapidocr": EngineOptions(side=640),
    "tesseract": EngineOptions(side=640),
}


def picture(text: str) -> Any:
    """A text on a calm scene, 360 x 120."""
    grey = scene(np.random.default_rng(len(text)), 120, 360) // 6 + 20
    cover = letters(text, 30)
    top, left = 40, 40
    window = grey[top : top + cover.shape[0], left : left + cover.shape[1]]
    np.maximum(window, cover[:, : window.shape[1]], out=window)
    return rgb(grey)


MUST = os.environ.get("VQADATA_MUST_READ", "").split()
"""Engines that may not be skipped, and ``chinese`` for a font to draw the last pictures with."""


@pytest.fixture(params=names(ocr))
def engine(request: pytest.FixtureRequest) -> TextEngine:
    """Each engine, skipped where it cannot be installed and need not be."""
    name, options = request.param, OPTIONS[request.param]
    if missing := find(ocr, TextEngine, name).missing(options):
        (pytest.fail if name in MUST else pytest.skip)(missing)
    return load(name, options)


def test_the_last_pictures_can_be_drawn() -> None:
    assert CHINESE or "chinese" not in MUST


@cache
def reading(engine: TextEngine) -> list[list[TextLine]]:
    """What an engine reads in the twelve pictures; the Chinese ones need a font to be drawn."""
    return [engine.read(picture(text)) for text in TEXTS if CHINESE or text.isascii()]


def read_right(engine: TextEngine) -> list[bool]:
    said = ["".join(plain(line.text) for line in lines) for lines in reading(engine)]
    return [plain(text) in found for text, found in zip(TEXTS, said, strict=False)]


def test_the_twelve_pictures_are_read(engine: TextEngine) -> None:
    right = read_right(engine)
    assert sum(right[:LATIN]) >= {"easyocr": 7, "rapidocr": 9, "tesseract": 7}[engine.name]
    if CHINESE:
        assert sum(right[LATIN:]) >= {"easyocr": 1, "rapidocr": 2, "tesseract": 0}[engine.name]


def test_lines_lie_where_the_text_is(engine: TextEngine) -> None:
    for lines, right in zip(reading(engine), read_right(engine), strict=True):
        for line in lines if right else ():
            x0, y0, x1, y1 = line.box
            assert 0 <= x0 < x1 <= 362
            assert 0 <= y0 < y1 <= 122
            assert 0 <= line.confidence <= 1
        if right:
            best = max(lines, key=lambda line: line.box[2] - line.box[0])
            assert 25 <= best.box[0] <= 55
            assert 25 <= best.box[1] <= 55
            assert abs(best.angle) < 5


def test_engines_agree_where_they_read_right() -> None:
    able = [load(n, o) for n, o in OPTIONS.items() if not find(ocr, TextEngine, n).missing(o)]
    for one in able:
        for other in able:
            for a, b, right in zip(reading(one), reading(other),
                                   map(all, zip(read_right(one), read_right(other), strict=True)),
                                   strict=True):  # fmt: skip
                if right:
                    assert overlap(hull(a), hull(b)) > 0.5


def hull(lines: list[TextLine]) -> tuple[int, int, int, int]:
    boxes = np.array([line.box for line in lines])
    return tuple(np.r_[boxes[:, :2].min(0), boxes[:, 2:].max(0)].tolist())


def overlap(a: tuple[int, ...], b: tuple[int, ...]) -> float:
    """Intersection over union."""
    wide, high = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)]
    shared = max(wide, 0) * max(high, 0)
    return shared / (sum(areas) - shared)


def test_places_are_told_in_the_pixels_of_the_picture(engine: TextEngine) -> None:
    large = np.kron(picture("Main Street"), np.ones((4, 4, 1), np.uint8))
    lines = [line for line in engine.read(large) if "main" in plain(line.text)]
    assert lines
    assert 110 <= lines[0].box[0] <= 210


@pytest.mark.parametrize("quarters", [1, 3])
def test_text_that_runs_up_or_down_is_read_along_itself(quarters: int) -> None:
    if missing := find(ocr, TextEngine, "rapidocr").missing(OPTIONS["rapidocr"]):
        pytest.skip(missing)
    upright = np.ascontiguousarray(np.rot90(picture("Getty Images"), quarters))
    lines = load("rapidocr", OPTIONS["rapidocr"]).read(upright)
    (line,) = [line for line in lines if plain(line.text) == "gettyimages"]
    assert abs(line.angle) == pytest.approx(90, abs=3)
    assert 20 < line.height < 60
    start, end = line.corners[1], line.corners[3]
    assert (start > end) is (quarters == 1)


def test_nothing_is_read_where_nothing_is(engine: TextEngine) -> None:
    plain_grey = np.full((80, 200, 3), 90, np.uint8)
    assert [line for line in engine.read(plain_grey) if line.confidence >= engine.sure] == []


def test_versions_name_the_weights(engine: TextEngine) -> None:
    versions = engine.versions()
    assert engine.name in versions
    assert all(isinstance(value, str) and value for value in versions.values())


def test_easyocr_without_weights_names_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(OptionError) as error:
        choose("easyocr", EngineOptions(models=tmp_path))
    for word in (DETECTOR, str(tmp_path), "--ocr-models", "--ocr-download", "rapidocr"):
        assert word in str(error.value)


def test_other_weights_under_the_name_are_refused(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    (tmp_path / DETECTOR).write_bytes(b"something else")
    with pytest.raises(VqaDataError, match="expected 4a5efbfb"):
        checked_weights(tmp_path / DETECTOR)


def test_a_pickle_with_code_is_refused_and_does_not_run(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")

    class Hostile:
        def __reduce__(self) -> Any:
            return (Path.touch, (tmp_path / "ran",))

    torch.save({"module.x": Hostile()}, tmp_path / "other_g2.pth")
    (tmp_path / "plain.pth").write_bytes(pickle.dumps(Hostile()))
    for name in ("other_g2.pth", "plain.pth"):
        with pytest.raises(VqaDataError, match="plain weights"):
            checked_weights(tmp_path / name)
    assert not (tmp_path / "ran").exists()


def test_easyocr_leaves_no_folder_to_import_from() -> None:
    if missing := find(ocr, TextEngine, "easyocr").missing(OPTIONS["easyocr"]):
        pytest.skip(missing)
    before = set(sys.path)
    load("easyocr", OPTIONS["easyocr"])
    assert set(sys.path) == before


def test_auto_takes_what_brings_its_weights_and_says_why() -> None:
    name, why = choose("auto", EngineOptions())
    assert name == "rapidocr"
    assert "brings its weights" in why


def test_auto_takes_easyocr_where_weights_are_given() -> None:
    if find(ocr, TextEngine, "easyocr").missing(OPTIONS["easyocr"]):
        pytest.skip("no weights of EasyOCR here")
    assert choose("auto", OPTIONS["easyocr"]).name == "easyocr"


def test_auto_says_what_it_could_not_take(tmp_path: Path) -> None:
    name, why = choose("auto", EngineOptions(models=tmp_path))
    assert name == "rapidocr"
    assert DETECTOR in why


def test_tesseract_names_its_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(OptionError, match="tesseract-ocr-chi-sim"):
        choose("tesseract", EngineOptions())


def test_an_unknown_language_is_named() -> None:
    kind = find(ocr, TextEngine, "tesseract")
    if kind.missing(EngineOptions()):
        pytest.skip("no tesseract here")
    assert "no language data xyz" in kind.missing(EngineOptions(languages=("xyz",)))


@pytest.mark.parametrize(
    ("shape", "side", "longest"),
    [
        ((100, 50), 640, 250),
        ((1000, 300), 640, 640),
        ((400, 500), 960, 960),
        ((700, 600), 960, 960),
        ((300, 360), 960, 900),
    ],
)
def test_large_pictures_are_reduced_and_small_ones_enlarged(
    shape: tuple[int, int], side: int, longest: int
) -> None:
    fitted, scale = fit(np.zeros((*shape, 3), np.uint8), side)
    assert max(fitted.shape) == longest
    assert scale == max(shape) / longest


def test_angles_and_heights_are_those_of_the_text() -> None:
    line = TextLine("a", 1, (10, 10, 30, 30, 25, 35, 5, 15))
    assert round(line.angle) == 45
    assert round(line.height, 1) == 7.1
    assert line.box == (5, 10, 30, 35)
    upside = TextLine("a", 1, (30, 10, 10, 10, 10, 5, 30, 5))
    assert upside.angle in (0, -0.0)
