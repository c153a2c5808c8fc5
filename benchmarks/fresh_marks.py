"""A third generator of planted marks, with two banks of words: one to look at, one kept back.

It shares nothing with the other two but the photos: any font of the machine (and of the folder
``VQADATA_FONTS``), any corner and edge, any angle, white, black and coloured letters, outlines and
shadows, see-through bands, and radiology pictures cut from VQA-RAD where they are there. Pictures
with text that is no mark are drawn too: documents, receipts, charts, signs, book covers, posters,
screenshots and memes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from benchmarks.planted_marks import LATIN, Planted, Rgb, font_file, is_chinese, jpeg, photos

REAL = Path(os.environ.get("VQADATA_REAL_DATA", Path(__file__).parents[2] / "shared" / "data"))
FONTS = os.environ.get("VQADATA_FONTS", "")

ALPHAS = (0.15, 0.25, 0.4, 0.6, 1.0)
COLOURS = (
    ((255, 255, 255),) * 5 + ((0, 0, 0),) * 2 + ((220, 40, 40), (250, 220, 60), (90, 140, 230))
)
SIDES = (420, 512, 640, 800, 1024, 1280)


class Bank(NamedTuple):
    """Words of marks."""

    large: list[str]
    """Across the picture: agencies, stamps, names."""
    small: list[str]
    """Credits, claims and addresses near the edge."""
    scanner: list[list[str]]


SHOWN = Bank(
    """shutterstock|gettyimages|PREVIEW|Vecteezy|agefotostock|cliparto|© pixhaven|Terra Galleria|
SAMPLE IMAGE|视觉中国|汇图网|云端图片""".replace("\n", "").split("|"),
    """© 2020 Anna Novak|Copyright Tom Becker|www.skylinepics.com|Photo: Reuters / K. Ito|
@urban_wanders|alamy.com|© BBC|摄影：王小明|微博 @城市光影|flickr.com/hugo""".replace(
        "\n", ""
    ).split("|"),
    [
        ["MERCY GENERAL HOSPITAL", "AP PORTABLE UPRIGHT", "70 kV 3.2 mAs"],
        ["GE MEDICAL SYSTEMS", "Ex: 4471", "Se: 3 Im: 12"],
        ["Smith, Robert  M 54Y", "Acc: 88213", "11 Mar 2015"],
        ["市中心医院", "放射影像科"],
    ],
)

KEPT_BACK = Bank(
    """dreamstime|iStock|DO NOT COPY|Pixta|fotosearch|Stocklib|Bluewater Images|Demo Version|
stock.adobe.com|千图网|全景视觉|版权所有""".replace("\n", "").split("|"),
    """© Paul Andersson 2018|(c) Maria Rossi|www.nordlicht-foto.de|Image credit: NASA/JPL|
