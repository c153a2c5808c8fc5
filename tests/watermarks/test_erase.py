"""Masks: the strokes and nothing but the strokes, and what stands in their place."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from tests.watermarks.drawing import rgb, scene, stamped
from vqadata.watermarks.erase import (
    STEPS,
    Piece,
    clipped,
    encoded,
    filled,
    ink,
    mask_of,
    strokes,
    untouched,
)
from vqadata.watermarks.sheet import Shown, write_pairs, write_sheet


def marked(alpha: float = 0.8) -> tuple[np.ndarray, np.ndarray, tuple[float, ...]]:  # type: ignore[type-arg]
    """A scene, the same with a text at the lower right, and the corners of the text."""
    plain = (scene(np.random.default_rng(3), 120, 300) // 2).astype(np.uint8)
    inked = stamped(plain, "alamy photo", 20, alpha, (-10, -10))
    ys, xs = np.nonzero(plain != inked)
    x0, y0, x1, y1 = xs.min(), ys.min(), xs.max(), ys.max()
    return plain, inked, tuple(map(float, (x0, y0, x1, y0, x1, y1, x0, y1)))


def test_pieces_that_lie_over_each_other_count_once() -> None:
    stroke = np.ones((2, 6), bool)
    pieces = [Piece((0, 0, 6, 2), stroke), Piece((2, 0, 8, 2), stroke)]
    assert ink(pieces, (4, 10)) == 16


def test_strokes_cover_the_letters_and_not_the_box() -> None:
    plain, inked, corners = marked()
    mask = mask_of([strokes(inked, corners, 20)], inked.shape, 0)
    ink = np.abs(inked.astype(int) - plain) > 25
    assert mask[ink].mean() > 0.97
    box = (corners[4] - corners[0]) * (corners[5] - corners[1])
    assert mask.sum() < 1.2 * box


def test_filling_comes_nearer_to_what_was_there() -> None:
    plain, inked, corners = marked()
    mask = mask_of([strokes(inked, corners, 20)], inked.shape, 0)
    after = filled(rgb(inked), mask)[..., 0].astype(int)
    assert np.abs(after - plain)[mask].mean() < 0.5 * np.abs(inked.astype(int) - plain)[mask].mean()
    assert np.array_equal(after[~mask], inked[~mask])


def test_masks_widen_step_by_step_up_to_the_box() -> None:
    _, inked, corners = marked()
    piece = strokes(inked, corners, 20)
    masks = [mask_of([piece], inked.shape, step) for step in range(len(STEPS) + 1)]
    assert masks[0].sum() < masks[1].sum() < masks[2].sum()
    x0, y0, x1, y1 = piece.box
    assert masks[-1][y0:y1, x0:x1].all()


@pytest.mark.parametrize("colours", [True, False])
def test_png_keeps_every_pixel(colours: bool) -> None:
    picture = rgb(scene(np.random.default_rng(1), 50, 60))
    if colours:
        picture = picture.copy()
        picture[..., 2] //= 2
    data = encoded(picture)
    again = Image.open(io.BytesIO(data))
    assert again.mode == ("RGB" if colours else "L")
    assert np.array_equal(np.asarray(again.convert("RGB")), picture)


def test_a_pixel_that_changed_outside_the_mask_is_noticed() -> None:
    picture = rgb(scene(np.random.default_rng(1), 50, 60)).copy()
    mask = np.zeros((50, 60), bool)
    mask[5:9, 5:9] = True
    inside, outside = picture.copy(), picture.copy()
    inside[6, 6] ^= 1
    outside[20, 20] ^= 1
    assert untouched(picture, encoded(inside), mask)
    assert not untouched(picture, encoded(outside), mask)


def test_boxes_are_clipped_to_the_picture() -> None:
    assert clipped((-5, -5, 500, 40), (30, 60), 3) == (0, 0, 60, 30)
    empty = Piece((0, 0, 0, 0), np.zeros((0, 0), bool))
    assert not mask_of([empty], (20, 20), 3).any()


def test_sheets_show_boxes_in_colour(tmp_path: object) -> None:
    from pathlib import Path

    folder = Path(str(tmp_path))
    picture = rgb(scene(np.random.default_rng(1), 500, 700))
    write_sheet([Shown(picture, [(10, 10, 300, 200)])] * 7, folder / "sheet.png")
    sheet = np.asarray(Image.open(folder / "sheet.png"))
    assert sheet.shape == (480, 1500, 3)
    assert ((sheet[..., 0] == 255) & (sheet[..., 1] == 40)).sum() > 200
    write_pairs([(Shown(picture, [(10, 10, 300, 200)]), picture)], folder / "pairs.png")
    assert (folder / "pairs.png").is_file()
    write_sheet([], folder / "none.png")
    assert not (folder / "none.png").exists()
