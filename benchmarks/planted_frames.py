"""A third set with planted near-duplicates, held out: no threshold was chosen on it.

Base pictures are photos with real or drawn things pasted in softly, landscapes of noise with things
of their own shape, pages in two columns, and tables. OpenCV makes most edits (other filters, other
encoders, 4:4:4 and 4:2:0, WebP, PNG, text with its fonts), brightness is added or multiplied, grey
is another mean. Look-alikes: a thing removed by inpainting, moved, given another hue, or swapped
for one of the same mean colour; the next frame of a scene, where camera and things moved; a table
with other numbers, a page with another paragraph or with other words.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from benchmarks.planted_pairs import Planted, Rng

Picture = np.ndarray[Any, np.dtype[np.uint8]]
Mask = np.ndarray[Any, np.dtype[np.float32]]


class Scene(NamedTuple):
    """A ground and the thing on it that changes."""

    ground: Picture
    """uint8, shape (height, width, 3), RGB."""
    thing: Picture
    """Of the same shape: its colours everywhere."""
    mask: Mask
    """How much of it is seen, 0 to 1, shape (height, width)."""

    def drawn(self) -> Picture:
        """The picture."""
        return _mixed(self.ground, self.thing, self.mask)


def planted(photos: list[Image.Image], count: int, seed: int = 3) -> Iterator[Planted]:
    """The set: for each base picture one edit, for two in three a look-alike.

    Args:
        photos: Grounds are pieces of them.
        count: How many base pictures.
        seed: Another seed gives another set.
    """
    rng = np.random.default_rng(seed)
    arrays = [np.asarray(photo.convert("RGB")) for photo in photos]
    number, edits, changes = 0, [*EDITS], [*CHANGES]
    for place in range(count):
        sort = ("photo", "photo", "land", "photo", "page", "photo", "land", "table")[place % 8]
        if sort in ("page", "table"):
            base, other, changed = (a_page if sort == "page" else a_table)(rng)
        else:
            scene = a_scene(rng, arrays, sort == "land")
            changed = changes[place // 2 % len(changes)]
            base, other = scene.drawn(), CHANGES[changed](rng, scene, arrays)
        kind = edits[(place + place // 8) % len(edits)]
        of = number
        yield Planted(encoded(base, ".jpg", 94), 2 * place, "base", of)
        yield Planted(EDITS[kind](rng, base), 2 * place, kind, of)
        number += 2
        if place % 3:
            yield Planted(encoded(other, ".jpg", 93), 2 * place + 1, changed, of)
            number += 1


def encoded(picture: Picture, form: str, quality: int = 90, chroma: int = 0x221111) -> bytes:
    """The encoded picture; ``chroma`` is the sampling of JPEG's colours as OpenCV names it."""
    settings = {
        ".jpg": [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, chroma],
        ".webp": [cv2.IMWRITE_WEBP_QUALITY, quality],
        ".png": [],
    }
    bands = picture if picture.ndim == 2 else picture[:, :, ::-1]
    return bytes(cv2.imencode(form, bands, settings[form])[1])


def a_scene(rng: Rng, photos: list[Picture], land: bool) -> Scene:
    """A piece of a photo or a landscape of noise, with a thing in it."""
    width, height = [(640, 480), (480, 640), (600, 400), (512, 512)][rng.integers(4)]
    ground = a_land(rng, width, height) if land else a_piece(rng, photos, width, height)
    mask = a_mask(rng, width, height)
    if rng.random() < 0.5:
        thing = a_piece(rng, photos, width, height)
    else:
        thing = np.clip(a_land(rng, width, height) * rng.uniform(0.5, 1.4, 3), 0, 255)
    # In black, nobody sees another hue.
    return Scene(ground, np.clip(thing * 0.8 + 50, 0, 255).astype(np.uint8), mask)


