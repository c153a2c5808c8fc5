"""The overlay detector: found where it is, nothing where there is none, the same in any order."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.watermarks.drawing import jpeg, scene, stamped
from vqadata.groundwork.digests import bytes_digest
from vqadata.images.view import View
from vqadata.overlay.agreement import Agreement, signs, zone_signs
from vqadata.overlay.finding import Overlay, find_overlays
from vqadata.overlay.imprint import ROOM, Imprint
from vqadata.overlay.region import without_lines
from vqadata.overlay.tally import OverlayTally
from vqadata.overlay.zone import ZONES, cut


def view(grey: Any) -> View:
    data = jpeg(grey)
    return View("a.jpg", bytes_digest(data), data)


def tallied(views: list[View], group: str = "g") -> OverlayTally:
    tally = OverlayTally()
    for one in views:
        tally.add(one, group)
    return tally


def found(views: list[View]) -> list[Overlay]:
    by_digest = {one.digest: one for one in views}

    def again(digests: Any) -> Iterator[View]:
        return (by_digest[digest] for digest in by_digest if digest in set(digests))

    return find_overlays("g", tallied(views).groups["g"], list(by_digest), again)


def scenes(count: int, seed: int = 0, **mark: Any) -> tuple[list[View], set[str]]:
    """Pictures of which every third one carries a mark, if one is given; and those that do."""
    rng = np.random.default_rng(seed)
    views, marked = [], set()
    for number in range(count):
        grey = scene(rng, 240 + 8 * (number % 4), 320 + 24 * (number % 5))
        if mark and number % 3 == 0:
            one = view(stamped(grey, **mark))
            marked.add(one.digest)
        else:
            one = view(grey)
        views.append(one)
    return views, marked


@pytest.mark.parametrize(
    ("zone", "mark"),
    [
        ("bottom-right", {"text": "PhotoHost", "alpha": 0.25}),
        ("top-left", {"text": "ARCHIVE 7", "alpha": 0.4, "place": (10, 12)}),
    ],
)
def test_a_faint_mark_in_a_third_of_the_pictures_is_found(zone: str, mark: dict[str, Any]) -> None:
    views, marked = scenes(120, **mark)
    overlay = found(views)[0]
    assert overlay.zone == zone
    assert len(overlay.carriers.keys() & marked) >= 0.8 * len(marked)
    assert overlay.carriers.keys() <= marked


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_nothing_is_found_where_nothing_recurs(seed: int) -> None:
    assert found(scenes(90, seed)[0]) == []


def test_frames_and_axes_are_no_marks() -> None:
    views = []
    for number in range(60):
        grey = scene(np.random.default_rng(number)).copy()
        grey[:, :6], grey[:6], grey[-9:] = 255, 0, 255  # a frame
        grey[200, 30:300], grey[20:200, 30] = 0, 0  # axes
        views.append(view(grey))
    assert found(views) == []


def test_the_layout_of_charts_is_told_from_marks() -> None:
    views = []
    for number in range(40):
        rng = np.random.default_rng(number)
        grey = np.full((240, 320), 255, np.uint8)
        for bar in range(4):
            grey[int(rng.integers(60, 190)) : 200, 40 + 60 * bar : 80 + 60 * bar] = 90
        views.append(view(255 - stamped(255 - grey, "North East", 15, 1.0, (60, 215))))
    overlays = found(views)
    assert overlays
    assert all(overlay.is_layout for overlay in overlays)


def test_few_pictures_say_nothing() -> None:
    assert found(scenes(7, text="PhotoHost", alpha=1.0)[0]) == []


def test_the_learnt_mark_looks_like_the_mark() -> None:
    overlay = found(scenes(120, text="PhotoHost", alpha=0.5)[0])[0]
    mean, strokes = overlay.imprint.mean(), overlay.imprint.strokes()
    assert mean[strokes].mean() > 20
    assert abs(mean[~strokes].mean()) < 3


def test_large_letters_are_strokes_to_their_middle() -> None:
    """In a small window they would be more than half of it, and pass for the ground."""
    bars = np.zeros((36, 180), bool)
    for stroke in range(0, 180, 9):
        bars[:, stroke : stroke + 6] = True
    height, width = bars.shape
    box = (20, 60, 20 + width, 60 + height)
    template: Any = SimpleNamespace(weights=np.zeros((2, 1, height, width)), box=lambda *_: box)
    imprint = Imprint(template)
    for shade in range(200, 250, 5):
        grey = np.full((160, width + 40), shade, np.uint8)
        grey[60 : 60 + height, 20 : 20 + width][bars] = 90
        imprint.add(grey)
    strokes = imprint.strokes()[ROOM:-ROOM, ROOM:-ROOM]
    assert strokes[bars].mean() > 0.98
    assert strokes[~bars].mean() < 0.02


def test_order_and_pieces_make_no_difference() -> None:
    views, _ = scenes(20, text="PhotoHost")
    whole, first, second = tallied(views), tallied(views[12:]), tallied(views[11::-1])
    first.merge(second)
    assert first.to_bytes() == whole.to_bytes()
    again = OverlayTally().from_bytes(whole.to_bytes())
    assert again.to_bytes() == whole.to_bytes()
    assert set(again.groups) == {"g"}


def test_groups_are_kept_apart() -> None:
    views, _ = scenes(4)
    tally = tallied(views[:2], "a")
    tally.merge(tallied(views[2:], "b"))
    assert set(tally.groups) == {"a", "b"}


@pytest.mark.parametrize("zone", ZONES, ids=lambda zone: zone.name)
@pytest.mark.parametrize("shape", [(40, 50), (96, 256), (500, 700)])
def test_zones_keep_their_anchor(zone: Any, shape: tuple[int, int]) -> None:
    grey = np.arange(shape[0] * shape[1], dtype=np.int64).reshape(shape) % 251
    part, top, left = cut(grey.astype(np.uint8), zone)
    y, x = zone.corner(*shape)
    assert part.shape[0] + top <= zone.height
    assert part.shape[1] + left <= zone.width
    if part.size:
        assert part[0, 0] == grey[max(y, 0), max(x, 0)]
    assert zone_signs(grey.astype(np.uint8), zone).shape == (2, zone.height, zone.width)


def test_signs_are_those_of_the_gradient() -> None:
    grey = np.zeros((5, 8), np.uint8)
    grey[:, 4:] = 200
    dx, dy = signs(grey)
    assert dx[2].tolist() == [0, 0, 0, 1, 1, 0, 0, 0]
    assert not dy.any()


def test_sums_do_not_overflow_a_byte() -> None:
    agreement = Agreement(ZONES[0])
    ones = np.ones((2, ZONES[0].height, ZONES[0].width), np.int8)
    for _ in range(300):
        agreement.add(ones, 0)
    assert agreement.sums[0].min() == 300
    tally = tallied(scenes(1)[0], "g")
    tally.groups["g"][0] = agreement
    assert OverlayTally().from_bytes(tally.to_bytes()).groups["g"][0].sums.max() == 300


def test_straight_runs_are_taken_out_and_letters_stay() -> None:
    weights = np.zeros((2, 40, 60), np.float32)
    weights[0, 5, :] = 3
    weights[1, 10:16, 10:14] = -3
    left = without_lines(weights)
    assert not left[0].any()
    assert np.array_equal(left[1], weights[1])


def test_a_broken_picture_is_in_no_tally() -> None:
    from vqadata.images.header import BadPicture

    with pytest.raises(BadPicture):
        OverlayTally().add(View("a", "0", b"no picture"), "g")


def test_stage_one_is_fast_enough() -> None:
    """A hundred pictures a second and core with decoding: 10 ms; a slow machine gets twice that."""
    views = [view(np.tile(scene(np.random.default_rng(n)), (2, 2))) for n in range(20)]
    start = time.process_time()
    tallied(views)
    assert (time.process_time() - start) / 20 < 0.02


def test_medpix_is_in_every_picture_of_vqa_rad(real_data: Any) -> None:
    files = sorted((real_data("vqa_rad") / "images").glob("*.jpg"))
    views = [View(f.name, bytes_digest(d := f.read_bytes()), d) for f in files]
    overlay = found(views)[0]
    assert overlay.zone == "top-right"
    assert len(overlay.carriers) >= 0.99 * overlay.large_enough
    others = [f for n in ("mmocr", "skimage", "aokvqa") for f in real_data(n).rglob("*.*")]
    for file in others:
        if file.suffix in (".jpg", ".png", ".jpeg"):
            out = io.BytesIO()
            Image.open(file).convert("L").save(out, "PNG")
            one = View(file.name, bytes_digest(out.getvalue()), out.getvalue())
            from vqadata.overlay.template import see

            assert not see(one.grey, one.digest, overlay.learnt.template).carries
