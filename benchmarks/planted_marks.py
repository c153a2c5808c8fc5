"""Pictures with planted marks, and pictures with text that is none, for benchmarks/watermarks.py.

A source (one agency, one hospital) stamps many pictures in its own way: one text, one font, one
kind of place. Photos are crops of the pictures that scikit-image ships, and of the folder
``VQADATA_REAL_DATA`` if it is there; films are drawn.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

Rgb = np.ndarray[Any, np.dtype[np.uint8]]

LATIN = "DejaVuSans.ttf DejaVuSans-Bold.ttf DejaVuSerif.ttf DejaVuSans-Oblique.ttf".split()
CHINESE = "wqy-microhei.ttc wqy-zenhei.ttc NotoSansCJK-Regular.ttc".split()

TILED = "shutterstock SAMPLE alamy 视觉中国 图虫创意 千图网 PREVIEW".split()
CENTRE = "gettyimages iStock dreamstime.com depositphotos 昵图网 摄图网".split()
CORNER = [
    "© John Smith Photography", "www.flickr.com/photos/jane", "© 2019 Maria Lopez",
    "摄影：张伟 版权所有", "新浪微博 @风景大师", "Photo by A. Petrov",
]  # fmt: skip
STRIP = ["alamy stock photo", "gettyimages", "图虫创意"]
SCANNER = [
    ["ST. MARY HOSPITAL", "PORTABLE AP ERECT", "85 kVp 4 mAs"],
    ["GENERAL HOSPITAL RADIOLOGY", "PORTABLE CHEST", "12-03-2014"],
    ["北京协和医院", "放射科 床旁", "2016-04-11"],
    ["SIEMENS Somatom", "Patient: DOE JANE", "Series 3"],
]
SIGNS = """STOP|EXIT|SALE|OPEN|CAFE ROMA|MAIN STREET|BUS STOP|NO PARKING|HOTEL|PHARMACY|BAKERY|TAXI|
POLICE|50% OFF|ONE WAY|CITY HOSPITAL|LIBRARY|CENTRAL PARK|PIZZA|MARKET|SCHOOL|BANK|COFFEE SHOP|
WELCOME|SPEED LIMIT 50|出口|餐厅|北京路|欢迎光临|停车场""".replace("\n", "").split("|")
WORDS = """the report shows that income from services rose during this quarter while costs of
material went down again and staff in both towns met with their new partners""".split()


@dataclass
class Planted:
    """A picture, and what stands in it."""

    rgb: Rgb
    kind: str
    """tiled, corner, centre, strip, scanner; clean, sign or page."""
    language: str = ""
    alpha: float = 0.0
    text: str = ""
    quads: list[np.ndarray] = field(default_factory=list)  # type: ignore[type-arg]

    @property
    def marked(self) -> bool:
        """Whether a mark was planted."""
        return self.kind in ("tiled", "corner", "centre", "strip", "scanner")


@cache
def font_file(name: str) -> str | None:
    found = sorted(Path("/usr/share/fonts").rglob(name))
    return str(found[0]) if found else None


def has_chinese() -> bool:
    return any(font_file(name) for name in CHINESE)


def is_chinese(text: str) -> bool:
    return any("一" <= letter <= "鿿" for letter in text)


def font(text: str, choice: int, size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    names = [n for n in (CHINESE if is_chinese(text) else LATIN) if font_file(n)]
    if not names:
        return ImageFont.load_default(size)
    return ImageFont.truetype(str(font_file(names[choice % len(names)])), size)


@cache
def photos() -> list[Rgb]:
    """Photos to cut from, without text as far as that is known."""
    import skimage

    folder = Path(skimage.__file__).parent / "data"
    named = "astronaut brick chelsea coffee coins grass gravel hubble_deep_field ihc moon rocket"
    files = [
        p
        for n in [*named.split(), "motorcycle_left", "retina", "camera"]
        for p in folder.glob(f"{n}.*")
    ]
    real = Path(os.environ.get("VQADATA_REAL_DATA", Path(__file__).parents[2] / "shared" / "data"))
    for name in ("aokvqa/images", "gqa_fixture/images", "vgqa_fixture/images"):
        files += sorted((real / name).glob("*.jpg"))
    return [np.asarray(Image.open(file).convert("RGB")) for file in files]


def photo(rng: np.random.Generator, side: int = 1024) -> Rgb:
    """A crop of a photo, often mirrored, enlarged to a longest side."""
    whole = photos()[rng.integers(len(photos()))]
    share = rng.uniform(0.5, 1.0)
    height, width = (int(n * share) for n in whole.shape[:2])
    y, x = rng.integers(whole.shape[0] - height + 1), rng.integers(whole.shape[1] - width + 1)
    part = whole[y : y + height, x : x + width]
    if rng.random() < 0.5:
        part = part[:, ::-1]
    factor = side / max(part.shape[:2])
    size = round(part.shape[1] * factor), round(part.shape[0] * factor)
    return cv2.resize(part, size, interpolation=cv2.INTER_LANCZOS4)


def film(rng: np.random.Generator) -> Rgb:
    """A drawn chest film: a body, two lungs, ribs, noise; no text."""
    height, width = int(rng.integers(800, 1024)), int(rng.integers(760, 1024))
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    cy, cx = height * rng.uniform(0.45, 0.6), width * rng.uniform(0.46, 0.54)
    body = ((x - cx) / (width * 0.44)) ** 4 + ((y - cy) / (height * 0.55)) ** 4 < 1
    grey = np.where(body, 150.0, 12.0)
    for side in (-1, 1):
        lung = ((x - cx - side * width * 0.19) / (width * 0.14)) ** 2
        grey -= 85 * (lung + ((y - cy) / (height * 0.32)) ** 2 < 1)
    ribs = np.sin((y + np.abs(x - cx) * 0.35) / height * 62 + rng.uniform(0, 6))
    grey += 14 * ribs * body + 35 * (np.abs(x - cx) < width * 0.035) * body
    grey = cv2.GaussianBlur(grey, (0, 0), 6) + rng.normal(0, 5, grey.shape)
    return np.repeat(np.clip(grey, 0, 255).astype(np.uint8)[..., None], 3, axis=2)


def stamp(
    rgb: Rgb, text: str, letters: ImageFont.FreeTypeFont | ImageFont.ImageFont,
    centre: tuple[float, float], angle: float, alpha: float, colour: tuple[int, int, int]
) -> tuple[Rgb, np.ndarray]:  # fmt: skip  # type: ignore[type-arg]
    """Blend a text into a picture, turned about its middle; gives its corners too."""
    x0, y0, x1, y1 = letters.getbbox(text)
    wide, high = int(x1 - x0) + 4, int(y1 - y0) + 4
    tile = Image.new("L", (wide, high))
    ImageDraw.Draw(tile).text((2 - x0, 2 - y0), text, 255, letters)
    turned = np.asarray(tile.rotate(angle, Image.Resampling.BICUBIC, expand=True), np.float32)
    height, width = rgb.shape[:2]
    x, y = round(centre[0] - turned.shape[1] / 2), round(centre[1] - turned.shape[0] / 2)
    ax, ay, bx, by = (
        max(x, 0),
        max(y, 0),
        min(x + turned.shape[1], width),
        min(y + turned.shape[0], height),
    )
    out = rgb.copy()
    if ax < bx and ay < by:
        cover = turned[ay - y : by - y, ax - x : bx - x, None] / 255 * alpha
        part = out[ay:by, ax:bx] * (1 - cover) + np.array(colour) * cover
        out[ay:by, ax:bx] = np.clip(part.round(), 0, 255).astype(np.uint8)
    turn = np.deg2rad(-angle)
    corner = np.array([[-wide, -high], [wide, -high], [wide, high], [-wide, high]]) / 2
    rotate = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    return out, corner @ rotate + centre


def jpeg(rgb: Rgb, quality: int) -> Rgb:
    """The picture after JPEG."""
    data = cv2.imencode(".jpg", rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.ascontiguousarray(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1])


def contrasting(rgb: Rgb, box: tuple[int, int, int, int]) -> tuple[int, int, int]:
    """White on dark, black on bright."""
    x0, y0, x1, y1 = (max(int(v), 0) for v in box)
    part = rgb[y0:y1, x0:x1]
    return (0, 0, 0) if part.size and part.mean() > 140 else (255, 255, 255)


def tiled(rng: np.random.Generator, text: str, choice: int, alpha: float) -> Planted:
    rgb = photo(rng)
    height, width = rgb.shape[:2]
    angle = float([20, 30, 45, -30][choice % 4])
    letters = font(text, choice, int(height * [0.035, 0.05, 0.07][choice % 3]))
    case = Planted(rgb, "tiled", "zh" if is_chinese(text) else "en", alpha, text)
    step = letters.getlength(text) * 1.5
    for row, y in enumerate(np.arange(0, height + step, step * 0.7)):
        for x in np.arange(-(row % 2) * step / 2, width + step, step):
            case.rgb, quad = stamp(case.rgb, text, letters, (x, y), angle, alpha, (255, 255, 255))
            case.quads.append(quad)
    return case


def corner(rng: np.random.Generator, text: str, choice: int, alpha: float) -> Planted:
    rgb = photo(rng)
    height, width = rgb.shape[:2]
    letters = font(text, choice, max(int(height * [0.026, 0.03, 0.036][choice % 3]), 15))
    wide = letters.getlength(text)
    x = width - wide / 2 - 14 if choice % 2 else wide / 2 + 14
    y = height - 22.0
    colour = contrasting(rgb, (int(x - wide / 2), int(y) - 12, int(x + wide / 2), int(y) + 12))
    rgb, quad = stamp(rgb, text, letters, (x, y), 0, alpha, colour)
    return Planted(rgb, "corner", "zh" if is_chinese(text) else "en", alpha, text, [quad])


def centre(rng: np.random.Generator, text: str, choice: int, alpha: float) -> Planted:
    rgb = photo(rng)
    height, width = rgb.shape[:2]
    letters = font(text, choice, int(height * [0.07, 0.1, 0.13][choice % 3]))
    place = width * rng.uniform(0.42, 0.58), height * rng.uniform(0.42, 0.58)
    angle = float([0, 12, -20][choice % 3])
    rgb, quad = stamp(rgb, text, letters, place, angle, alpha, (255, 255, 255))
    return Planted(rgb, "centre", "zh" if is_chinese(text) else "en", alpha, text, [quad])


def strip(rng: np.random.Generator, text: str, choice: int, _alpha: float) -> Planted:
    rgb = photo(rng).copy()
    height, width = rgb.shape[:2]
    band = int(height * 0.05)
    rgb[height - band :] = 20 if choice % 2 else 235
    colour = (235, 235, 235) if choice % 2 else (20, 20, 20)
    line = f"{text}   Image ID: {rng.integers(10**6, 10**7)}"
    letters = font(text, choice, int(band * 0.6))
    rgb, quad = stamp(rgb, line, letters, (width / 2, height - band / 2), 0, 1.0, colour)
    return Planted(rgb, "strip", "zh" if is_chinese(text) else "en", 1.0, text, [quad])


def scanner(rng: np.random.Generator, number: int, choice: int, alpha: float) -> Planted:
    case = Planted(film(rng), "scanner", "en", alpha)
    height, width = case.rgb.shape[:2]
    lines = SCANNER[number % len(SCANNER)]
    for row, text in enumerate(lines):
        letters = font(text, 0, 17)
        wide = letters.getlength(text)
        x = wide / 2 + 12 if choice % 2 else width - wide / 2 - 12
        y = 18.0 + 24 * row if choice < 2 else height - 20.0 - 24 * (len(lines) - row)
        case.rgb, quad = stamp(case.rgb, text, letters, (x, y), 0, alpha, (255, 255, 255))
        case.quads.append(quad)
        case.language = "zh" if is_chinese(text) else case.language
    return case


def sign(rng: np.random.Generator) -> Planted:
    """A photo with an opaque sign, seen from the side."""
    rgb = photo(rng)
    text = SIGNS[rng.integers(len(SIGNS))]
    letters = font(text, int(rng.integers(4)), 64)
    x0, y0, x1, y1 = letters.getbbox(text)
    plate = Image.new("RGB", (int(x1 - x0) + 60, int(y1 - y0) + 50), tuple(rng.integers(0, 120, 3)))
    ImageDraw.Draw(plate).text((30 - x0, 25 - y0), text, (250, 250, 245), letters)
    source = np.float32([[0, 0], [plate.width, 0], [plate.width, plate.height], [0, plate.height]])
    height, width = rgb.shape[:2]
    factor = rng.uniform(0.25, 0.45) * width / plate.width
    spot = np.array([rng.uniform(0.05, 0.5) * width, rng.uniform(0.05, 0.6) * height])
    target = (
        source * factor + spot + rng.uniform(-0.05, 0.05, (4, 2)) * plate.width * factor
    ).astype(np.float32)
    matrix = cv2.getPerspectiveTransform(source, target)
    seen = cv2.warpPerspective(np.asarray(plate), matrix, (width, height))
    inside = cv2.warpPerspective(np.ones(plate.size[::-1], np.uint8), matrix, (width, height))
    return Planted(np.where(inside[..., None] > 0, seen, rgb), "sign", text=text)


def page(rng: np.random.Generator, footer: bool) -> Planted:
    """A page of text, every other one with the same footer."""
    sheet = Image.new("RGB", (760, 1024), (250, 250, 246))
    draw = ImageDraw.Draw(sheet)
    for row in range(int(rng.integers(16, 34))):
        line = " ".join(rng.choice(WORDS, int(rng.integers(6, 11))))
        draw.text((60, 60 + row * 27), line, (30, 30, 30), font("a", 2, 17))
    if footer:
        text = f"www.example-company.com   page {rng.integers(1, 90)}"
        draw.text((60, 985), text, (90, 90, 90), font("a", 0, 15))
    return Planted(np.asarray(sheet), "page", text="page")


def planted(seed: int, scale: float = 1.0) -> Iterator[Planted]:
    """All kinds, in the order in which they are named; ``scale`` says how many of each."""
    rng = np.random.default_rng(seed)
    chinese = has_chinese()
    kinds = ((tiled, TILED, 36), (corner, CORNER, 42), (centre, CENTRE, 36), (strip, STRIP, 18))
    for make, all_texts, count in kinds:
        texts = [text for text in all_texts if chinese or not is_chinese(text)]
        for number in range(round(count * scale)):
            source = number % len(texts)
            alpha = [0.15, 0.25, 0.4, 0.6, 1.0][
                rng.integers(0 if make in (tiled, centre) else 1, 5)
            ]
            case = make(
                rng, texts[source], source, min(alpha, 0.6) if make is not corner else alpha
            )
            case.rgb = jpeg(case.rgb, int(rng.choice([80, 88, 93])))
            yield case
    for number in range(round(40 * scale)):
        yield scanner(rng, number % len(SCANNER), number % 4, float(rng.choice([0.6, 0.8, 1.0])))
    for number in range(round(105 * scale)):
        yield Planted(jpeg(photo(rng) if number % 7 else film(rng), 88), "clean")
    for _ in range(round(40 * scale)):
        yield sign(rng)
    for number in range(round(25 * scale)):
        yield page(rng, number % 2 == 0)