def a_piece(rng: Rng, photos: list[Picture], width: int, height: int) -> Picture:
    """A piece of a photo, turned a little, with a tint."""
    photo = photos[rng.integers(len(photos))]
    least = max(width / photo.shape[1], height / photo.shape[0])
    scale = least * rng.uniform(1.3, 2.2)
    matrix = cv2.getRotationMatrix2D((photo.shape[1] / 2, photo.shape[0] / 2),
                                     rng.uniform(-6, 6), scale)  # fmt: skip
    slack = 0.35 * (np.array(photo.shape[1::-1]) * scale - (width, height))
    matrix[:, 2] += np.array((width, height)) / 2 - np.array(photo.shape[1::-1]) / 2
    matrix[:, 2] += rng.uniform(-1, 1, 2) * np.maximum(slack, 0)
    if rng.random() < 0.5:
        photo = np.ascontiguousarray(photo[:, ::-1])
    piece = cv2.warpAffine(photo, matrix, (width, height), flags=cv2.INTER_AREA,
                           borderMode=cv2.BORDER_REFLECT)  # fmt: skip
    return np.clip(piece * rng.uniform(0.8, 1.15, 3), 0, 255).astype(np.uint8)


def a_land(rng: Rng, width: int, height: int) -> Picture:
    """Noise whose power falls with its frequency, as in photos, in a few colours."""
    down, across = np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)
    falling = 1 / np.maximum(np.hypot(down, across), 1 / width) ** rng.uniform(0.9, 1.6)
    layers = []
    for _ in range(2):
        field = np.fft.ifft2(np.fft.fft2(rng.normal(size=(height, width))) * falling).real
        layers.append((field - field.mean()) / field.std())
    mean, one, two = rng.uniform(70, 180, 3), rng.uniform(-50, 50, 3), rng.uniform(-35, 35, 3)
    colours = mean + layers[0][..., None] * one + layers[1][..., None] * two
    return np.clip(colours, 0, 255).astype(np.uint8)


def a_mask(rng: Rng, width: int, height: int) -> Mask:
    """A round, jagged or long shape, a tenth to a third as wide as the picture, softly cut."""
    mask = np.zeros((height, width), np.float32)
    radius = width * rng.uniform(0.055, 0.16)
    middle = rng.uniform(0.2, 0.8, 2) * (width, height)
    angles = np.sort(rng.uniform(0, 2 * np.pi, 14))
    far = radius * rng.uniform(0.7, 1.15, 14) * (1 if rng.random() < 0.5 else 1.3)
    squeeze = rng.uniform(0.5, 1.0)
    points = middle + np.stack([np.cos(angles) * far, np.sin(angles) * far * squeeze], 1)
    cv2.fillPoly(mask, [points.astype(np.int32)], 1.0, cv2.LINE_AA)
    return cv2.GaussianBlur(mask, (0, 0), rng.uniform(0.8, 2.5)).astype(np.float32)


def _mixed(ground: Picture, thing: Picture, mask: Mask) -> Picture:
    out: Picture = (ground * (1 - mask[..., None]) + thing * mask[..., None]).astype(np.uint8)
    return out


def removed(_: Rng, scene: Scene, __: list[Picture]) -> Picture:
    """The thing is gone, what was behind it is made up."""
    hole = (scene.mask > 0.02).astype(np.uint8) * 255
    hole = cv2.dilate(hole, np.ones((5, 5), np.uint8))
    return np.asarray(cv2.inpaint(scene.drawn(), hole, 5, cv2.INPAINT_TELEA))


def _shifted(picture: Any, by: tuple[float, float], scale: float = 1.0) -> Any:
    height, width = picture.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), 0, scale)
    matrix[:, 2] += by
    return cv2.warpAffine(picture, matrix, (width, height), flags=cv2.INTER_LINEAR,
                          borderMode=cv2.BORDER_REFLECT)  # fmt: skip


def moved(rng: Rng, scene: Scene, _: list[Picture]) -> Picture:
    """The thing is elsewhere, by half to all its own width or so."""
    way = rng.uniform(0, 2 * np.pi)
    far = scene.mask.shape[1] * rng.uniform(0.09, 0.2)
    by = (float(np.cos(way) * far), float(np.sin(way) * far))
    return _mixed(scene.ground, _shifted(scene.thing, by), _shifted(scene.mask, by))


def other_hue(rng: Rng, scene: Scene, _: list[Picture]) -> Picture:
    """The thing has another hue, strong enough to be named otherwise."""
    hsv = cv2.cvtColor(scene.thing, cv2.COLOR_RGB2HSV).astype(np.int32)
    hsv[..., 0] = (hsv[..., 0] + int(rng.integers(50, 130))) % 180
    hsv[..., 1] = np.clip(hsv[..., 1] + 90, 0, 255)
    return _mixed(scene.ground, cv2.cvtColor(hsv.astype(np.uint8), cv2.COLOR_HSV2RGB), scene.mask)


