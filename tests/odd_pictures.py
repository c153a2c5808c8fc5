"""Pictures of every kind that the audit has a code for, made on the spot."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
from PIL import Image, ImageFilter


def scene(width: int = 96, height: int = 64, seed: int = 0) -> Image.Image:
    """Blocks of many colours with hard edges."""
    rng = np.random.default_rng(seed)
    blocks = rng.integers(20, 256, (height // 8, width // 8, 3), np.uint8)
    return Image.fromarray(np.kron(blocks, np.ones((8, 8, 1), np.uint8)))


def saved(picture: Image.Image, kind: str = "JPEG", **options: Any) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def exif(place: bool = False, orientation: int = 1) -> Image.Exif:
    tags = Image.Exif()
    tags[0x0112], tags[0x010F] = orientation, "A maker of cameras"
    if place:
        tags[0x8825] = {1: "N", 2: (48.0, 51.0, 29.5), 3: "E", 4: (2.0, 17.0, 40.0)}
        tags._ifds[0x8825] = tags[0x8825]
    return tags


def bomb(width: int = 40_000, height: int = 40_000) -> bytes:
    """A PNG that promises 1.6 thousand million pixels."""
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(b"\0" * 100)), (b"IEND", b""))
    parts = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def rotten(data: bytes) -> bytes:
    """A JPEG of which some bytes in the middle of the pixel data became others."""
    middle = len(data) * 2 // 3
    return data[:middle] + b"\x55" * 40 + data[middle + 40 :]


def odd_pictures() -> dict[str, bytes]:
    """A picture for each code, by code."""
    plain = scene()
    whole = saved(plain, quality=92)
    grey = np.asarray(plain.convert("L")).astype(np.uint16) * 30
    veil = plain.copy()
    veil.putalpha(Image.linear_gradient("L").resize(plain.size))
    frames = [scene(seed=seed) for seed in range(3)]
    dim = Image.fromarray(np.asarray(plain) // 8)
    return {
        "zero-bytes": b"",
        "pointer-file": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n",
        "not-a-picture": b"<!DOCTYPE html><title>404</title>",
        "too-many-pixels": bomb(),
        "truncated": whole[: len(whole) // 2],
        "bit-rot": rotten(whole),
        "wrong-extension": saved(plain, "PNG"),
        "animated": saved(frames[0], "GIF", save_all=True, append_images=frames[1:]),
        "deep-grey": saved(Image.fromarray(grey), "PNG"),
        "alpha": saved(veil, "PNG"),
        "palette": saved(plain.quantize(16), "PNG"),
        "cmyk": saved(plain.convert("CMYK")),
        "exif-rotated": saved(plain, exif=exif(orientation=6)),
        "gps": saved(plain, exif=exif(place=True)),
        "extreme-aspect": saved(scene(800, 32)),
        "tiny": saved(scene(24, 64)),
        "blank": saved(Image.new("RGB", (64, 64), "white")),
        "dark": saved(dim),
        "blurred": saved(scene().resize((768, 512)).filter(ImageFilter.GaussianBlur(12))),
    }
