"""Near-duplicates: fingerprints, the join, alignment, pairs and stars, on drawn pictures."""

from __future__ import annotations

import io
import itertools
from collections import Counter
from collections.abc import Iterable
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageEnhance, ImageFont, ImageOps

from tests.pictures import cropped, grey, jpeg, scene, with_another_thing, with_text
from vqadata.images import hamming
from vqadata.images.candidates import NEAREST, Crowd, candidates
from vqadata.images.edit import Looks, edit_of, in_words
from vqadata.images.glance import compare
from vqadata.images.hamming import LOOSE_RADIUS, Join, affordable, radius_for
from vqadata.images.likeness import CloseUp, close_up
from vqadata.images.near_pairs import Comparison, NearPair
from vqadata.images.perceptual import FINGERPRINT_BYTES, fingerprint, mirrored
from vqadata.images.prints import Prints
from vqadata.images.stars import stars


def found(
    *pictures: Image.Image, near: bool = True, mirror: bool = False
) -> dict[tuple[int, int], NearPair]:
    prints = Prints(pa.chunked_array([pa.array([fingerprint(grey(p)) for p in pictures])]))

    def close_ups(places: Iterable[int]) -> dict[int, CloseUp]:
        return {p: close_up(np.asarray(pictures[p].convert("RGB"))) for p in places}

    comparison = Comparison(prints, prints, (close_ups, close_ups), near, mirror)
    pairs = comparison.of(*candidates(prints, Crowd([]), mirror=mirror))
    return {(pair.left, pair.right): pair for pair in pairs}


def test_a_fingerprint_has_one_size_and_plain_pictures_have_none() -> None:
    assert len(fingerprint(grey(scene(1))) or b"") == FINGERPRINT_BYTES
    assert fingerprint(np.full((100, 100), 200, np.uint8)) is None
    assert fingerprint(grey(scene(1))[:20]) is None


def test_the_hash_of_the_mirror_image_is_an_exclusive_or() -> None:
    pixels = grey(scene(2, (256, 192)))
    one, other = (
        np.frombuffer(fingerprint(np.ascontiguousarray(p)) or b"", np.uint8)[None, :32]
        for p in (pixels, pixels[:, ::-1])
    )
    assert np.bitwise_count(mirrored(one) ^ other).sum() <= 1
    assert np.bitwise_count(one ^ other).sum() > 50


@pytest.mark.parametrize("few", [0, hamming.FEW], ids=["by buckets", "each with each"])
@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32), st.integers(3, 16), st.booleans())
def test_the_join_finds_what_comparing_all_finds(
    few: int, seed: int, radius: int, itself: bool
) -> None:
    rng = np.random.default_rng(seed)
    # Few free bits, so that buckets are shared and near pairs are many.
    mask = rng.integers(0, 2**64, dtype=np.uint64) & rng.integers(0, 2**64, dtype=np.uint64)
    hashes = np.unique(rng.integers(0, 2**64, 300, dtype=np.uint64) & mask)
    left, right = (hashes, hashes) if itself else (hashes[::2], hashes[1::2])
    apart = np.bitwise_count(left[:, None] ^ right[None])
    expected = np.argwhere(np.triu(apart <= radius, 1) if itself else apart <= radius)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hamming, "FEW", few)
        patch.setattr(hamming, "PAIRS", 64 * 300 if few else 300)  # given at a time
        pairs = Join(left, radius, None if itself else right)
        both = np.concatenate([np.stack(some, 1) for some in pairs])
    assert pairs.count == len(both)
    got = np.sort(both, axis=1) if itself else both
    assert sorted(map(tuple, got.tolist())) == sorted(map(tuple, expected.tolist()))


def test_the_radius_shrinks_at_once_where_a_sample_shows_too_many_pairs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hamming, "FEW", 100)
    monkeypatch.setattr(hamming, "TOO_MANY", 60_000)
    rng = np.random.default_rng(3)
    far = np.unique(rng.integers(0, 2**64, 1000, dtype=np.uint64))
    flips = rng.random((1000, 64)) < 0.08  # two of them differ in 9.4 bits
    near = np.unique(np.packbits(flips, axis=1).view(np.uint64).ravel())
    assert affordable(far, LOOSE_RADIUS) == affordable(far, LOOSE_RADIUS, near) == LOOSE_RADIUS
    assert affordable(near[:0], LOOSE_RADIUS) == LOOSE_RADIUS
    radius = affordable(near, LOOSE_RADIUS)
    assert 3 < radius < 9
    assert affordable(near, LOOSE_RADIUS, near) < LOOSE_RADIUS
    counts = [sum(len(left) for left, _ in Join(near, r)) for r in (radius, radius + 2)]
    assert counts[0] < 60_000 < counts[1]