def swapped(rng: Rng, scene: Scene, photos: list[Picture]) -> Picture:
    """Another thing of the same mean colour stands there."""
    height, width = scene.mask.shape
    other = a_piece(rng, photos, width, height).astype(np.float32)
    inside = scene.mask > 0.5
    other += scene.thing[inside].mean(0) - other[inside].mean(0)
    return _mixed(scene.ground, np.clip(other, 0, 255).astype(np.uint8), a_like(rng, scene.mask))


def a_like(rng: Rng, mask: Mask) -> Mask:
    """A shape of another outline at the same place."""
    rows, columns = np.nonzero(mask > 0.5)
    out = np.zeros_like(mask)
    centre = (int(columns.mean()), int(rows.mean()))
    axes = (int(np.ptp(columns) / 2) + 1, int(np.ptp(rows) / 2) + 1)
    cv2.ellipse(out, centre, axes, float(rng.uniform(0, 40)), 0, 360, 1.0, -1, cv2.LINE_AA)
    return cv2.GaussianBlur(out, (0, 0), 1.5).astype(np.float32)


def next_frame(rng: Rng, scene: Scene, _: list[Picture]) -> Picture:
    """Camera and thing have moved, each its own way, and the noise is another."""
    width = scene.mask.shape[1]
    camera = rng.uniform(-0.04, 0.04, 2) * width
    way = rng.uniform(0, 2 * np.pi)
    step = np.array((np.cos(way), np.sin(way))) * width * rng.uniform(0.07, 0.16)
    ground = _shifted(scene.ground, tuple(camera), 1.05)
    by = tuple(camera + step)
    frame = _mixed(ground, _shifted(scene.thing, by, 1.05), _shifted(scene.mask, by, 1.05))
    return np.clip(frame + rng.normal(0, 3, frame.shape), 0, 255).astype(np.uint8)


Change = Callable[[Rng, Scene, list[Picture]], Picture]
CHANGES: dict[str, Change] = {
    "removed": removed,
    "moved": moved,
    "hue": other_hue,
    "swapped": swapped,
    "frame": next_frame,
}

Pair = tuple[Picture, Picture, str]


def a_page(rng: Rng) -> Pair:
    """A page in two columns, and one with another paragraph, other words, or all other text."""
    kind = ("paragraph", "words", "page")[rng.integers(3)]
    text = [[_words(rng, 5) for _ in range(26)] for _ in range(2)]
    other = [[*column] for column in text]
    if kind == "paragraph":
        start = int(rng.integers(0, 20))
        other[rng.integers(2)][start : start + 6] = [_words(rng, 5) for _ in range(6)]
    elif kind == "words":
        other = [[" ".join([_words(rng, 1), *line.split()[1:]]) for line in c] for c in text]
    else:
        other = [[_words(rng, 5) for _ in range(26)] for _ in range(2)]
    title = _words(rng, 3).title()
    return _page(title, text), _page(title, other), kind


def _page(title: str, columns: list[list[str]]) -> Picture:
    page = Image.new("RGB", (640, 800), (253, 252, 248))
    draw = ImageDraw.Draw(page)
    draw.text((50, 30), title, (15, 15, 15), ImageFont.load_default(28))
    for place, lines in enumerate(columns):
        for row, line in enumerate(lines):
            at = (50 + 285 * place, 90 + 26 * row)
            draw.text(at, line, (35, 35, 35), ImageFont.load_default(15))
    return np.asarray(page)


def _words(rng: Rng, count: int) -> str:
    letters = list(string.ascii_lowercase[:20])
    return " ".join("".join(rng.choice(letters, rng.integers(3, 8))) for _ in range(count))


def a_table(rng: Rng) -> Pair:
    """A table of numbers, and one with the same heads and other numbers."""
    heads = [_words(rng, 1).title() for _ in range(5)]
    both = []
    for _ in range(2):
        page = Image.new("RGB", (600, 420), "white")
        draw = ImageDraw.Draw(page)
        for column, head in enumerate(heads):
            draw.text((30 + 112 * column, 24), head, "black", ImageFont.load_default(17))
            for row in range(10):
                said = f"{rng.uniform(1, 999):.1f}"
                draw.text((30 + 112 * column, 64 + 33 * row), said, (20, 20, 20),
                          ImageFont.load_default(16))  # fmt: skip
        for row in range(11):
            draw.line((20, 56 + 33 * row, 580, 56 + 33 * row), (150, 150, 150))
        both.append(np.asarray(page))
    return both[0], both[1], "table"


