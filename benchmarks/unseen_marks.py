"""A fourth generator of planted marks, with words, grounds and ways of blending of its own.

It was written before anything was measured with it. Letters are Pillow's or OpenCV's strokes; they
are mixed in, multiplied, screened, embossed or drawn as outlines; lines stand along any edge, also
upright. Grounds are landscapes made of noise, and the photos of the other generators, turned and in
other colours. Text that is no mark: subtitles, jerseys, labels, menus, street boards, score boards,
maps, tickets, plates of cars and slides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from benchmarks.fresh_marks import films
from benchmarks.planted_marks import Planted, Rgb, font_file, is_chinese, jpeg, photos

Rng = np.random.Generator
Floats = np.ndarray[Any, np.dtype[np.float32]]

ALPHAS = (0.15, 0.25, 0.35, 0.5, 0.75, 1.0)
ACROSS = """Picfair|Twenty20|CONFIDENTIAL|PROOF|Marlow Prints|Kestrel Stock|NOT FOR RESALE|
Motion Array|Pexels|样图|严禁转载|花瓣网|新华社|Copyright""".replace("\n", "").split("|")
SIGNED = """Jonas Lindqvist Photography|© Aiko Tanaka|Bild: Karl Weber|lensandlight.studio|
Courtesy of Elena Petrova|PHOTO BY D. OKOYE|instagram.com/saltwinds|(C) 2014 R. Mendes|
AP Photo/J. Kim|All rights reserved|版权归原作者所有|摄/赵小兰|公众号 · 行走的镜头|
www.hafenblick.de""".replace("\n", "").split("|")
BANDS = ["Picfair.com", "Kestrel Stock", "REX Features", "花瓣网 huaban.com"]
SCANS = [
    ["NORTHGATE CLINIC", "PA CHEST STANDING", "110 kV  2.0 mAs"],
    ["CANON Aquilion ONE", "Scan 2  Img 44", "FOV 320 mm"],
    ["KOWALSKI, ANNA", "1961-04-02  F", "Acc 7710042"],
    ["HITACHI ECHELON", "TR 4500 TE 98", "Sl 5.0 mm"],
    ["第三附属医院", "CT室 平扫"],
]
FACES = """DejaVuSans.ttf DejaVuSerif-Bold.ttf DejaVuSansMono.ttf DejaVuSerif-Italic.ttf
DejaVuSansCondensed-Bold.ttf DejaVuSans-ExtraLight.ttf
DejaVuSerifCondensed-BoldItalic.ttf""".split()
HERSHEY = (cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_COMPLEX, cv2.FONT_HERSHEY_TRIPLEX,
           cv2.FONT_HERSHEY_SCRIPT_COMPLEX)  # fmt: skip


def lines_of(text: str) -> list[str]:
    return text.replace("\n", "").split("|")


def pick(rng: Rng, texts: str) -> str:
    return str(rng.choice(lines_of(texts)))


def face_of(rng: Rng, text: str, size: float) -> ImageFont.FreeTypeFont:
    name = "wqy-microhei.ttc" if is_chinese(text) else str(rng.choice(FACES))
    return ImageFont.truetype(
        str(font_file(name) or font_file("DejaVuSans.ttf")), max(int(size), 9)
    )


def covered(rng: Rng, text: str, size: float, widest: float = 1e9) -> Floats:
    """How much of each pixel the letters cover, ``[height, width]``, 0 to 1."""
    if not is_chinese(text) and text.isascii() and rng.random() < 0.25:
        return _stroked(rng, text, size, widest)
    letters = face_of(rng, text, size)
    if (wide := letters.getlength(text)) > widest:
        letters = ImageFont.truetype(letters.path, max(int(size * widest / wide), 9))
    x0, y0, x1, y1 = (int(v) for v in letters.getbbox(text))
    tile = Image.new("L", (x1 - x0 + 8, y1 - y0 + 8))
    ImageDraw.Draw(tile).text((4 - x0, 4 - y0), text, 255, letters)
    return np.asarray(tile, np.float32) / 255


def _stroked(rng: Rng, text: str, size: float, widest: float) -> Floats:
    """OpenCV's letters, which are made of strokes."""
    style, thick = HERSHEY[rng.integers(len(HERSHEY))], max(round(size / 16), 1)
    scale = size / 30
    (wide, _), _ = cv2.getTextSize(text, style, scale, thick)
    scale *= min(widest / wide, 1)
    (wide, high), low = cv2.getTextSize(text, style, scale, thick)
    tile = np.zeros((high + low + 10, wide + 10), np.uint8)
    cv2.putText(tile, text, (5, high + 5), style, scale, 255, thick, cv2.LINE_AA)
    return tile.astype(np.float32) / 255


