"""The second look: what a relief shows, and that it counts only where it shows a mark."""

from __future__ import annotations

from typing import Any, ClassVar

import cv2
import numpy as np
import pytest

from tests.watermarks.drawing import letters, rgb, scene
from vqadata import ocr
from vqadata.cleaning.engine_choice import load
from vqadata.cleaning.text_engine import EngineOptions, TextEngine, TextLine
from vqadata.discover import find
from vqadata.watermarks.key import plain
from vqadata.watermarks.looking import FEW, Looked, look
from vqadata.watermarks.relief import MIDDLE, SIDE, STRONGER, joined, read_relief, relief

CREDIT = (300, 455, 420, 468)
SIGN = (200, 100, 420, 160)


def line(text: str, box: tuple[int, ...] = CREDIT, sure: float = 0.9) -> TextLine:
    a, b, c, d = (float(value) for value in box)
    return TextLine(text, sure, (a, b, c, b, c, d, a, d))


class Told(TextEngine):
    """Says what it is told to say, first of the picture and then of its relief."""

    name: ClassVar[str] = "told"

    def __init__(self, *said: list[TextLine]) -> None:
        self.options, self.said, self.sides = EngineOptions(), list(said), []  # type: ignore[var-annotated]

    def versions(self) -> dict[str, str]:
        return {}

    @classmethod
    def missing(cls, options: EngineOptions) -> str:
        return ""

    def read_fitted(self, rgb: Any) -> list[TextLine]:
        self.sides.append(max(rgb.shape[:2]))
        factor = max(rgb.shape[:2]) / 640  # what it is told is in pixels of the picture
        return [one._replace(corners=tuple(c * factor for c in one.corners))
                for one in self.said.pop(0)]  # fmt: skip


def photo() -> Any:
    return rgb(scene(np.random.default_rng(4), 480, 640))


def looked(*said: list[TextLine], picture: Any = None) -> tuple[Looked, list[int]]:
    engine = Told(*said)
    shown = photo() if picture is None else picture
    return look(engine, shown, cv2.cvtColor(shown, cv2.COLOR_RGB2GRAY)), engine.sides


def texts(found: Looked) -> list[str]:
    return [one.text for one in found.lines]


def test_a_mark_that_only_the_relief_shows_counts() -> None:
    found, sides = looked([line("MAIN STREET", SIGN)], [line("Photo by J. Poe")])
    assert texts(found) == ["MAIN STREET", "Photo by J. Poe"]
    assert sides == [960, SIDE]
    assert found.lines[1].box == pytest.approx(CREDIT, abs=2)


@pytest.mark.parametrize("said", ["BAKERY", "oooo", "12:30"])
def test_other_text_of_the_relief_does_not_count(said: str) -> None:
    found, sides = looked([line("MAIN STREET", SIGN)], [line(said)])
    assert texts(found) == ["MAIN STREET"]
    assert sides == [960, SIDE]


def test_what_is_unsure_in_the_relief_does_not_count() -> None:
    found, _ = looked([], [line("Photo by J. Poe", sure=0.5)])
    assert texts(found) == []


def test_a_picture_that_shows_a_mark_is_looked_at_once() -> None:
    assert looked([line("Photo by J. Poe")])[1] == [960]


def test_a_picture_with_much_text_is_looked_at_once() -> None:
    lines = [line(f"ROAD {n}", (50, 40 * n, 250, 40 * n + 30)) for n in range(FEW + 1)]
    assert looked(lines)[1] == [960]
    assert looked(lines[1:], [])[1] == [960, SIDE]


def test_a_sheet_is_looked_at_once() -> None:
    assert looked([], picture=np.full((480, 640, 3), 250, np.uint8))[1] == [960]


def test_at_one_place_the_relief_counts() -> None:
    kept = joined([line("(e) Poe", CREDIT), line("CAFE", SIGN)], [line("(c) Poe", CREDIT)])
    assert [one.text for one in kept] == ["CAFE", "(c) Poe"]


def test_a_relief_shows_what_is_fine_stronger_and_nothing_broad() -> None:
    slope = np.tile(np.linspace(20, 220, 640, dtype=np.float32), (200, 1))
    slope[90:110, 300:304] += 10
    shown = relief(rgb(slope.astype(np.uint8)))[..., 0].astype(float)
    assert np.abs(shown[:60, 100:540] - MIDDLE).max() <= STRONGER + 1
    assert shown[100, 302] - shown[60, 302] > 2 * 10


def test_a_relief_is_read_where_the_picture_is_not() -> None:
    if missing := find(ocr, TextEngine, "rapidocr").missing(EngineOptions()):
        pytest.skip(missing)
    engine = load("rapidocr", EngineOptions())
    ground = cv2.GaussianBlur(scene(np.random.default_rng(7), 480, 640), (0, 0), 6).astype(float)
    cover = letters("shutterstock", 44).astype(float) / 255
    high, wide = cover.shape
    window = ground[220 : 220 + high, 180 : 180 + wide]
    window += 7 * cover
    faint = rgb(np.clip(ground, 0, 255).astype(np.uint8))

    def read(lines: list[TextLine]) -> bool:
        return any(plain(one.text) == "shutterstock" and one.confidence >= 0.6 for one in lines)

    assert not read(engine.read(faint))
    assert read(read_relief(engine, faint))