def test_the_radius_shrinks_where_there_are_many() -> None:
    assert radius_for(100_000) == radius_for(1000, 100) == LOOSE_RADIUS
    assert 8 <= radius_for(1_000_000) < radius_for(500_000) < LOOSE_RADIUS


EDITS = {
    "re-encode": lambda p: Image.open(io.BytesIO(jpeg(p, 35))),
    "resize": lambda p: p.resize((170, 128)),
    "crop": cropped,
    "bright": lambda p: ImageEnhance.Brightness(p).enhance(1.2),
    "grey": ImageOps.grayscale,
    "combined": lambda p: ImageEnhance.Brightness(cropped(p).resize((230, 170))).enhance(0.9),
    "text": with_text,
}  # fmt: skip


@pytest.mark.parametrize("edit", EDITS)
def test_edits_are_found(edit: str) -> None:
    pictures = [scene(seed) for seed in range(20, 30)]
    edited = [EDITS[edit](picture) for picture in pictures]
    pairs = found(*pictures, *edited)
    assert set(pairs) <= {(n, n + 10) for n in range(10)}
    assert len(pairs) >= (8 if edit in ("text", "combined") else 10)


def test_pictures_with_another_thing_are_not_the_same() -> None:
    pictures = [scene(seed) for seed in range(40, 60)]
    assert found(*pictures, *map(with_another_thing, pictures), near=False) == {}
    assert len(found(*pictures, *map(with_another_thing, pictures))) <= 1


@pytest.mark.parametrize(("angle", "size", "outline", "least"), [(30, 34, 0, 4), (0, 48, 2, 5)])
def test_text_on_a_slant_and_in_bold_letters_is_an_edit(
    angle: int, size: int, outline: int, least: int
) -> None:
    pictures, edited = [scene(seed, (640, 480)) for seed in range(60, 66)], []
    for picture in pictures:
        layer = Image.new("RGBA", picture.size)
        font = ImageFont.load_default(size)
        ImageDraw.Draw(layer).text((320, 240), "HARBOUR NEWS", "white", font, "mm",
                                   stroke_width=outline, stroke_fill="black")  # fmt: skip
        edited.append(Image.alpha_composite(picture.convert("RGBA"), layer.rotate(angle)))
    pairs = found(*pictures, *(picture.convert("RGB") for picture in edited))
    assert set(pairs) <= {(n, n + 6) for n in range(6)}
    assert len(pairs) >= least
    assert {pair.level for pair in pairs.values()} == {"likely"}


def test_framings_beside_each_other_are_two_pictures() -> None:
    """Each shows what the other lacks, so that neither is a crop of the other one."""
    whole = [scene(seed, (400, 300)) for seed in range(70, 76)]
    left = [picture.crop((0, 0, 384, 300)) for picture in whole]
    right = [picture.crop((16, 0, 400, 300)) for picture in whole]
    assert found(*left, *right) == {}


def test_another_colour_of_the_same_light_is_another_picture() -> None:
    picture = scene(5)
    light, blue, red = picture.convert("YCbCr").split()
    turned = Image.merge("YCbCr", (light, ImageOps.invert(blue), ImageOps.invert(red)))
    assert found(picture, turned.convert("RGB")) == {}


def test_a_small_thing_in_another_colour_of_the_same_light_is_another_picture() -> None:
    picture = scene(5)
    light, blue, red = picture.convert("YCbCr").split()
    for band in (blue, red):
        band.paste(ImageOps.invert(band.crop((100, 80, 150, 130))), (100, 80))
    turned = Image.merge("YCbCr", (light, blue, red)).convert("RGB")
    assert not any(pair.level == "certain" for pair in found(picture, turned).values())


def test_a_tiny_thing_that_was_swapped_makes_a_pair_uncertain() -> None:
    picture = scene(9, (640, 480))
    other = picture.copy()
    for drawn, box in ((picture, (300, 200, 316, 216)), (other, (310, 205, 326, 221))):
        ImageDraw.Draw(drawn).ellipse(box, fill="white", outline="black")
    assert not any(pair.level == "certain" for pair in found(picture, other).values())