def turned(cover: Floats, angle: float) -> Floats:
    picture = Image.fromarray((cover * 255).astype(np.uint8))
    return (
        np.asarray(picture.rotate(angle, Image.Resampling.BICUBIC, expand=True), np.float32) / 255
    )


def mixed(rng: Rng, rgb: Rgb, cover: Floats, middle: tuple[float, float], alpha: float,
          how: str = "") -> Rgb:  # fmt: skip
    """Bring letters into a picture; ``how`` is chosen where it is not said."""
    x, y = round(middle[0] - cover.shape[1] / 2), round(middle[1] - cover.shape[0] / 2)
    a, b = max(x, 0), min(x + cover.shape[1], rgb.shape[1])
    c, d = max(y, 0), min(y + cover.shape[0], rgb.shape[0])
    if a >= b or c >= d:
        return rgb
    out = rgb.astype(np.float32)
    part, ink = out[c:d, a:b], cover[c - y : d - y, a - x : b - x, None]
    how = how or str(rng.choice(["white", "white", "contrast", "screen", "multiply", "emboss"]))
    if how == "contrast":
        level = 0.0 if part.mean() > 130 else 255.0
    elif how in ("emboss", "outline"):
        rim = np.clip(cv2.dilate(ink[..., 0], np.ones((3, 3))) - ink[..., 0], 0, 1)[..., None]
        part = part * (1 - rim * alpha)
        level = 255.0
    else:
        level = {"white": 250.0, "screen": 255.0, "multiply": 0.0, "black": 5.0}[how]
    out[c:d, a:b] = part * (1 - ink * alpha) + level * ink * alpha
    return np.clip(out.round(), 0, 255).astype(np.uint8)