@the.hiking.bear|Shutterstock 118233|Foto: dpa|图/新华社|小红书 @旅行家|pbase.com/lee""".replace(
        "\n", ""
    ).split("|"),
    [
        ["ST LUKES MEDICAL CTR", "CHEST PA ERECT", "120 kVp"],
        ["TOSHIBA Aquilion", "Study 20160412", "Thk 5.0 mm"],
        ["DOE JOHN  F 047Y", "MRN 7723190", "Portable"],
        ["人民医院放射科", "床边胸片"],
    ],
)

SIGNS = """OPEN 24 HOURS|BROADWAY|Farmers Market|EXIT 14|Bella Napoli|Bike Rental|City Hall|COFFEE|
Keep Right|Riverside Hotel|Main Library|SALE 30%|No Entry|Visit www.town.org|Call 555-0134|火车站|
新华书店|禁止吸烟|University Hospital|Emergency|Photo Studio|Copyright Office|Sample Sale"""
TITLES = """The Silent River|A Winter in Rome|Deep Learning|Cooking for Two|Night Train|
Atlas of Birds|History of Maps|Small Gods|白夜行|红楼梦""".replace("\n", "").split("|")
PEOPLE = ["Helen Marsh", "J. K. Ortega", "Li Wei", "Maya Stein", "R. Okafor"]
WORDS = """the of and invoice total amount page order number customer please return with account
service balance report section value table figure method under results energy water city""".split()


@cache
def fonts(chinese: bool) -> list[str]:
    """Files of fonts."""
    if chinese:
        names = ["wqy-microhei.ttc"]
        extra = [str(p) for p in sorted(Path(FONTS).rglob("*.ttc"))] if FONTS else []
    else:
        names = LATIN
        extra = [str(p) for p in sorted(Path(FONTS).rglob("*.?tf"))] if FONTS else []
    return [file for name in names if (file := font_file(name))] + extra


def letters(rng: np.random.Generator, text: str, size: int) -> ImageFont.FreeTypeFont:
    files = fonts(is_chinese(text))
    return ImageFont.truetype(files[rng.integers(len(files))], max(size, 9))


@cache
def films() -> list[Rgb]:
    """Middles of radiology pictures, where no mark stands."""
    files = sorted((REAL / "vqa_rad" / "images").glob("*.jpg"))
    whole = [np.asarray(Image.open(file).convert("RGB")) for file in files]
    return [one[one.shape[0] // 6 : -one.shape[0] // 6, one.shape[1] // 6 : -one.shape[1] // 6]
            for one in whole if min(one.shape[:2]) > 300]  # fmt: skip


def base(rng: np.random.Generator, film: bool = False) -> Rgb:
    """A photo or a film of some size; films get a dark margin as films have."""
    shelf = films() if film and films() else photos()
    whole = shelf[rng.integers(len(shelf))]
    share = rng.uniform(0.6, 1)
    h, w = (max(int(n * share), 40) for n in whole.shape[:2])
    y, x = rng.integers(whole.shape[0] - h + 1), rng.integers(whole.shape[1] - w + 1)
    factor = rng.choice(SIDES) / max(h, w)
    size = round(w * factor), round(h * factor)
    part = cv2.resize(whole[y : y + h, x : x + w], size, interpolation=cv2.INTER_CUBIC)
    gain = rng.uniform(0.8, 1.15)
    part = np.clip(part * gain, 0, 255).astype(np.uint8)
    if film:
        m = int(min(size) * 0.12)
        part = cv2.copyMakeBorder(part, m, m, m, m, cv2.BORDER_CONSTANT, value=(6, 6, 6))
    return part[:, ::-1].copy() if rng.random() < 0.5 else part


class Ink(NamedTuple):
    """How letters are laid on."""

    alpha: float
    colour: tuple[int, int, int]
    outline: bool = False
    shadow: bool = False


def any_ink(rng: np.random.Generator, alpha: float) -> Ink:
    colour = COLOURS[rng.integers(len(COLOURS))]
    return Ink(alpha, colour, bool(rng.random() < 0.25), bool(rng.random() < 0.2))


def lay(rgb: Rgb, text: str, face: ImageFont.FreeTypeFont, at: tuple[float, float], ink: Ink,
        angle: float = 0) -> Rgb:  # fmt: skip
    """Lay a text over a picture, its middle at a place."""
    x0, y0, x1, y1 = (int(v) for v in face.getbbox(text, stroke_width=2))
    size = x1 - x0 + 8, y1 - y0 + 8
    where = 4 - x0, 4 - y0
    tile = Image.new("RGBA", size)
    draw = ImageDraw.Draw(tile)
    other = (0, 0, 0) if sum(ink.colour) > 380 else (255, 255, 255)
    if ink.shadow:
        draw.text((where[0] + 2, where[1] + 2), text, (*other, 160), face)
        tile = tile.filter(ImageFilter.GaussianBlur(1))
        draw = ImageDraw.Draw(tile)
    stroke = {"stroke_width": max(int(face.size / 22), 1), "stroke_fill": (*other, 255)}
    draw.text(where, text, (*ink.colour, 255), face, **(stroke if ink.outline else {}))
    tile = tile.rotate(angle, Image.Resampling.BICUBIC, expand=True)
    tile.putalpha(tile.getchannel("A").point(lambda a: int(a * ink.alpha)))
    x, y = round(at[0] - tile.width / 2), round(at[1] - tile.height / 2)
    a, b, c, d = (
        max(x, 0),
        max(y, 0),
        min(x + tile.width, rgb.shape[1]),
        min(y + tile.height, rgb.shape[0]),
    )
    if a < c and b < d:
        out, over = rgb.copy(), tile.crop((a - x, b - y, c - x, d - y))
        under = Image.fromarray(out[b:d, a:c]).convert("RGBA")
        out[b:d, a:c] = np.asarray(Image.alpha_composite(under, over).convert("RGB"))
        return out
    return rgb


def fitting(
    rng: np.random.Generator, text: str, size: float, widest: float
) -> ImageFont.FreeTypeFont:
    """A face whose text is not wider than a limit."""
    face = letters(rng, text, int(size))
    wide = face.getlength(text)
    return (
        face if wide <= widest else ImageFont.truetype(face.path, max(int(size * widest / wide), 9))
    )


def tiled(rng: np.random.Generator, text: str, alpha: float) -> Rgb:
    rgb = base(rng)
    h, w = rgb.shape[:2]
    face = fitting(rng, text, min(h, w) * rng.uniform(0.045, 0.09), w * 0.45)
    angle = float(rng.choice([-45, -30, -20, 15, 25, 30, 45]))
    ink, step = any_ink(rng, alpha), face.getlength(text) * rng.uniform(1.15, 1.7)
    down = max(step * rng.uniform(0.45, 0.8), face.size * 2.2)
    for row in range(-1, int(h / down) + 2):
        for column in range(-1, int(w / step) + 2):
            x = column * step + (row % 2) * step / 2
            rgb = lay(rgb, text, face, (x, row * down), ink, angle)
    return rgb


def centre(rng: np.random.Generator, text: str, alpha: float) -> Rgb:
    rgb = base(rng)
    h, w = rgb.shape[:2]
    face = fitting(rng, text, min(h, w) * rng.uniform(0.07, 0.16), w * 0.85)
    place = w * rng.uniform(0.45, 0.55), h * rng.uniform(0.42, 0.58)
    return lay(
        rgb, text, face, place, any_ink(rng, alpha), float(rng.choice([0, 0, 0, 15, -25, 30, 45]))
    )


def corner(rng: np.random.Generator, text: str, alpha: float) -> Rgb:
    rgb = base(rng)
    h, w = rgb.shape[:2]
    face = fitting(rng, text, max(min(h, w) * rng.uniform(0.028, 0.05), 13), w * 0.6)
    wide, gap = face.getlength(text), rng.uniform(0.01, 0.03) * w + 4
    x = [wide / 2 + gap, w - wide / 2 - gap, w / 2][rng.integers(3)]
    y = h - gap - face.size * 0.7 if rng.random() < 0.75 else gap + face.size * 0.7
    ink = any_ink(rng, alpha)
    under = rgb[int(max(y - 8, 0)) : int(y + 8), int(max(x - wide / 2, 0)) : int(x + wide / 2)]
    if ink.colour in ((255, 255, 255), (0, 0, 0)):  # whoever signs a picture wants to be read
        ink = ink._replace(colour=(0, 0, 0) if under.mean() > 140 else (255, 255, 255))
    return lay(rgb, text, face, (x, y), ink)


def strip(rng: np.random.Generator, text: str, alpha: float) -> Rgb:
    rgb = base(rng).astype(np.float32)
    h, w = rgb.shape[:2]
    band, dark = max(int(h * rng.uniform(0.045, 0.08)), 20), rng.random() < 0.6
    rows = slice(h - band, h) if rng.random() < 0.8 else slice(0, band)
    cover = max(alpha, 0.5)
    rgb[rows] = rgb[rows] * (1 - cover) + (15 if dark else 240) * cover
    line = f"{text}  {rng.choice(['#', 'ID ', 'Image '])}{rng.integers(10**5, 10**8)}"
    face = fitting(rng, line, band * 0.55, w * 0.9)
    x = face.getlength(line) / 2 + 12 if rng.random() < 0.5 else w / 2
    ink = Ink(1, (240, 240, 240) if dark else (20, 20, 20))
    return lay(rgb.astype(np.uint8), line, face, (x, (rows.start + rows.stop) / 2), ink)


def scanner(rng: np.random.Generator, lines: list[str], alpha: float) -> Rgb:
    rgb = base(rng, film=True)
    h, w = rgb.shape[:2]
    right, low, size = (
        rng.random() < 0.5,
        rng.random() < 0.4,
        max(int(h * rng.uniform(0.022, 0.03)), 13),
    )
    for row, text in enumerate(lines):
        face = ImageFont.truetype(fonts(is_chinese(text))[0], size)
        wide = face.getlength(text)
        y = (h - 10 - size * 1.4 * (len(lines) - row)) if low else 12 + size * 1.4 * row
        rgb = lay(rgb, text, face, (w - wide / 2 - 10 if right else wide / 2 + 10, y + size / 2),
                  Ink(max(alpha, 0.4), (235, 235, 235)))  # fmt: skip
    return rgb


def sign(rng: np.random.Generator) -> Rgb:
    """Boards in a scene, seen from anywhere."""
    rgb = base(rng)
    h, w = rgb.shape[:2]
    for text in rng.choice(
        SIGNS.replace("\n", "").split("|"), int(rng.integers(1, 4)), replace=False
    ):
        face = letters(rng, str(text), 60)
        x0, y0, x1, y1 = (int(v) for v in face.getbbox(str(text)))
        back = tuple(int(v) for v in rng.integers(0, 256, 3))
        plate = Image.new("RGB", (x1 - x0 + 50, y1 - y0 + 40), back)
        front = (250, 250, 240) if sum(back) < 380 else (20, 20, 30)
        ImageDraw.Draw(plate).text((25 - x0, 20 - y0), str(text), front, face)
        source = np.float32(
            [[0, 0], [plate.width, 0], [plate.width, plate.height], [0, plate.height]]
        )
        zoom = rng.uniform(0.15, 0.5) * w / plate.width
        spot = np.array([rng.uniform(0, 0.6) * w, rng.uniform(0, 0.8) * h])
        bend = rng.uniform(-0.08, 0.08, (4, 2)) * plate.width * zoom
        matrix = cv2.getPerspectiveTransform(
            source, (source * zoom + spot + bend).astype(np.float32)
        )
        seen = cv2.warpPerspective(np.asarray(plate), matrix, (w, h), flags=cv2.INTER_AREA)
        inside = cv2.warpPerspective(np.ones(plate.size[::-1], np.uint8), matrix, (w, h))
        shade = rng.uniform(0.7, 1)
        rgb = np.where(inside[..., None] > 0, seen * shade, rgb).astype(np.uint8)
    return rgb


def document(rng: np.random.Generator) -> Rgb:
    """A letter, a form or a receipt."""
    w = int(rng.choice([420, 700, 900]))
    lines = int(rng.integers(5, 30))
    size = int(rng.integers(15, 24))
    sheet = Image.new(
        "RGB", (w, lines * size * 2 + 120), tuple(int(v) for v in rng.integers(225, 256, 3))
    )
    draw, face = ImageDraw.Draw(sheet), letters(rng, "a", size)
    head = ["INVOICE", "Statement of Account", "Riverside Clinic", "Receipt", "www.acme-parts.com"]
    draw.text((40, 30), str(rng.choice(head)), (20, 20, 20), letters(rng, "a", size + 8))
    for row in range(lines):
        text = " ".join(rng.choice(WORDS, int(rng.integers(2, 8)))) + f" {rng.integers(999)}"
        draw.text((40, 90 + row * size * 2), text, (40, 40, 40), face)
    foot = ["© 2019 Acme Inc. All rights reserved", "Thank you", "page 3", "www.acme.com", ""]
    draw.text((40, sheet.height - 32), str(rng.choice(foot)), (90, 90, 90), letters(rng, "a", 14))
    return np.asarray(sheet)


def chart(rng: np.random.Generator) -> Rgb:
    """A line or bar chart, on white, grey or dark ground."""
    back = [(255, 255, 255), (240, 240, 245), (30, 32, 40), (252, 250, 240)][rng.integers(4)]
    ink = (230, 230, 230) if back[0] < 100 else (50, 50, 50)
    sheet = Image.new("RGB", (720, 500), back)
    draw, face = ImageDraw.Draw(sheet), letters(rng, "a", 17)
    title = [
        "Revenue by quarter",
        "CO2 emissions per head",
        "Patients per hospital",
        "Exports, 2010-2020",
    ]
    draw.text((60, 16), str(rng.choice(title)), ink, letters(rng, "a", 24))
    draw.line((70, 70, 70, 430, 690, 430), ink, 2)
    for n in range(int(rng.integers(3, 7))):
        top = int(rng.integers(90, 400))
        colour = tuple(int(v) for v in rng.integers(40, 220, 3))
        draw.rectangle((95 + n * 95, top, 160 + n * 95, 429), colour)
        draw.text(
            (95 + n * 95, 438),
            str(rng.choice(["Asia", "Q1", "Q2", "2015", "Male", "Rural"])),
            ink,
            face,
        )
        draw.text((100 + n * 95, top - 24), str(430 - top), ink, face)
    source = ["Source: World Bank", "Source: Eurostat 2021", "", "www.ourworldindata.org"]
    draw.text((60, 474), str(rng.choice(source)), ink, letters(rng, "a", 14))
    return np.asarray(sheet)


def cover(rng: np.random.Generator) -> Rgb:
    """A book or a poster: a picture or a colour, a title, a name, a publisher."""
    w, h = int(rng.integers(380, 620)), int(rng.integers(560, 860))
    if rng.random() < 0.5:
        rgb = cv2.resize(base(rng), (w, h))
    else:
        rgb = np.full((h, w, 3), rng.integers(0, 256, 3), np.uint8)
    ink = Ink(1, (255, 255, 255) if rgb.mean() < 140 else (15, 15, 15))
    title, name = str(rng.choice(TITLES)), str(rng.choice(PEOPLE))
    rgb = lay(
        rgb,
        title,
        fitting(rng, title, h * 0.09, w * 0.85),
        (w / 2, h * rng.uniform(0.15, 0.5)),
        ink,
    )
    rgb = lay(rgb, name, fitting(rng, name, h * 0.045, w * 0.7), (w / 2, h * 0.88), ink)
    last = str(
        rng.choice(["A NOVEL", "Oxford University Press", "BESTSELLER", "Penguin", "Vol. 2"])
    )
    return lay(rgb, last, fitting(rng, last, h * 0.028, w * 0.6), (w / 2, h * 0.96), ink)


def screenshot(rng: np.random.Generator) -> Rgb:
    """A window of a browser or of a telephone."""
    dark = rng.random() < 0.5
    w, h = (390, 800) if rng.random() < 0.5 else (1100, 700)
    sheet = Image.new("RGB", (w, h), (28, 28, 30) if dark else (250, 250, 250))
    draw, ink = ImageDraw.Draw(sheet), (235, 235, 235) if dark else (30, 30, 30)
    draw.rectangle((0, 0, w, 46), (60, 60, 66) if dark else (225, 228, 232))
    address = ["https://www.news-today.com/world", "maps.google.com", "Settings", "Messages"]
    draw.text((20, 12), str(rng.choice(address)), ink, letters(rng, "a", 17))
    for row in range(int(rng.integers(3, 11))):
        y = 70 + row * 60
        words = " ".join(rng.choice(WORDS, 3)).capitalize()
        draw.ellipse((18, y, 54, y + 36), tuple(int(v) for v in rng.integers(60, 230, 3)))
        draw.text((70, y + 6), words, ink, letters(rng, "a", 18))
    return np.asarray(sheet)


def meme(rng: np.random.Generator) -> Rgb:
    """White capitals with a black outline, above and below."""
    rgb = base(rng)
    h, w = rgb.shape[:2]
    texts = ["ONE DOES NOT SIMPLY", "WHEN THE CODE WORKS", "SUCH WOW", "NOT SURE IF MONDAY",
             "BOTTOM TEXT", "MY CAT EVERY MORNING", "ME: EXPLAINING"]  # fmt: skip
    for y, text in zip((0.1, 0.9), rng.choice(texts, 2, replace=False), strict=True):
        face = fitting(rng, str(text), h * 0.1, w * 0.94)
        rgb = lay(rgb, str(text), face, (w / 2, h * y), Ink(1, (255, 255, 255), True))
    return rgb


def poster(rng: np.random.Generator) -> Rgb:
    """An advertisement: large words over a photo, an address below."""
    rgb = base(rng)
    h, w = rgb.shape[:2]
    big = str(
        rng.choice(["SUMMER SALE", "LIVE MUSIC", "Visit Norway", "Grand Opening", "Free Entry"])
    )
    rgb = lay(
        rgb, big, fitting(rng, big, h * 0.15, w * 0.8), (w / 2, h * 0.3), Ink(1, (255, 240, 80))
    )
    when = str(rng.choice(["Saturday 8 pm", "12 - 14 June", "Every day from 9"]))
    return lay(
        rgb, when, fitting(rng, when, h * 0.07, w * 0.6), (w / 2, h * 0.55), Ink(1, (255, 255, 255))
    )


MARKS: tuple[tuple[Callable[..., Rgb], str, int], ...] = (
    (tiled, "large", 36), (centre, "large", 48), (corner, "small", 50),
    (strip, "large", 24), (scanner, "scanner", 32),
)  # fmt: skip
TEXTS = ((sign, 50), (document, 30), (chart, 24), (cover, 24), (screenshot, 16), (meme, 24),
         (poster, 20))  # fmt: skip


def planted(seed: int, scale: float = 1.0, bank: Bank = KEPT_BACK) -> Iterator[Planted]:
    """All kinds; ``scale`` says how many of each."""
    rng = np.random.default_rng(seed + 77_000)
    for make, words, count in MARKS:
        texts = getattr(bank, words)
        for number in range(round(count * scale)):
            text, alpha = texts[number % len(texts)], float(ALPHAS[rng.integers(len(ALPHAS))])
            rgb = jpeg(make(rng, text, alpha), int(rng.integers(72, 96)))
            first = text if isinstance(text, str) else text[0]
            language = "zh" if is_chinese(first) else "en"
            yield Planted(rgb, make.__name__, language, alpha, first)
    for _ in range(round(40 * scale)):
        yield Planted(jpeg(base(rng), 88), "clean")
    for _ in range(round(16 * scale)):
        yield Planted(jpeg(base(rng, film=True), 88), "clean")
    for draw, count in TEXTS:
        for _ in range(round(count * scale)):
            yield Planted(jpeg(draw(rng), int(rng.integers(75, 96))), draw.__name__)
