"""A second set with planted near-duplicates, written apart from :mod:`benchmarks.planted_pairs`.

Thresholds were chosen on the first set; this one holds them to account. Other tools make its edits
(Pillow's ImageEnhance and ImageOps, WebP, PNG, gamma), and its pictures are whole photos, drawn
scenes of solids on a table, charts, and letters. One thing of a look-alike is painted over, has
another colour, is doubled, or is cloned from elsewhere; a chart has another bar; a letter has
another word in every line.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from itertools import count as count_up

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageFont, ImageOps

from benchmarks.planted_pairs import Planted, Rng

Box = tuple[int, int, int, int]


def planted(photos: list[Image.Image], count: int, seed: int = 1) -> Iterator[Planted]:
    """The set: for each base picture one edit, for two in three a look-alike.

    Args:
        photos: Whole photos; each is shown in several framings that differ by far more than 5%.
        count: How many base pictures.
        seed: Another seed gives another set.
    """
    rng = np.random.default_rng(seed)
    number = group = 0
    framings = count_up()
    edits, changes = [*EDITS], [*CHANGES]
    for place in range(count):
        drawn = (photo, table, chart, letter)[(0, 1, 0, 2, 0, 3)[place % 6]]
        picture, other = drawn(rng, photos, framings)
        yield Planted(saved(picture, "JPEG", 92), group, "base", number)
        of, kind = number, edits[place % len(edits)]
        yield Planted(EDITS[kind](rng, picture), group, kind, of)
        number += 2
        group += 1
        if place % 3:
            kind = changes[place % len(changes)] if other is None else "redrawn"
            alike = CHANGES[kind](rng, picture) if other is None else other
            yield Planted(saved(alike, "JPEG", 92), group, kind, of)
            number += 1
            group += 1


def saved(picture: Image.Image, form: str, quality: int = 90) -> bytes:
    """The encoded picture."""
    out = io.BytesIO()
    picture.save(out, form, quality=quality)
    return out.getvalue()


Drawn = tuple[Image.Image, Image.Image | None]


def photo(rng: Rng, photos: list[Image.Image], framings: Iterator[int]) -> Drawn:
    """A large part of a photo, in one of many framings."""
    # Each framing comes once: two of one photo would be near-duplicates.
    place = next(framings)
    whole = photos[place % len(photos)]
    share = (1.0, 0.8, 0.62)[place // len(photos) % 3]
    angle = (0, 7, -7, 14, -14)[place // len(photos) // 3 % 5]
    size = (int(whole.width * share), int(whole.height * share))
    left = int(rng.integers(0, whole.width - size[0] + 1))
    top = int(rng.integers(0, whole.height - size[1] + 1))
    part = whole.crop((left, top, left + size[0], top + size[1]))
    part = part.rotate(angle, Image.Resampling.BICUBIC)
    inset = (part.width // 8, part.height // 8, part.width * 7 // 8, part.height * 7 // 8)
    part = ImageOps.colorize(part.convert("L"), "black", tuple(rng.integers(200, 256, 3))) if (
        rng.random() < 0.2
    ) else part  # fmt: skip
    return ImageOps.contain(part.crop(inset), (640, 640)), None


def table(rng: Rng, *_: object) -> Drawn:
    """Solids on a table, and the same with another one of them."""
    width, height = 480, 320
    base = np.linspace(rng.integers(60, 120), rng.integers(130, 220), height)[:, None, None]
    plain = np.broadcast_to(base + rng.uniform(-20, 20, 3), (height, width, 3))
    noisy = np.clip(plain + rng.normal(0, 4, (height, width, 1)), 0, 255).astype(np.uint8)
    solids = [_solid(rng, width, height) for _ in range(rng.integers(3, 8))]
    changed = [*solids]
    place = len(solids) - 1  # nothing lies over it
    kind, box, colour = solids[place]
    new = tuple(int(255 - level) for level in colour)
    changed[place] = ((kind + 1) % 3, box, new) if rng.random() < 0.5 else (kind, box, new)
    both = []
    for things in (solids, changed):
        picture = Image.fromarray(noisy)
        for thing in things:
            _put(picture, thing)
        both.append(picture.filter(ImageFilter.GaussianBlur(0.6)))
    return both[0], both[1]


Solid = tuple[int, Box, tuple[int, ...]]


def _solid(rng: Rng, width: int, height: int) -> Solid:
    side = int(rng.integers(28, 90))
    left, top = int(rng.integers(0, width - side)), int(rng.integers(0, height - side))
    colour = tuple(int(level) for level in rng.choice([30, 90, 200, 240], 3))
    return int(rng.integers(3)), (left, top, left + side, top + side), colour


def _put(picture: Image.Image, solid: Solid) -> None:
    kind, box, colour = solid
    draw = ImageDraw.Draw(picture)
    if kind == 0:
        draw.rectangle(box, fill=colour)
    elif kind == 1:
        draw.ellipse(box, fill=colour)
    else:
        draw.polygon([(box[0], box[3]), ((box[0] + box[2]) // 2, box[1]), box[2:]], fill=colour)
    shine = (box[0] + 8, box[1] + 8, box[0] + 14, box[1] + 14)
    draw.ellipse(shine, fill=tuple(min(255, level + 60) for level in colour))


def chart(rng: Rng, *_: object) -> Drawn:
    """A bar chart, and the same with one bar of another height."""
    heights = rng.integers(40, 280, int(rng.integers(4, 9)))
    other = heights.copy()
    place = int(rng.integers(len(heights)))
    other[place] = (other[place] + 110) % 240 + 40
    hue = tuple(map(int, rng.integers(0, 200, 3)))
    title = "".join(rng.choice(list("ABCDEFGHIJKLMNOP"), 12))
    both = []
    for values in (heights, other):
        picture = Image.new("RGB", (560, 400), "white")
        draw = ImageDraw.Draw(picture)
        draw.text((150, 15), title, fill="black", font=ImageFont.load_default(24))
        draw.line([(50, 50), (50, 350), (530, 350)], fill="black", width=2)
        for bar, value in enumerate(values):
            left = 70 + bar * 55
            draw.rectangle((left, 350 - int(value), left + 38, 349), fill=hue)
        both.append(picture)
    return both[0], both[1]


def letter(rng: Rng, *_: object) -> Drawn:
    """A letter, and the same with another word in every line."""
    lines = [[_word(rng) for _ in range(7)] for _ in range(18)]
    other = [[*line[:3], _word(rng), *line[4:]] for line in lines]
    both = []
    for text in (lines, other):
        picture = Image.new("RGB", (620, 720), (250, 248, 240))
        body = "\n".join(" ".join(line) for line in text)
        draw = ImageDraw.Draw(picture)
        draw.multiline_text((40, 60), body, (30, 30, 30), ImageFont.load_default(18), spacing=12)
        both.append(picture)
    return both[0], both[1]


def _word(rng: Rng) -> str:
    return "".join(rng.choice(list("etaoinshrdlu"), int(rng.integers(3, 9))))


def _a_box(rng: Rng, picture: Image.Image) -> Box:
    width = int(picture.width * rng.uniform(0.12, 0.3))
    height = int(picture.height * rng.uniform(0.12, 0.3))
    left = int(rng.integers(0, picture.width - width))
    top = int(rng.integers(0, picture.height - height))
    return left, top, left + width, top + height


def _patched(picture: Image.Image, patch: Image.Image, box: Box) -> Image.Image:
    mask = Image.new("L", patch.size)
    ImageDraw.Draw(mask).ellipse((2, 2, patch.width - 3, patch.height - 3), fill=255)
    out = picture.copy()
    out.paste(patch, box[:2], mask.filter(ImageFilter.GaussianBlur(2)))
    return out


def painted_over(rng: Rng, picture: Image.Image) -> Image.Image:
    """A thing of one colour stands in the picture."""
    box = _a_box(rng, picture)
    mean = np.asarray(picture.crop(box)).mean((0, 1))
    colour = tuple(int(level) for level in (mean + 110) % 256)
    return _patched(picture, Image.new("RGB", (box[2] - box[0], box[3] - box[1]), colour), box)


def recoloured(rng: Rng, picture: Image.Image) -> Image.Image:
    """A place in negative colours."""
    box = _a_box(rng, picture)
    return _patched(picture, ImageOps.invert(picture.crop(box)), box)


def cloned(rng: Rng, picture: Image.Image) -> Image.Image:
    """A place that is a copy of another place, turned upside down."""
    box = _a_box(rng, picture)
    left = (box[0] + picture.width // 2) % (picture.width - box[2] + box[0])
    top = (box[1] + picture.height // 2) % (picture.height - box[3] + box[1])
    from_there = picture.crop((left, top, left + box[2] - box[0], top + box[3] - box[1]))
    return _patched(picture, ImageOps.flip(from_there), box)


def recompressed(rng: Rng, picture: Image.Image) -> bytes:
    """WebP or PNG, or JPEG of low quality."""
    forms = [("WEBP", 60), ("WEBP", 35), ("PNG", 0), ("JPEG", 32)]
    return saved(picture, *forms[rng.integers(4)])


def shrunk(rng: Rng, picture: Image.Image) -> bytes:
    """A third to nine tenths of the width, by any filter, or twice as large."""
    scale = 2.0 if rng.random() < 0.15 else rng.uniform(0.33, 0.9)
    kind = [Image.Resampling.NEAREST, Image.Resampling.BICUBIC, Image.Resampling.HAMMING]
    size = (round(picture.width * scale), round(picture.height * scale))
    return saved(picture.resize(size, kind[rng.integers(3)]), "JPEG")


def trimmed(rng: Rng, picture: Image.Image) -> bytes:
    """Up to 5% cut off one side, two sides or all."""
    cut = rng.uniform(0.01, 0.05, 4) * (rng.random(4) < 0.7)
    left, right = int(cut[0] * picture.width), int(cut[1] * picture.width)
    top, bottom = int(cut[2] * picture.height), int(cut[3] * picture.height)
    box = (left, top, picture.width - right, picture.height - bottom)
    return saved(picture.crop(box), "JPEG", 85)


def light(rng: Rng, picture: Image.Image) -> bytes:
    """Brightness, contrast or gamma."""
    kind, by = int(rng.integers(3)), float(rng.uniform(0.75, 1.3))
    if kind == 2:
        curve = [round(255 * (level / 255) ** by) for level in range(256)]
        return saved(picture.point(curve * 3), "JPEG", 88)
    tool = (ImageEnhance.Brightness, ImageEnhance.Contrast)[kind]
    return saved(tool(picture).enhance(by), "JPEG", 88)


def everything(rng: Rng, picture: Image.Image) -> bytes:
    """Trimmed, brighter or darker, smaller, and WebP."""
    edge = int(min(picture.size) * rng.uniform(0.01, 0.045))
    small = ImageOps.crop(picture, edge)
    small.thumbnail((420, 420))
    return saved(ImageEnhance.Brightness(small).enhance(rng.uniform(0.8, 1.25)), "WEBP", 55)


def colourless(rng: Rng, picture: Image.Image) -> bytes:
    """Grey, as one channel or as three."""
    grey = ImageOps.grayscale(picture)
    return saved(grey if rng.random() < 0.5 else grey.convert("RGB"), "JPEG", 80)


def caption(rng: Rng, picture: Image.Image) -> bytes:
    """A date, a name or a half transparent mark over it."""
    size = int(picture.height * rng.uniform(0.035, 0.07))
    text = ["2019/08/14 16:32", "(c) Photo Archive", f"IMG_{rng.integers(9999):04d}", "SAMPLE"]
    layer = Image.new("RGBA", picture.size)
    draw = ImageDraw.Draw(layer)
    said = text[rng.integers(4)]
    wide = draw.textlength(said, font=ImageFont.load_default(size))
    left = int(rng.uniform(0, max(1, picture.width - wide)))
    top = int([0.03, 0.5, 0.9][rng.integers(3)] * picture.height)
    level = int(rng.choice([0, 255]))
    colour = (level, level, level, int(rng.integers(120, 256)))
    draw.text((left, top), said, fill=colour, font=ImageFont.load_default(size))
    return saved(Image.alpha_composite(picture.convert("RGBA"), layer).convert("RGB"), "JPEG")


EDITS: dict[str, Callable[[Rng, Image.Image], bytes]] = {
    "recompressed": recompressed,
    "shrunk": shrunk,
    "trimmed": trimmed,
    "light": light,
    "everything": everything,
    "colourless": colourless,
    "caption": caption,
}

CHANGES: dict[str, Callable[[Rng, Image.Image], Image.Image]] = {
    "painted over": painted_over,
    "recoloured": recoloured,
    "cloned": cloned,
}
