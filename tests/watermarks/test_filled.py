"""A masked picture says where it was filled, and is clean in a second clean."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from tests.watermarks.drawing import jpeg, scene, stamped
from vqadata.images.filled import KEYWORD, boxes_of, is_filled
from vqadata.images.view import View
from vqadata.overlay.finding import find_overlays
from vqadata.overlay.tally import OverlayTally
from vqadata.watermarks.erase import encoded

PLACE = (180, 205, 320, 240)


def marked(number: int) -> bytes:
    grey = scene(np.random.default_rng(number), 240, 320) // 3 + 30
    return jpeg(stamped(grey, "alamy stock photo", 18, 1.0, (-6, -6)), 90)


def carriers(data: dict[str, bytes]) -> set[str]:
    tally = OverlayTally()
    for digest, each in data.items():
        tally.add(View(digest, digest, each), "all")
    found = find_overlays("all", tally.groups["all"], [*data],
                          lambda digests: (View(d, d, data[d]) for d in digests))  # fmt: skip
    return {digest for overlay in found for digest in overlay.carriers}


def test_what_was_filled_is_no_mark() -> None:
    """The same pixels are a mark, unless the picture says that the place was filled."""
    data = {f"{n:032x}": marked(n) for n in range(12)}
    assert carriers(data) == set(data)
    rgb = {d: np.asarray(Image.open(io.BytesIO(each)).convert("RGB")) for d, each in data.items()}
    told = [*data][:6]
    said = {d: encoded(rgb[d], None, [PLACE] if d in told else []) for d in data}
    assert carriers(said) == set(data) - set(told)


def test_a_picture_says_what_was_filled() -> None:
    data = encoded(np.zeros((40, 40, 3), np.uint8), None, [(1, 2, 30, 9), (1, 2, 30, 9)])
    assert View("a.png", "0" * 32, data).filled == [(1, 2, 30, 9)]


@pytest.mark.parametrize("said", ["", "[[1, 2]]", '[["a", 1, 2, 3]]', "7", "null"])
def test_a_chunk_that_says_something_else_says_nothing(said: str) -> None:
    assert boxes_of({KEYWORD: said}) == []


def test_a_place_is_filled_if_most_of_it_was() -> None:
    assert is_filled((100, 100, 200, 120), [(100, 100, 140, 120), (160, 100, 200, 120)])
    assert not is_filled((100, 100, 200, 120), [(100, 100, 130, 120)])
    assert is_filled((0, 15, 8, 25), [(4, 16, 34, 39)])  # the rim of what was filled