def landscape(rng: Rng) -> Rgb:
    """A sky, hills and a meadow of noise."""
    w, h = int(rng.integers(480, 1200)), int(rng.integers(400, 900))
    top, low = rng.uniform(90, 240, 3), rng.uniform(120, 250, 3)
    down = np.linspace(0, 1, h, dtype=np.float32)[:, None, None]
    out = np.broadcast_to(top * (1 - down) + low * down, (h, w, 3)).astype(np.float32).copy()
    for level in sorted(rng.uniform(0.3, 0.8, int(rng.integers(2, 5)))):
        ridge = sum(
            rng.normal(0, 0.12 / n)
            * np.sin(np.linspace(0, n * rng.uniform(2, 5), w) + rng.uniform(0, 6))
            for n in range(1, 9)
        )
        below = np.arange(h)[:, None] > (level + ridge * 0.4)[None] * h
        grain = cv2.resize(rng.normal(0, 1, (h // 3, w // 3)).astype(np.float32), (w, h))
        out = np.where(below[..., None], rng.uniform(20, 190, 3) + 22 * grain[..., None], out)
    return np.clip(out + rng.normal(0, 3, (h, w, 1)), 0, 255).astype(np.uint8)


def ground(rng: Rng) -> Rgb:
    """A landscape, or a photo turned, cut and in other colours."""
    if rng.random() < 0.4:
        return landscape(rng)
    whole = np.rot90(photos()[rng.integers(len(photos()))], int(rng.integers(4)))
    h, w = (max(int(n * rng.uniform(0.55, 1)), 60) for n in whole.shape[:2])
    part = whole[-h:, -w:] if rng.random() < 0.5 else whole[:h, :w]
    factor = float(rng.choice([400, 500, 700, 900, 1100])) / max(h, w)
    part = cv2.resize(part, (max(round(w * factor), 160), max(round(h * factor), 160)))
    curve = 255 * (np.arange(256) / 255) ** rng.uniform(0.6, 1.5)
    shades = [np.clip(curve * rng.uniform(0.85, 1.1), 0, 255).astype(np.uint8) for _ in range(3)]
    return np.stack([shades[n][part[..., n]] for n in range(3)], axis=-1)


def tiled(rng: Rng, text: str, alpha: float) -> Rgb:
    rgb = ground(rng)
    h, w = rgb.shape[:2]
    flat = covered(rng, text, min(h, w) * rng.uniform(0.04, 0.1), w * 0.5)
    cover = turned(flat, float(rng.uniform(15, 60) * rng.choice([-1, 1])))
    how = str(rng.choice(["white", "screen", "multiply", "emboss"]))
    for y in np.arange(0, h + cover.shape[0], cover.shape[0] * rng.uniform(0.8, 1.4)):
        for x in np.arange(0, w + cover.shape[1], cover.shape[1] * 1.1):
            rgb = mixed(rng, rgb, cover, (x, y), alpha, how)
    return rgb


def centre(rng: Rng, text: str, alpha: float) -> Rgb:
    rgb = ground(rng)
    h, w = rgb.shape[:2]
    cover = covered(rng, text, min(h, w) * rng.uniform(0.08, 0.2), w * 0.8)
    cover = turned(cover, float(rng.choice([0, 0, 10, -20, 35, -45])))
    return mixed(rng, rgb, cover, (w * rng.uniform(0.45, 0.55), h * rng.uniform(0.4, 0.6)), alpha)


def corner(rng: Rng, text: str, alpha: float) -> Rgb:
    """A line along the lower, upper or, upright, the right edge."""
    rgb = ground(rng)
    h, w = rgb.shape[:2]
    cover = covered(rng, text, max(min(h, w) * rng.uniform(0.025, 0.05), 14), w * 0.6)
    edge = rng.choice(["low", "low", "low", "high", "right"])
    if edge == "right":
        cover = turned(cover, 90)
    high, wide = cover.shape
    gap = rng.uniform(3, 0.03 * w + 4)
    x = float(rng.choice([wide / 2 + gap, w - wide / 2 - gap, w / 2]))
    y = h - high / 2 - gap if edge == "low" else high / 2 + gap
    if edge == "right":
        x = w - wide / 2 - gap
    return mixed(
        rng, rgb, cover, (x, y), alpha, str(rng.choice(["contrast", "contrast", "emboss"]))
    )


def strip(rng: Rng, text: str, _alpha: float) -> Rgb:
    """A band joined on below or above, with a number."""
    rgb = ground(rng)
    band, level = (
        max(int(rgb.shape[0] * rng.uniform(0.045, 0.07)), 22),
        int(rng.choice([0, 30, 250])),
    )
    bar = np.full((band, rgb.shape[1], 3), level, np.uint8)
    line = f"{text}   {rng.choice(['ID', 'No.', 'ref'])} {rng.integers(10**5, 10**7)}"
    cover = covered(rng, line, band * 0.55, rgb.shape[1] * 0.9)
    bar = mixed(rng, bar, cover, (cover.shape[1] / 2 + 8, band / 2), 0.95, "contrast")
    return np.vstack([bar, rgb] if rng.random() < 0.3 else [rgb, bar])


def scanner(rng: Rng, lines: list[str], alpha: float) -> Rgb:
    shelf = films()
    rgb = shelf[rng.integers(len(shelf))] if shelf else landscape(rng)
    rgb = np.repeat(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
    rgb = cv2.copyMakeBorder(rgb, 60, 60, 80, 80, cv2.BORDER_CONSTANT, value=(3, 3, 3))
    if max(rgb.shape[:2]) < 700:
        rgb = cv2.resize(rgb, None, fx=1.5, fy=1.5)
    size, low, right = max(rgb.shape[0] * 0.026, 15), rng.random() < 0.5, rng.random() < 0.5
    for row, text in enumerate(lines):
        cover = covered(rng, text, size)
        x = rgb.shape[1] - cover.shape[1] / 2 - 8 if right else cover.shape[1] / 2 + 8
        y = rgb.shape[0] - size * 1.5 * (len(lines) - row) if low else size * (1 + 1.5 * row)
        rgb = mixed(rng, rgb, cover, (x, y), max(alpha, 0.5), "white")
    return rgb


def _plate(rng: Rng, texts: list[str], size: int) -> Rgb:
    """A board with some lines, dark on bright or bright on dark."""
    back, dark = rng.integers(0, 256, 3), rng.random() < 0.5
    back = back // 3 if dark else 160 + back // 3
    covers = [covered(rng, text, size) for text in texts]
    wide = max(c.shape[1] for c in covers) + 40
    rows = []
    for cover in covers:
        row = np.full((cover.shape[0] + 14, wide, 3), back, np.uint8)
        rows.append(
            mixed(rng, row, cover, (wide / 2, row.shape[0] / 2), 1, "white" if dark else "black")
        )
    return cv2.copyMakeBorder(np.vstack(rows), 12, 12, 0, 0, cv2.BORDER_REPLICATE)


def _seen(rng: Rng, rgb: Rgb, plate: Rgb, share: float) -> Rgb:
    """A plate in a scene, seen from somewhere."""
    h, w = rgb.shape[:2]
    source = np.float32([[0, 0], [plate.shape[1], 0], plate.shape[1::-1], [0, plate.shape[0]]])
    zoom = share * w / plate.shape[1]
    spot = np.array([rng.uniform(0.05, 0.95 - share) * w, rng.uniform(0.05, 0.7) * h])
    bend = rng.uniform(-0.07, 0.07, (4, 2)) * plate.shape[1] * zoom
    matrix = cv2.getPerspectiveTransform(source, (source * zoom + spot + bend).astype(np.float32))
    seen = cv2.warpPerspective(plate, matrix, (w, h), flags=cv2.INTER_AREA)
    inside = cv2.warpPerspective(np.ones(plate.shape[:2], np.uint8), matrix, (w, h))
    return np.where(inside[..., None] > 0, seen * rng.uniform(0.65, 1), rgb).astype(np.uint8)


BOARDS = """Harbour Street|Fish & Chips|Dr. M. Keller Dentist|Platform 4B|Wet Floor|Ferry Terminal|
Kestrel Avenue|PROOF Bakery|Print & Copy|Photo Lab 1 hour|Gallery|北门|牛肉面|样品店|Camera Museum|
Northgate Mall|Toll 2.50|www.taxi-line.com|No Fishing""".replace("\n", "")
LABELS = """Organic Honey|Net wt 340 g|Dark Roast|NIVEA|Extra Virgin|Best before 2024|12% vol|
Made in Italy|Shampoo|蜂蜜|酱油|Vitamin C|Instant Noodles""".replace("\n", "")
SAID = """I never said that.|Where are you going?|We have to leave now.|- Who is it? - Me.|
你要去哪里？|Tell them the truth, Anna.|It was raining all night.""".replace("\n", "")
MEALS = """Soup of the day|Grilled salmon|House salad|Espresso|Lemonade|Pancakes|Club sandwich|
Risotto|Ice cream|Mineral water""".replace("\n", "")


def board(rng: Rng) -> Rgb:
    rgb = ground(rng)
    for _ in range(int(rng.integers(1, 4))):
        texts = [pick(rng, BOARDS) for _ in range(int(rng.integers(1, 3)))]
        rgb = _seen(rng, rgb, _plate(rng, texts, 48), rng.uniform(0.15, 0.4))
    return rgb


def label(rng: Rng) -> Rgb:
    """A thing with a label, near and upright."""
    texts = [pick(rng, LABELS) for _ in range(int(rng.integers(2, 4)))]
    return _seen(rng, ground(rng), _plate(rng, texts, 40), rng.uniform(0.35, 0.55))


def jersey(rng: Rng) -> Rgb:
    name = pick(rng, "MULLER|SILVA|JOHNSON|EMIRATES|KOBAYASHI|FLY US|王伟")
    return _seen(rng, ground(rng), _plate(rng, [name, str(rng.integers(1, 99))], 60), 0.3)


def subtitle(rng: Rng) -> Rgb:
    rgb = ground(rng)
    h, w = rgb.shape[:2]
    cover = covered(rng, pick(rng, SAID), h * 0.055, w * 0.8)
    return mixed(rng, rgb, cover, (w / 2, h * 0.92), 1, "emboss")


def score(rng: Rng) -> Rgb:
    """A score board of television in a corner."""
    rgb = ground(rng)
    home, goals, guest = pick(rng, "ARS|BAY|LAL|CHI"), rng.integers(9, size=2), "MIL|BOS|RMA"
    line = f"{home} {goals[0]} - {goals[1]} {pick(rng, guest)}"
    plate = _plate(rng, [line], max(rgb.shape[0] // 24, 16))
    out = rgb.copy()
    high, wide = min(plate.shape[0], 90), min(plate.shape[1], rgb.shape[1] - 30)
    out[15 : 15 + high, 20 : 20 + wide] = plate[:high, :wide]
    return out


def menu(rng: Rng) -> Rgb:
    texts = [f"{meal}  {rng.integers(3, 30)}.50" for meal in rng.permutation(lines_of(MEALS))]
    plate = _plate(rng, texts[: int(rng.integers(5, 11))], 26)
    return plate if rng.random() < 0.5 else _seen(rng, ground(rng), plate, 0.55)


def street_map(rng: Rng) -> Rgb:
    """Streets with names along them, at any angle."""
    rgb = np.full((640, 800, 3), (242, 239, 233), np.uint8)
    for _ in range(int(rng.integers(4, 9))):
        a, b = rng.integers(0, (800, 640)), rng.integers(0, (800, 640))
        cv2.line(rgb, a.tolist(), b.tolist(), (255, 255, 255), 16, cv2.LINE_AA)
        angle = -float(np.degrees(np.arctan2(*(b - a)[::-1])))
        angle = (angle + 90) % 180 - 90
        name = pick(rng, "Oak Street|Mill Lane|Station Road|River Walk|Church Street|High Street")
        cover = turned(covered(rng, name, 18), angle)
        rgb = mixed(rng, rgb, cover, tuple(((a + b) / 2).tolist()), 0.8, "black")
    return rgb


def slide(rng: Rng) -> Rgb:
    rgb = np.full((540, 960, 3), rng.integers(0, 256, 3) // 4 + int(rng.choice([0, 190])), np.uint8)
    how = "white" if rgb.mean() < 120 else "black"
    texts = ["Results of the trial", "Fewer readmissions", "Lower cost per patient", "Questions?"]
    for row, text in enumerate(texts[: int(rng.integers(2, 5))]):
        cover = covered(rng, text, 60 if row == 0 else 34)
        rgb = mixed(rng, rgb, cover, (60 + cover.shape[1] / 2, 90 + 95 * row), 1, how)
    foot = covered(
        rng, pick(rng, "Annual meeting 2019|Department of Surgery|7|Clinical trials unit"), 18
    )
    return mixed(rng, rgb, foot, (940 - foot.shape[1] / 2, 515), 0.8, how)


MARKS: tuple[tuple[Callable[..., Rgb], list[Any], int], ...] = (
    (tiled, ACROSS, 32), (centre, ACROSS, 36), (corner, SIGNED, 44), (strip, BANDS, 20),
    (scanner, SCANS, 32),
)  # fmt: skip
TEXTS: tuple[tuple[Callable[..., Rgb], int], ...] = (
    (board, 34), (label, 20), (jersey, 14), (subtitle, 16), (score, 12), (menu, 18),
    (street_map, 14), (slide, 16),
)  # fmt: skip


def planted(seed: int, scale: float = 1.0) -> Iterator[Planted]:
    """All kinds; ``scale`` says how many of each."""
    rng = np.random.default_rng(seed + 410_000)
    for make, texts, count in MARKS:
        for number in range(round(count * scale)):
            text, alpha = texts[number % len(texts)], float(ALPHAS[rng.integers(len(ALPHAS))])
            rgb = jpeg(make(rng, text, alpha), int(rng.integers(70, 96)))
            first = text if isinstance(text, str) else text[0]
            language = "zh" if is_chinese(first) else "en"
            yield Planted(rgb, make.__name__, language, alpha, first)
    for _ in range(round(60 * scale)):
        yield Planted(jpeg(ground(rng), 88), "clean")
    for draw, count in TEXTS:
        for _ in range(round(count * scale)):
            yield Planted(jpeg(draw(rng), int(rng.integers(75, 96))), draw.__name__)
