"""Drawn pictures with enough in them to be told apart, and data sets of them, for the tests."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFilter


def scene(seed: int, size: tuple[int, int] = (320, 240)) -> Image.Image:
    """A ground of soft blots with some things on it."""
    rng = np.random.default_rng(seed)
    blots = rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)
    picture = Image.fromarray(blots).resize(size, Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(picture)
    for _ in range(6):
        left, top = int(rng.integers(0, size[0] - 60)), int(rng.integers(0, size[1] - 60))
        box = (left, top, left + int(rng.integers(25, 60)), top + int(rng.integers(25, 60)))
        shape = (draw.ellipse, draw.rectangle)[int(rng.integers(2))]
        shape(box, fill=tuple(map(int, rng.integers(0, 256, 3))))
    return picture.filter(ImageFilter.GaussianBlur(0.7))


def jpeg(picture: Image.Image, quality: int = 90) -> bytes:
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=quality)
    return out.getvalue()


def cropped(picture: Image.Image, share: float = 0.04) -> Image.Image:
    """Cut off on all four sides, on some more than on others."""
    width, height = picture.size
    left, top = round(width * share), round(height * share / 2)
    return picture.crop((left, top, width - left // 2, height - top))


def with_another_thing(picture: Image.Image) -> Image.Image:
    """A disc in other colours in the middle."""
    out = picture.copy()
    width, height = out.size
    box = (width // 2 - 25, height // 2 - 25, width // 2 + 25, height // 2 + 25)
    middle = out.getpixel((width // 2, height // 2))
    ImageDraw.Draw(out).ellipse(box, fill=tuple((level + 128) % 256 for level in middle))
    return out


def with_text(picture: Image.Image, text: str = "(c) A. Nyone 2024") -> Image.Image:
    """A line of text across the lower part."""
    from PIL import ImageFont

    out = picture.copy()
    place = (out.width // 4, int(out.height * 0.8))
    ImageDraw.Draw(out).text(place, text, fill="white", font=ImageFont.load_default(13))
    return out


def grey(picture: Image.Image) -> np.ndarray[Any, Any]:
    return np.asarray(picture.convert("L"))


Asked = tuple[str, str, str]
"""Name of a picture, question, answer."""


def data_set(folder: Path, pictures: dict[str, bytes], asked: list[Asked], **more: Any) -> Path:
    """A finished folder of shards of some pictures and questions.

    Args:
        folder: For the raw files and the shards.
        pictures: Bytes by file name.
        asked: The questions; their ids are their numbers. A name ``val/a.jpg`` makes split val.
        more: Further fields of all records.
    """
    from vqadata import convert
    from vqadata.sources.custom import Custom

    (folder / "images").mkdir(parents=True)
    for name, data in pictures.items():
        path = folder / "images" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
    rows = [
        {"id": str(n), "image": name, "text": text, "answer": answer,
         "split": name.rpartition("/")[0] or "train", **more}
        for n, (name, text, answer) in enumerate(asked)
    ]  # fmt: skip
    (folder / "data.json").write_text(json.dumps(rows))
    fields = {"question_id": "id", "image": "image", "question": "text", "answer": "answer",
              "split": "split"}  # fmt: skip
    source = Custom(
        data=[folder / "data.json"],
        field=[f"{k}={v}" for k, v in fields.items()],
        image_root=[folder / "images"],
    )
    convert(source, folder / "shards")
    return folder / "shards"