def table_of_numbers(seed: int) -> Image.Image:
    """A table with the same heads and lines for each seed, and other numbers."""
    numbers = np.random.default_rng(seed).uniform(1, 999, (10, 5))
    page = Image.new("RGB", (600, 420), "white")
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(16)
    for column, head in enumerate(("Year", "Hours", "Tons", "Miles", "Rate")):
        draw.text((30 + 112 * column, 24), head, "black", font)
        for row in range(10):
            place = 30 + 112 * column, 64 + 33 * row
            draw.text(place, f"{numbers[row, column]:.1f}", "black", font)
    for row in range(11):
        draw.line((20, 56 + 33 * row, 580, 56 + 33 * row), "grey")
    return page


def test_tables_of_other_numbers_are_told_apart_and_a_crop_is_not() -> None:
    one, other = table_of_numbers(1), table_of_numbers(2)
    assert found(one, other) == {}
    assert set(found(one, one.crop((6, 4, 600, 414)))) == {(0, 1)}


def test_mirror_images_are_looked_for_apart() -> None:
    picture = scene(7)
    assert found(picture, ImageOps.mirror(picture)) == {}
    pair = found(picture, ImageOps.mirror(picture), mirror=True)[0, 1]
    assert (pair.mirror, pair.level) == (True, "certain")


def test_the_edit_is_said_in_words() -> None:
    picture = scene(9, (400, 300))
    small = picture.crop((20, 0, 400, 300)).resize((190, 150))
    pair = found(picture, small)[0, 1]
    looks = [Looks(*p.size, "RGB", "JPEG") for p in (picture, small)]
    edit = edit_of(pair, False, looks[0], looks[1])
    assert edit["crop"] == pytest.approx([5, 0, 0, 0], abs=0.7)
    assert edit["size"] == pytest.approx(0.5, abs=0.02)
    assert in_words(edit).startswith("cropped by ")
    back = edit_of(pair, True, looks[1], looks[0])
    assert back["crop"] == pytest.approx([-5.3, 0, 0, 0], abs=0.8)
    assert "with more of the scene" in in_words(back)


def test_many_blank_pages_are_said_aloud() -> None:
    page = grey(scene(3))
    prints = Prints(pa.chunked_array([pa.array([fingerprint(page)] * 40 + [None])]))
    notes: list[str] = []
    left, right = candidates(prints, Crowd(notes))
    assert set(zip(left[:39].tolist(), right[:39].tolist(), strict=True)) == {
        (0, n) for n in range(1, 40)
    }
    assert "40 pictures share their hash" in notes[0]


def test_of_many_alike_drawings_the_nearest_are_compared_and_the_rest_is_told() -> None:
    rng = np.random.default_rng(0)
    wide = np.tile(rng.integers(0, 256, 32, dtype=np.uint8), (60, 1))
    # Different in up to 9 of the first 64 bits, so that all are near each other.
    wide[:, :4] ^= rng.integers(0, 256, (60, 4), dtype=np.uint8) & 0x11
    rows = [row.tobytes() + bytes(FINGERPRINT_BYTES - 32) for row in wide]
    prints, notes = Prints(pa.chunked_array([pa.array(rows)])), list[str]()
    left_out = Counter[int]()
    left, right = candidates(prints, Crowd(notes, rank=np.arange(60), left_out=left_out))
    assert np.bincount(right).max() == NEAREST
    assert left_out == {place: place - NEAREST for place in range(NEAREST + 1, 60)}
    assert (left < right).all()
    said = f"{60 * 59 // 2 - len(left):,} of 1,770 pairs"
    assert any(said in note for note in notes)


def test_pictures_of_one_group_are_not_compared() -> None:
    page = fingerprint(grey(scene(3)))
    prints = Prints(pa.chunked_array([pa.array([page] * 4)]))
    left, right = candidates(prints, Crowd([], apart=np.array([0, 0, 1, -1])))
    pairs = set(zip(left.tolist(), right.tolist(), strict=True))
    assert pairs == {(0, 2), (0, 3), (1, 2), (1, 3), (2, 3)}


