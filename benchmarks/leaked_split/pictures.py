"""The data of the leak: a faint shape on a ground like a photograph, asked for by name.

Training and validation come from one collection in which many pictures lie twice, the second time
as people upload them again: smaller, a little cropped, brighter, encoded anew, under another name.
Whoever splits such a collection by rows has copies of training pictures in the validation set.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance

SHAPES = ("disc", "box", "triangle")
QUESTION = "Which shape is it?"
SIDE, SEEN = 256, 64
"""Pixels a side: as collected and cleaned, and as the model sees it."""

ALPHA = 0.45
"""How well a shape can be seen: it is easier to know two hundred pictures by heart."""

TRAIN, COPIES, OTHERS, UNSEEN = 200, 100, 100, 400
"""Pictures of the training set; of the validation set, those that are copies and those that are
not; and of a test set that has nothing in common with either."""


class Picture(NamedTuple):
    """One of the collection."""

    number: int
    again: bool = False
    """Whether it is the copy of that picture."""

    @property
    def name(self) -> str:
        """Its file, without the ending."""
        return f"{'upload' if self.again else 'photo'}-{self.number:05}"

    @property
    def answer(self) -> str:
        """Its shape."""
        return SHAPES[self.number % len(SHAPES)]


TRAINING = [Picture(number) for number in range(TRAIN)]
VALIDATION = [
    *(Picture(number, again=True) for number in range(COPIES)),
    *(Picture(number) for number in range(TRAIN, TRAIN + OTHERS)),
]
TEST = [Picture(number) for number in range(TRAIN + OTHERS, TRAIN + OTHERS + UNSEEN)]


def ground(generator: np.random.Generator) -> Image.Image:
    """Colours and texture of several scales, and the noise of a sensor."""
    layers = np.zeros((SIDE, SIDE, 3), np.float32)
    for cells, weight in ((3, 80), (8, 50), (32, 24), (96, 12)):
        noise = generator.normal(128, weight, (cells, cells, 3)).clip(0, 255).astype(np.uint8)
        scaled = Image.fromarray(noise).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
        layers += np.asarray(scaled, np.float32) - 128
    layers += generator.normal(0, 3, layers.shape)
    return Image.fromarray((layers + 128).clip(0, 255).astype(np.uint8))


def drawn(picture: Picture) -> Image.Image:
    """The picture, or its copy."""
    generator = np.random.default_rng(picture.number)
    page = ground(generator)
    radius = int(generator.integers(34, 60))
    x, y = (int(generator.integers(radius + 4, SIDE - radius - 4)) for _ in range(2))
    corners = (x - radius, y - radius, x + radius, y + radius)
    cover = Image.new("L", page.size)
    pen, ink = ImageDraw.Draw(cover), int(255 * ALPHA)
    match picture.answer:
        case "disc":
            pen.ellipse(corners, ink)
        case "box":
            pen.rectangle(corners, ink)
        case _:
            pen.polygon([(x, y - radius), (x - radius, y + radius), (x + radius, y + radius)], ink)
    page.paste(tuple(int(level) for level in generator.integers(0, 256, 3)), (0, 0), cover)
    return uploaded(page, generator) if picture.again else page


def uploaded(page: Image.Image, generator: np.random.Generator) -> Image.Image:
    """The picture as somebody uploads it again."""
    cut = [int(generator.integers(0, 5)) for _ in range(4)]
    page = page.crop((cut[0], cut[1], SIDE - cut[2], SIDE - cut[3]))
    size = int(SIDE * generator.uniform(0.75, 0.95))
    page = page.resize((size, size), Image.Resampling.BICUBIC)
    return ImageEnhance.Brightness(page).enhance(float(generator.uniform(0.95, 1.08)))


def write(folder: Path, pictures: Iterable[Picture]) -> None:
    """Write pictures and a table of questions."""
    (folder / "images").mkdir(parents=True, exist_ok=True)
    with (folder / "rows.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["question", "image", "answer"])
        for picture in pictures:
            quality = 80 if picture.again else 92
            drawn(picture).save(folder / "images" / f"{picture.name}.jpg", quality=quality)
            rows.writerow([QUESTION, f"{picture.name}.jpg", picture.answer])


def shrunk(data: bytes) -> bytes:
    """A picture as small as the model sees it, without loss."""
    out = io.BytesIO()
    small = Image.open(io.BytesIO(data)).convert("RGB")
    small.resize((SEEN, SEEN), Image.Resampling.LANCZOS).save(out, "PNG")
    return out.getvalue()
