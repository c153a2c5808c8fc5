"""A second generator of planted marks, written apart from planted_marks.py.

Other names, places, sizes, blending and text that is none. The rules were not tuned on it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw

from benchmarks.planted_marks import Planted, Rgb, font, has_chinese, is_chinese, jpeg, photos

KNOWN = ["Adobe Stock", "123RF", "Depositphotos", "istockphoto", "东方IC", "包图网"]
UNKNOWN = ["pixelbarn", "Lumen Archive", "northlight", "青云图库", "山海影像"]
CREDITS = ["© Lena Fischer 2021", "photo: Marco Bianchi", "www.travel-lens.net", "@nordic.frames",
           "摄影 李娜", "图片来源 晨报"]  # fmt: skip
DEVICES = [
    ["RIVERSIDE MEDICAL CENTER", "MOBILE CHEST AP", "SUPINE 90kV"],
    ["PHILIPS DigitalDiagnost", "ID 553201 F 061Y", "Exposure 2.1 mAs"],
    ["市第一人民医院", "影像科 立位", "2018/07/02"],
]
SHOPS = ["GRAND HOTEL", "Joe's Diner", "www.flower-shop.com", "Tel 555 0199", "MUSEUM OF ART",
         "Platform 9", "FRESH FISH", "老王面馆", "人民公园", "Clinic 24h", "Photography studio",
         "University Press", "No smoking", "Sample shop", "Philips TV"]  # fmt: skip


def ground(rng: np.random.Generator) -> Rgb:
    """A landscape of noise at several scales, or a photo with other colours."""
    width, height = int(rng.integers(560, 960)), int(rng.integers(420, 720))
    if rng.random() < 0.5:
        whole = photos()[rng.integers(len(photos()))]
        small = cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA)
        gain = rng.uniform(0.6, 1.1, 3)
        return np.clip(small[::-1] * gain + rng.uniform(-20, 30), 0, 255).astype(np.uint8)
    out = np.zeros((height, width, 3), np.float32)
    for cells in (3, 8, 24, 70):
        noise = rng.normal(0, 90 / cells**0.5, (cells, cells, 3)).astype(np.float32)
        out += cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)
    for _ in range(int(rng.integers(0, 12))):
        centre = (int(rng.integers(width)), int(rng.integers(height)))
        cv2.circle(out, centre, int(rng.integers(8, 90)), rng.uniform(-90, 90, 3).tolist(), -1)
    return np.clip(out + rng.uniform(70, 170), 0, 255).astype(np.uint8)


def cover_of(text: str, size: int, choice: int, turn: float = 0) -> np.ndarray:  # type: ignore[type-arg]
    """How much of each pixel the letters cover, 0 to 1."""
    letters = font(text, choice, size)
    x0, y0, x1, y1 = letters.getbbox(text)
    tile = Image.new("L", (int(x1 - x0) + 6, int(y1 - y0) + 6))
    ImageDraw.Draw(tile).text((3 - x0, 3 - y0), text, 255, letters)
    return np.asarray(tile.rotate(turn, expand=True), np.float32) / 255


def blend(rgb: Rgb, cover: np.ndarray, x: int, y: int, alpha: float, screen: bool) -> Rgb:  # type: ignore[type-arg]
    """Lay letters over a picture at a place; ``screen`` brightens as editors do."""
    out = rgb.astype(np.float32)
    height, width = rgb.shape[:2]
    a, b = max(x, 0), min(x + cover.shape[1], width)
    c, d = max(y, 0), min(y + cover.shape[0], height)
    if a < b and c < d:
        ink = cover[c - y : d - y, a - x : b - x, None] * alpha
        part = out[c:d, a:b]
        out[c:d, a:b] = part + (255 - part) * ink if screen else part * (1 - ink) + 245 * ink
    return np.clip(out.round(), 0, 255).astype(np.uint8)


def marked(rng: np.random.Generator, kind: str, text: str, choice: int, alpha: float) -> Planted:
    """One marked picture of a kind."""
    rgb = ground(rng)
    height, width = rgb.shape[:2]
    language = "zh" if is_chinese(text) else "en"
    if kind == "tiled":
        cover = cover_of(text, int(height * 0.055), choice, [25, -35, 40][choice % 3])
        for y in range(-20, height, int(cover.shape[0] * 1.1)):
            for x in range(-30, width, int(cover.shape[1] * 1.25)):
                rgb = blend(rgb, cover, x, y, alpha, choice % 2 == 0)
    elif kind == "centre":
        cover = cover_of(
            text, int(height * [0.09, 0.12][choice % 2]), choice, [0, 0, 18][choice % 3]
        )
        x = (width - cover.shape[1]) // 2 + int(rng.integers(-25, 26))
        y = (height - cover.shape[0]) // 2 + int(rng.integers(-25, 26))
        rgb = blend(rgb, cover, x, y, alpha, choice % 2 == 1)
    elif kind == "corner":
        cover = cover_of(text, max(int(height * 0.032), 15), choice)
        x = [10, width - cover.shape[1] - 10, (width - cover.shape[1]) // 2][choice % 3]
        rgb = blend(rgb, cover, x, height - cover.shape[0] - 8, alpha, False)
    else:
        band = int(height * 0.06)
        rgb[:band] = 245
        cover = cover_of(f"{text} | {rng.integers(10**7)}", int(band * 0.5), choice)
        rgb[:band] -= (blend(np.zeros_like(rgb[:band]), cover, 12, band // 5, 0.9, False)).astype(
            np.uint8
        )
        alpha = 1.0
    return Planted(jpeg(rgb, int(rng.integers(75, 95))), kind, language, alpha, text)


def device(rng: np.random.Generator, number: int) -> Planted:
    """A grey scan with lines of a device."""
    size = int(rng.integers(512, 900))
    y, x = np.mgrid[0:size, 0:size].astype(np.float32) / size - 0.5
    head = ((x / 0.36) ** 2 + (y / 0.44) ** 2 < 1).astype(np.float32)
    grey = 8 + head * (90 + 60 * cv2.resize(rng.random((14, 14)).astype(np.float32), (size, size)))
    rgb = np.repeat(np.clip(grey, 0, 255).astype(np.uint8)[..., None], 3, axis=2)
    lines = DEVICES[number % len(DEVICES)]
    for row, text in enumerate(lines):
        rgb = blend(rgb, cover_of(text, 16, 1), 8, 8 + 22 * row, 0.85, False)
    language = "zh" if is_chinese(lines[0]) else "en"
    return Planted(jpeg(rgb, 90), "scanner", language, 0.85, lines[0])


def shop(rng: np.random.Generator) -> Planted:
    """A scene with painted words, seen from the side."""
    rgb = ground(rng)
    height, width = rgb.shape[:2]
    for text in rng.choice(
        [s for s in SHOPS if has_chinese() or s.isascii()], int(rng.integers(1, 4))
    ):
        cover = cover_of(str(text), int(rng.integers(24, 60)), int(rng.integers(4)))
        board = np.full((*cover.shape, 3), rng.integers(0, 255, 3), np.float32)
        ink = (
            np.array(rng.integers(0, 255, 3))
            if abs(board[0, 0].mean() - 128) < 60
            else 255 - board[0, 0]
        )
        board = board * (1 - cover[..., None]) + ink * cover[..., None]
        h, w = cover.shape
        source = np.float32([[0, 0], [w, 0], [w, h], [0, h]])
        spot = rng.uniform(0, 0.6, 2) * (width, height)
        target = (source + spot + rng.uniform(-0.12, 0.12, (4, 2)) * h * 2).astype(np.float32)
        matrix = cv2.getPerspectiveTransform(source, target)
        inside = cv2.warpPerspective(np.ones((h, w), np.uint8), matrix, (width, height))
        seen = cv2.warpPerspective(board, matrix, (width, height))
        rgb = np.where(inside[..., None] > 0, seen, rgb).astype(np.uint8)
    return Planted(jpeg(rgb, 88), "shop")


def chart(rng: np.random.Generator) -> Planted:
    """A bar chart with a title and labels, all in one layout."""
    sheet = Image.new("RGB", (640, 480), "white")
    draw = ImageDraw.Draw(sheet)
    draw.text((180, 14), f"Sales by region {rng.integers(1990, 2024)}", "black", font("a", 0, 20))
    for n, name in enumerate(["North", "East", "South", "West"]):
        top = int(rng.integers(80, 380))
        draw.rectangle((90 + n * 130, top, 170 + n * 130, 420), tuple(rng.integers(0, 220, 3)))
        draw.text((100 + n * 130, 430), name, "black", font("a", 0, 16))
        draw.text((112 + n * 130, top - 22), str(420 - top), "black", font("a", 0, 14))
    return Planted(np.asarray(sheet), "chart")


def real_text() -> Iterator[Planted]:
    """Real pictures with text that is no mark, if they are there."""
    root = Path(os.environ.get("VQADATA_REAL_DATA", Path(__file__).parents[2] / "shared" / "data"))
    folders = "mmocr/demo mmocr/tests_data/det_toy_dataset/imgs/test easyocr_examples".split()
    for folder in [*folders, "evalscope_custom/images", "qwen_vl_demo/images"]:
        for file in sorted((root / folder).glob("*.*")):
            if file.suffix in (".jpg", ".png", ".jpeg"):
                picture = Image.open(file).convert("RGB")
                picture.thumbnail((1280, 1280))
                yield Planted(np.asarray(picture), "real-text", text=file.name)


def planted(seed: int, scale: float = 1.0) -> Iterator[Planted]:
    """All kinds; ``scale`` says how many of each."""
    rng = np.random.default_rng(seed + 9_000)
    chinese = has_chinese()
    plan = (("tiled", [*KNOWN, *UNKNOWN], 33), ("centre", [*KNOWN, *UNKNOWN], 33),
            ("corner", CREDITS, 36), ("strip", [*KNOWN[:3], *UNKNOWN[:2]], 15))  # fmt: skip
    for kind, texts, count in plan:
        usable = [text for text in texts if chinese or text.isascii()]
        for number in range(round(count * scale)):
            source = number % len(usable)
            alpha = float(
                rng.choice(
                    [0.2, 0.3, 0.45, 0.7, 1.0] if kind == "corner" else [0.2, 0.3, 0.45, 0.7]
                )
            )
            yield marked(rng, kind, usable[source], source, alpha)
    for number in range(round(30 * scale)):
        yield device(rng, number)
    for _ in range(round(60 * scale)):
        yield Planted(jpeg(ground(rng), 88), "clean")
    for _ in range(round(50 * scale)):
        yield shop(rng)
    for _ in range(round(20 * scale)):
        yield chart(rng)
    yield from real_text()