class Alike:
    """Says that neighbours are alike, and counts what it is asked."""

    def __init__(self, *pairs: tuple[int, int]) -> None:
        self.pairs, self.asked = {*pairs}, 0

    def __call__(self, left: np.ndarray, right: np.ndarray) -> list[NearPair]:
        self.asked += len(left)
        both = zip(left.tolist(), right.tolist(), strict=True)
        return [NearPair(a, b, "likely", 0.1, (1, 0, 1, 0, 1, 0), False, False)
                for a, b in both if {(a, b), (b, a)} & self.pairs]  # fmt: skip


@pytest.mark.parametrize(
    ("order", "expected"), [([1, 0, 2, 3], {0: 1, 2: 1}), ([0, 3, 1, 2], {1: 0, 2: 3})]
)
def test_stars_do_not_chain(order: list[int], expected: dict[int, int]) -> None:
    rank = np.argsort(order)
    pairs = [(0, 1), (1, 2), (2, 3)]
    turned = np.array([sorted(pair, key=lambda p: rank[p]) for pair in pairs])
    found = stars(turned[:, 0], turned[:, 1], rank, Alike(*pairs))
    assert {member: middle for member, (middle, _) in found.items()} == expected


def test_copies_are_compared_with_the_kept_one_alone() -> None:
    better, worse = np.triu_indices(100, 1)
    compare = Alike(*zip(better.tolist(), worse.tolist(), strict=True))
    assert set(stars(better, worse, np.arange(100), compare)) == set(range(1, 100))
    assert compare.asked == 99


def test_a_candidate_stands_for_the_picture_that_is_kept_instead_of_it() -> None:
    # 2 has the member 1 as its only candidate, and is like its middle.
    found = stars(np.array([0, 1]), np.array([1, 2]), np.arange(3), Alike((0, 1), (0, 2)))
    assert {member: middle for member, (middle, _) in found.items()} == {1: 0, 2: 0}


def test_a_batch_of_plainly_different_pictures_leaves_nothing() -> None:
    one, other = (np.zeros((3, 64, 64), np.uint8) for _ in range(2))
    one[:, :32], other[:, 32:] = 255, 255
    left, fit, found = compare(one, other)
    assert len(left) == len(fit.numbers) == len(found.largest) == 0


def drawing(box: tuple[int, int, int, int], colour: str, ground: str) -> Image.Image:
    picture = Image.new("RGB", (128, 128), ground)
    ImageDraw.Draw(picture).ellipse(box, fill=colour)
    return picture


def test_drawings_of_one_kind_are_never_certain_and_their_ground_tells_them_apart() -> None:
    one = drawing((50, 50, 90, 90), "gray", "#e8eef5")
    moved = drawing((52, 49, 94, 91), "gray", "#f0ebfc")
    darker = drawing((50, 50, 90, 90), "black", "#e8eef5")
    assert found(one, moved) == {}
    assert found(one, darker) == {}
    assert {pair.level for pair in found(one, Image.open(io.BytesIO(jpeg(one, 60)))).values()} == {
        "likely"
    }


@pytest.mark.parametrize("block", [16, 50, 1 << 18])
@pytest.mark.parametrize("held", [1, 200, 1 << 17])
def test_the_nearest_are_those_that_a_plain_search_finds(
    block: int, held: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vqadata.images.candidates.BLOCK", block)
    monkeypatch.setattr("vqadata.images.candidates.HELD", held)
    monkeypatch.setattr(hamming, "FEW", 8)  # the join by buckets, which is for many
    chance = np.random.default_rng(5)
    centres = chance.integers(0, 2, (2, 256), dtype=np.uint8)
    bits = centres[chance.integers(0, 2, 120)] ^ (chance.random((120, 256)) < 0.04)
    wide = np.packbits(bits, axis=1)
    near = [
        (int((bits[a] != bits[b]).sum()), a, b)
        for a, b in itertools.combinations(range(120), 2)
        if (bits[a, :64] != bits[b, :64]).sum() <= LOOSE_RADIUS
    ]
    expected = set()
    for picture, side in itertools.product(range(120), (0, 1)):
        own = [(d, pair[1 - side], pair) for d, *pair in near if pair[side] == picture]
        expected |= {tuple(pair) for *_, pair in sorted(own)[:NEAREST]}
    left_out: Counter[int] = Counter()
    a, b = candidates(SimpleNamespace(wide=wide), Crowd([], left_out=left_out))
    assert list(zip(a.tolist(), b.tolist(), strict=True)) == sorted(expected)
    assert 0 < sum(left_out.values()) == len(near) - len(expected)
