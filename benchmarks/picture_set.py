"""Pictures like photographs, made of numbers: 640 x 480, JPEG, some 100 KB each.

    python -m benchmarks.picture_set FOLDER --count 300

Smooth colours, edges, texture of several scales and the noise of a sensor, so that decoding and
hashing cost what they cost on photographs. Nothing is downloaded and the same seed gives the same
bytes.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

SIZE = (640, 480)


def picture(seed: int) -> Image.Image:
    """One picture."""
    rng = np.random.default_rng(seed)
    width, height = SIZE
    layers = np.zeros((height, width, 3), np.float32)
    for cells, weight in ((4, 90), (10, 50), (40, 26), (160, 16)):
        noise = rng.normal(0, weight, (cells * 3 // 4, cells, 3)).clip(-255, 255)
        coarse = Image.fromarray((noise / 2 + 128).clip(0, 255).astype(np.uint8))
        layers += np.asarray(coarse.resize(SIZE, Image.Resampling.BICUBIC), np.float32) - 128
    for _ in range(6):
        left, top = int(rng.integers(0, width - 80)), int(rng.integers(0, height - 80))
        wide, high = int(rng.integers(40, 240)), int(rng.integers(40, 240))
        layers[top : top + high, left : left + wide] += rng.normal(0, 60, 3)
    layers += rng.normal(0, 3, layers.shape)
    return Image.fromarray((layers + 128).clip(0, 255).astype(np.uint8))


def write_pictures(folder: Path, count: int) -> list[Path]:
    """Write a set of pictures; return its files."""
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"{number:06}.jpg" for number in range(count)]
    for number, file in enumerate(files):
        if not file.exists():
            picture(number).save(file, quality=90 + number % 7)
    return files


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=300)
    chosen = parser.parse_args()
    files = write_pictures(chosen.folder, chosen.count)
    print(f"{len(files)} pictures, {sum(f.stat().st_size for f in files) / len(files):,.0f} bytes")


if __name__ == "__main__":
    main()
