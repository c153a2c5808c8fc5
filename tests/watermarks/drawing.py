"""Pictures for the tests of marks: noise, lines, letters; nothing is read from disk."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

Grey = np.ndarray[Any, np.dtype[np.uint8]]

CHINESE = sorted(Path("/usr/share/fonts").rglob("wqy-*.ttc"))


def scene(rng: np.random.Generator, height: int = 240, width: int = 320) -> Grey:
    """Smooth blobs and shapes in many greys: edges everywhere, none at a fixed place."""
    import cv2

    grey = cv2.resize(rng.uniform(0, 255, (9, 12)).astype(np.float32), (width, height))
    picture = Image.fromarray(grey.astype(np.uint8))
    draw = ImageDraw.Draw(picture)
    for _ in range(25):
        x, y = rng.integers(0, width), rng.integers(0, height)
        size = int(rng.integers(4, 60))
        shade = int(rng.integers(0, 255))
        if rng.random() < 0.5:
            draw.ellipse((x, y, x + size, y + size // 2 + 1), shade)
        else:
            draw.polygon([(x, y), (x + size, y + 5), (x + size // 2, y + size)], shade)
    return np.clip(np.asarray(picture) + rng.normal(0, 4, grey.shape), 0, 255).astype(np.uint8)


def letters(text: str, size: int) -> Grey:
    """A text as a grey picture, white on black, closely cut."""
    font: Any = ImageFont.load_default(size)
    if any(letter > "\u2e80" for letter in text):
        font = ImageFont.truetype(str(CHINESE[0]), size)
    x0, y0, x1, y1 = font.getbbox(text)
    tile = Image.new("L", (int(x1 - x0) + 2, int(y1 - y0) + 2))
    ImageDraw.Draw(tile).text((1 - x0, 1 - y0), text, 255, font)
    return np.asarray(tile)


def stamped(
    grey: Grey, text: str, size: int = 15, alpha: float = 0.5, place: tuple[int, int] = (-8, -8)
) -> Grey:
    """A picture with a text, ``place`` away from the top left or, negative, bottom right."""
    cover = letters(text, size).astype(np.float32) / 255 * alpha
    high, wide = cover.shape
    x, y = place
    top = y if y >= 0 else grey.shape[0] - high + y
    left = x if x >= 0 else grey.shape[1] - wide + x
    out = grey.astype(np.float32)
    window = slice(top, top + high), slice(left, left + wide)
    out[window] = out[window] * (1 - cover) + 255 * cover
    return out.round().astype(np.uint8)


def jpeg(grey: Grey, quality: int = 88) -> bytes:
    """The picture as JPEG."""
    out = io.BytesIO()
    Image.fromarray(grey).save(out, "JPEG", quality=quality)
    return out.getvalue()


def rgb(grey: Grey) -> Any:
    """A grey picture with three channels."""
    return np.repeat(grey[..., None], 3, axis=2)