def recoded(rng: Rng, picture: Picture) -> bytes:
    """WebP, PNG, or JPEG with all colours or a quarter of them."""
    forms = [(".webp", 75), (".webp", 25), (".png", 0), (".jpg", 28), (".jpg", 55)]
    form, quality = forms[rng.integers(5)]
    return encoded(picture, form, quality, (0x111111, 0x221111)[rng.integers(2)])


def _cut(rng: Rng, picture: Picture, most: float) -> Picture:
    height, width = picture.shape[:2]
    cut = rng.uniform(0.004, most, 4) * rng.permutation([1, 1, rng.random() < 0.5, 0])
    top, bottom = int(cut[0] * height), height - int(cut[1] * height)
    left, right = int(cut[2] * width), width - int(cut[3] * width)
    return picture[top:bottom, left:right]


def _sized(rng: Rng, picture: Picture, scale: float) -> Picture:
    kind = (cv2.INTER_AREA, cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4)
    size = (round(picture.shape[1] * scale), round(picture.shape[0] * scale))
    return np.asarray(cv2.resize(picture, size, interpolation=kind[rng.integers(4)]))


def _lit(rng: Rng, picture: Picture) -> Picture:
    by, more = float(rng.uniform(0.75, 1.3)), float(rng.uniform(-35, 35))
    alpha, beta = ((by, 0.0), (1.0, more))[rng.integers(2)]
    return np.asarray(cv2.convertScaleAbs(np.clip(picture * alpha + beta, 0, 255)))


def resized(rng: Rng, picture: Picture) -> bytes:
    """A third of the width to half as much again."""
    return encoded(_sized(rng, picture, float(rng.uniform(0.33, 1.5))), ".jpg", 87)


def cropped(rng: Rng, picture: Picture) -> bytes:
    """Up to 5% off two or three sides."""
    return encoded(_cut(rng, picture, 0.05), ".jpg", 89)


def lighter(rng: Rng, picture: Picture) -> bytes:
    """Brighter or darker, by a factor or by some levels."""
    return encoded(_lit(rng, picture), ".jpg", 88)


def combined(rng: Rng, picture: Picture) -> bytes:
    """Cropped, brighter or darker, smaller, as WebP or JPEG."""
    small = _sized(rng, _lit(rng, _cut(rng, picture, 0.04)), float(rng.uniform(0.45, 0.95)))
    return encoded(small, (".webp", ".jpg")[rng.integers(2)], int(rng.integers(50, 80)))


def greyed(rng: Rng, picture: Picture) -> bytes:
    """Without colours: luma, or the mean of the three."""
    luma, mean = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), picture.mean(2).astype(np.uint8)
    return encoded((luma, mean)[rng.integers(2)], ".jpg", 85)


def written(rng: Rng, picture: Picture) -> bytes:
    """A caption of a line or two, with an outline or without."""
    out, height = picture.copy(), picture.shape[0]
    scale, face = height / 480 * rng.uniform(0.7, 1.6), int(rng.choice([0, 2, 3, 4]))
    colour = [(255, 255, 255), (0, 0, 0), (255, 230, 0), (200, 20, 20)][rng.integers(4)]
    top = int(height * rng.choice([0.12, 0.5, 0.88]))
    for line in range(rng.integers(1, 3)):
        said, at = _words(rng, 2), (int(rng.integers(8, 60)), top + int(line * 30 * scale))
        thick = max(1, round(scale * 2))
        if rng.random() < 0.5:
            cv2.putText(out, said, at, face, scale, tuple(255 - c for c in colour), thick + 3,
                        cv2.LINE_AA)  # fmt: skip
        cv2.putText(out, said, at, face, scale, colour, thick, cv2.LINE_AA)
    return encoded(out, ".jpg", 90)


EDITS: dict[str, Callable[[Rng, Picture], bytes]] = {
    "recoded": recoded,
    "resized": resized,
    "cropped": cropped,
    "lighter": lighter,
    "combined": combined,
    "greyed": greyed,
    "written": written,
}
