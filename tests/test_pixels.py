"""Fast pixels: those of the one policy, to the bit or as near as stated."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image

from vqadata.errors import VqaDataError
from vqadata.images.decode import to_rgb
from vqadata.loader.pixels import Decoder, decoded, is_plain_jpeg


def photo(width: int, height: int, seed: int = 0) -> Image.Image:
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (7, 9, 3), np.uint8)).resize((width, height), 3)
    grain = rng.normal(0, 12, (height, width, 3))
    return Image.fromarray((np.asarray(coarse) + grain).clip(0, 255).astype(np.uint8))


def encoded(picture: Image.Image, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def turned(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def kinds() -> Iterator[tuple[str, bytes, bool]]:
    """Pictures of all kinds, and whether libjpeg-turbo alone may decode them."""
    rgb = photo(61, 43)
    for subsampling in (0, 1, 2):
        yield f"jpeg {subsampling}", encoded(rgb, "JPEG", subsampling=subsampling), True
    yield "progressive", encoded(rgb, "JPEG", progressive=True), True
    yield "grey jpeg", encoded(rgb.convert("L"), "JPEG"), True
    yield "upright by exif", encoded(rgb, "JPEG", exif=turned(1)), True
    for orientation in range(2, 9):
        yield f"exif {orientation}", encoded(rgb, "JPEG", exif=turned(orientation)), False
    yield "cmyk", encoded(rgb.convert("CMYK"), "JPEG"), False
    yield "png", encoded(rgb, "PNG"), False
    yield (
        "16 bits",
        encoded(Image.fromarray(np.arange(600, dtype=np.uint16).reshape(20, 30) * 99), "PNG"),
        False,
    )
    see_through = rgb.convert("RGBA")
    see_through.putalpha(rgb.convert("L"))
    yield "alpha", encoded(see_through, "PNG"), False
    yield "palette", encoded(rgb.convert("P"), "GIF"), False
    yield "animated", encoded(rgb, "GIF", save_all=True, append_images=[photo(61, 43, 1)]), False
    yield "webp", encoded(rgb, "WEBP"), False
    yield "mpo", encoded(rgb, "MPO", save_all=True, append_images=[photo(61, 43, 1)]), True


KINDS = {name: (data, plain) for name, data, plain in kinds()}


@pytest.mark.parametrize("name", KINDS)
def test_pixels_are_those_of_the_policy(name: str) -> None:
    data, plain = KINDS[name]
    reference = to_rgb(data)
    assert np.array_equal(decoded(data), np.asarray(reference))
    assert is_plain_jpeg(data) == plain
    resized = np.asarray(reference.resize((28, 28), Image.Resampling.BICUBIC))
    assert np.array_equal(Decoder(28, "exact")(data), resized)
    assert np.abs(Decoder(28, "fast")(data).astype(int) - resized).max() <= 2


def test_an_orientation_in_xmp_is_applied() -> None:
    xmp = b'http://ns.adobe.com/xap/1.0/\0<x tiff:Orientation="6"/>'
    plain = encoded(photo(61, 43), "JPEG")
    data = plain[:2] + b"\xff\xe1" + (len(xmp) + 2).to_bytes(2, "big") + xmp + plain[2:]
    assert np.array_equal(decoded(data), np.asarray(to_rgb(data)))


@pytest.mark.parametrize("seed", range(6))
def test_fast_is_within_two_levels_of_pillow(seed: int) -> None:
    rng = np.random.default_rng(seed)
    width, height = rng.integers(20, 900, 2).tolist()
    data = encoded(photo(width, height, seed), "JPEG", quality=90)
    exact, fast = Decoder(224)(data), Decoder(224, "fast")(data)
    assert fast.flags.c_contiguous
    assert fast.shape == exact.shape == (224, 224, 3)
    difference = np.abs(fast.astype(int) - exact)
    assert difference.max() <= 2
    assert difference.mean() < 0.05


def test_damage_and_bombs_are_refused_alike() -> None:
    data = encoded(photo(200, 200), "JPEG")
    height = data.index(b"\xff\xc0") + 5
    bomb = data[:height] + b"\xff\xff\xff\xff" + data[height + 4 :]
    for broken in (data[: len(data) // 2], bomb, b"", b"\xff\xd8\xff", b"no picture"):
        with pytest.raises(VqaDataError):
            to_rgb(broken)
        with pytest.raises(VqaDataError):
            decoded(broken)


def test_random_damage_never_gives_other_pixels() -> None:
    data, rng = encoded(photo(64, 48), "JPEG"), np.random.default_rng(0)
    for _ in range(300):
        broken = bytearray(data)
        broken[rng.integers(0, len(data))] ^= 1 << rng.integers(0, 8)
        assert outcome(decoded, bytes(broken)) == outcome(to_rgb, bytes(broken))


def outcome(decode: Any, data: bytes) -> bytes | str:
    try:
        return np.asarray(decode(data)).tobytes()
    except VqaDataError as error:
        return str(error)
