"""A fifth generator: every picture has a mark of its own, so that nothing recurs.

It was written before anything was measured with it. Names of photographers are made up anew for
each picture; those of agencies are written down from memory and not from the lexicon. Letters are
Pillow's own face and the system's, spaced, slanted, narrowed, small capitals; beside some stands a
sign of the house. They are mixed in, added, multiplied, as overlay, soft light or difference, as
rims alone, with a shadow that falls or glows. Text that is no mark: paint on walls, neon, spines,
packages, bubbles, tickers, posts, infographics, number plates, timetables.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from benchmarks.fresh_marks import films
from benchmarks.planted_marks import Planted, Rgb, font_file, is_chinese, jpeg, photos
from benchmarks.unseen_marks import Floats, Rng, lines_of, pick

ALPHAS = (0.15, 0.2, 0.3, 0.4, 0.55, 0.8, 1.0)
HOUSES = lines_of(
    """Shutterstock|Getty Images|iStock|alamy|Adobe Stock|dreamstime|123RF|depositphotos|Bigstock|
freepik|EyeEm|Stocksy|Pond5|VectorStock|Can Stock Photo|fotolia|Corbis|agefotostock|Envato|Pixta|
PantherMedia|picture alliance|imago images|Mostphotos|YAY Images|Science Photo Library|
Magnum Photos|视觉中国|图虫创意|摄图网|千图网|站酷海洛|全景网|昵图网"""
)
STAMPS = lines_of(
    """SAMPLE|PREVIEW|DRAFT|PROOF|DO NOT COPY|SAMPLE ONLY|NOT FOR SALE|TRIAL VERSION|WATERMARK|
EVALUATION COPY|仅供参考|版权所有|样张"""
)
FIRST = """Ada|Bruno|Chiara|Dmitri|Esther|Farid|Greta|Hanna|Ivo|Jorge|Kenji|Lucie|Mateus|Noor|
Olga|Pavel|Quentin|Rosa|Sven|Tamar|Ulrich|Vera|Wanda|Yusuf"""
LAST = """Abbott|Brandt|Castillo|Dvorak|Eriksen|Fontaine|Gruber|Haddad|Ivanova|Jansen|Kovacs|
Lindgren|Moreau|Nakamura|Olsen|Pereira|Quiroga|Ricci|Santos|Tanaka|Ulman|Varga|Whitfield|Zhukov"""
GIVEN, FAMILY = "婷磊洋静敏伟芳强军杰", "陈林黄周吴徐孙胡朱高"
HOSPITALS = """Hillcrest Hospital|Lakeside Imaging|Saint Anne Medical Center|
Valley Radiology Clinic|County General Hospital|省立医院|中心医院"""
VIEWS = "CHEST PA|AP SUPINE|LATERAL VIEW|PORTABLE AP|UPRIGHT|ABDOMEN AP"
FIELDS = "Se: {} Im: {}|kV {} mA {}|TR: {} TE: {}|Acc {}{}|MRN {}{}"
SYSTEM = """DejaVuSans.ttf|DejaVuSans-BoldOblique.ttf|DejaVuSerif.ttf|DejaVuSerifCondensed.ttf|
DejaVuSansMono-Bold.ttf|DejaVuSans-ExtraLight.ttf"""


class Letters(NamedTuple):
    """How a text is written."""

    own: bool
    """Whether in Pillow's own face."""
    file: str
    spaced: float
    """Room between letters, over their size."""
    slant: float
    narrow: float
    capitals: bool


def hand(rng: Rng) -> Letters:
    """Any way of writing."""
    return Letters(
        bool(rng.random() < 0.5), pick(rng, SYSTEM), float(rng.choice([0, 0, 0, 0.12, 0.3])),
        float(rng.choice([0, 0, 0.2])), float(rng.choice([1, 1, 0.8, 1.15])),
        bool(rng.random() < 0.15),
    )  # fmt: skip


def written(rng: Rng, text: str, size: float, widest: float) -> Floats:
    """How much of each pixel a text covers, ``[height, width]``; no wider than a limit."""
    how = hand(rng)
    text = text.upper() if how.capitals else text
    face = _face(how, text, 4 * max(size, 12))
    room = how.spaced * face.size
    wide = sum(face.getlength(letter) + room for letter in text) if room else face.getlength(text)
    tile = Image.new("L", (int(wide + face.size), int(face.size * 1.5)))
    draw, x = ImageDraw.Draw(tile), face.size * 0.25
    for piece in text if room else [text]:
        draw.text((x, face.size * 0.1), piece, 255, face)
        x += face.getlength(piece) + room
    if how.slant:
        shear = (1, how.slant, -how.slant * tile.height / 2, 0, 1, 0)
        tile = tile.transform(tile.size, Image.Transform.AFFINE, shear, Image.Resampling.BICUBIC)
    tile = tile.crop(tile.getbbox() or (0, 0, 4, 4))
    scale = min(0.25, widest / max(tile.width * how.narrow, 1))
    to = max(round(tile.width * scale * how.narrow), 4), max(round(tile.height * scale), 4)
    return np.pad(np.asarray(tile.resize(to, Image.Resampling.BOX), np.float32) / 255, 4)


def _face(how: Letters, text: str, size: float) -> ImageFont.FreeTypeFont:
    if is_chinese(text) or not text.isascii():
        file = font_file("wqy-microhei.ttc") or font_file("DejaVuSans.ttf")
        return ImageFont.truetype(str(file), int(size))
    own = ImageFont.load_default(size)
    if how.own and isinstance(own, ImageFont.FreeTypeFont):
        return own
    return ImageFont.truetype(str(font_file(how.file) or font_file("DejaVuSans.ttf")), int(size))


def with_sign(rng: Rng, cover: Floats) -> Floats:
    """With the sign of a house before it: a ring, a lens, a leaf, a box."""
    side = cover.shape[0]
    sign = np.zeros((side * 4, side * 4), np.uint8)
    middle, r, kind = (side * 2, side * 2), int(side * 1.5), rng.integers(4)
    if kind < 2:
        cv2.circle(sign, middle, r, 255, max(side // 3, 3))
        cv2.circle(sign, middle, r // 3, 255, -1 if kind else side // 5 + 1)
    elif kind == 2:
        cv2.ellipse(sign, middle, (r, r // 2), 45, 0, 360, 255, -1)
    else:
        cv2.rectangle(sign, (side // 2, side // 2), (side * 3, side * 3), 255, max(side // 3, 3))
    small = cv2.resize(sign, (side, side), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    return np.hstack([small, np.zeros((side, side // 4), np.float32), cover])


def turned(cover: Floats, angle: float) -> Floats:
    picture = Image.fromarray((cover * 255).astype(np.uint8))
    picture = picture.rotate(angle, Image.Resampling.BICUBIC, expand=True)
    return np.asarray(picture, np.float32) / 255


class Paint(NamedTuple):
    """How letters come into a picture."""

    how: str
    alpha: float
    level: tuple[float, float, float]
    shade: str


def paint(rng: Rng, alpha: float, ways: str = "mix|mix|mix|add|multiply|overlay|soft|differ|rim"
          ) -> Paint:  # fmt: skip
    colour = [(255, 255, 255)] * 6 + [(0, 0, 0)] * 2 + [(255, 120, 0), (0, 160, 220), (190, 30, 90)]
    shade = str(rng.choice(["", "", "fall", "glow"]))
    level = tuple(float(v) for v in colour[rng.integers(len(colour))])
    return Paint(pick(rng, ways), alpha, level, shade)  # type: ignore[arg-type]


def laid(rgb: Rgb, cover: Floats, middle: tuple[float, float], ink: Paint) -> Rgb:
    """Bring letters into a picture, their middle at a place."""
    x, y = round(middle[0] - cover.shape[1] / 2), round(middle[1] - cover.shape[0] / 2)
    a, b = max(x, 0), min(x + cover.shape[1], rgb.shape[1])
    c, d = max(y, 0), min(y + cover.shape[0], rgb.shape[0])
    if a >= b or c >= d:
        return rgb
    out = rgb.copy()
    part = out[c:d, a:b].astype(np.float32)
    own = np.array(ink.level, np.float32)
    if ink.shade:
        soft = cv2.GaussianBlur(cover, (0, 0), 1.2 if ink.shade == "fall" else 3)
        soft = np.roll(soft, (2, 2), (0, 1)) if ink.shade == "fall" else np.minimum(soft * 1.4, 1)
        under = soft[c - y : d - y, a - x : b - x, None] * ink.alpha * 0.6
        part = part * (1 - under) + (0.0 if own.mean() > 100 else 255.0) * under
    if ink.how == "rim":
        cover = cv2.morphologyEx(cover, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    here = cover[c - y : d - y, a - x : b - x, None] * ink.alpha
    out[c:d, a:b] = np.clip(_blend(part, here, own, ink.how).round(), 0, 255).astype(np.uint8)
    return out


def _blend(part: Floats, here: Floats, own: Floats, how: str) -> Floats:
    """The pixels with so much ink upon them, as editors blend."""
    p, white = part / 255, float(own.mean() > 100)
    if how == "add":
        return part + here * 170 * (1 if white else -1)
    if how == "multiply":
        return part * (1 - here * 0.9)
    if how == "overlay":
        target = np.where(p < 0.5, 2 * p * white, 1 - 2 * (1 - p) * (1 - white))
        target = 0.5 * target + 0.5 * white
    elif how == "soft":
        target = np.sqrt(p) if white else p * p
        here = np.minimum(here * 1.5, 1)
    elif how == "differ":
        target = np.abs(1 - p)
    else:
        target = np.broadcast_to(own / 255, p.shape)
    return np.asarray(part * (1 - here) + 255 * target * here)


def weave(rng: Rng) -> Rgb:
    """Cloth, bark, water or fog: noise that runs one way."""
    h, w = int(rng.integers(420, 900)), int(rng.integers(480, 1100))
    out = np.full((h, w, 3), rng.uniform(60, 200, 3), np.float32)
    for _ in range(3):
        cells = int(rng.integers(4, h // 3)), int(rng.integers(4, w // 3))
        noise = rng.normal(0, rng.uniform(8, 26), (*cells, 1)).astype(np.float32)
        out += cv2.resize(noise, (w, h), interpolation=cv2.INTER_CUBIC)[..., None]
    return np.clip(out + rng.normal(0, rng.uniform(1, 6), (h, w, 1)), 0, 255).astype(np.uint8)


def ground(rng: Rng) -> Rgb:
    """A photo, cut and in other light, or a surface."""
    if rng.random() < 0.2:
        return weave(rng)
    whole = photos()[rng.integers(len(photos()))]
    h, w = (max(int(n * rng.uniform(0.65, 1)), 80) for n in whole.shape[:2])
    y, x = rng.integers(whole.shape[0] - h + 1), rng.integers(whole.shape[1] - w + 1)
    part = np.ascontiguousarray(whole[y : y + h, x : x + w][:, :: int(rng.choice([-1, 1]))])
    factor = float(rng.uniform(440, 1250)) / max(h, w)
    part = cv2.resize(part, (max(round(w * factor), 180), max(round(h * factor), 180)),
                      interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC)  # fmt: skip
    hsv = cv2.cvtColor(part, cv2.COLOR_RGB2HSV).astype(np.float32)
    hsv *= (1, rng.uniform(0.4, 1.2), rng.uniform(0.75, 1.15))
    return cv2.cvtColor(np.clip(hsv, 0, 255).astype(np.uint8), cv2.COLOR_HSV2RGB)


def person(rng: Rng) -> tuple[str, str]:
    return pick(rng, FIRST), pick(rng, LAST)


def signed(rng: Rng) -> str:
    """What a photographer or an uploader writes at the edge, another each time."""
    first, last = person(rng)
    low, year = last.lower(), rng.integers(2005, 2025)
    if rng.random() < 0.2:
        name = str(rng.choice(list(FAMILY))) + str(rng.choice(list(GIVEN)))
        ways = [f"摄影：{name}", f"© {name} {year}", f"图/{name}", f"微博 @{name}的相机"]
        return str(rng.choice(ways))
    ways = [f"© {first} {last}", f"© {year} {first} {last}", f"{first} {last} Photography",
            f"Photo: {first} {last}", f"www.{low}-{first.lower()}.com", f"{low}photo.net",
            f"@{first.lower()}_{low}", f"Copyright {first} {last}",
            f"(c) {first[0]}. {last} {year}", f"Image courtesy of {first} {last}",
            f"flickr.com/photos/{low}",
            f"Photo by {first} {last} / {pick(rng, 'Reuters|AFP|AP|EPA')}"]  # fmt: skip
    return str(rng.choice(ways))


def across(rng: Rng) -> str:
    """What is laid over a picture: a house, a stamp, or an owner's own name."""
    kind = rng.random()
    if kind < 0.6:
        return str(rng.choice(HOUSES))
    if kind < 0.8:
        return str(rng.choice(STAMPS))
    first, last = person(rng)
    ways = [f"© {first} {last}", f"{last.lower()}-images.com", f"{first} {last} Photography"]
    return str(rng.choice(ways))


def tiled(rng: Rng, text: str, alpha: float) -> Rgb:
    rgb = ground(rng)
    h, w = rgb.shape[:2]
    flat = written(rng, text, min(h, w) * rng.uniform(0.035, 0.085), w * 0.42)
    cover = turned(flat, float(rng.uniform(12, 55) * rng.choice([-1, 1])))
    ink, (down, right) = paint(rng, alpha), rng.uniform(0.75, 1.6, 2)
    for row, y in enumerate(np.arange(0, h + cover.shape[0], cover.shape[0] * down)):
        shift = cover.shape[1] * right / 2 * (row % 2)
        for x in np.arange(-shift, w + cover.shape[1], cover.shape[1] * right):
            rgb = laid(rgb, cover, (float(x), float(y)), ink)
    return rgb


def centre(rng: Rng, text: str, alpha: float) -> Rgb:
    rgb = ground(rng)
    h, w = rgb.shape[:2]
    cover = written(rng, text, min(h, w) * rng.uniform(0.06, 0.15), w * 0.75)
    cover = with_sign(rng, cover) if rng.random() < 0.25 else cover
    cover = turned(cover, float(rng.choice([0, 0, 0, 12, -30, 40, -50])))
    place = w * rng.uniform(0.42, 0.58), h * rng.uniform(0.4, 0.62)
    return laid(rgb, cover, place, paint(rng, alpha))


def corner(rng: Rng, text: str, alpha: float) -> Rgb:
    """A line near an edge, in ink that was meant to be seen there."""
    rgb = ground(rng)
    h, w = rgb.shape[:2]
    cover = written(rng, text, max(min(h, w) * rng.uniform(0.022, 0.045), 13), w * 0.6)
    cover = with_sign(rng, cover) if rng.random() < 0.2 else cover
    high, wide = cover.shape
    gap = rng.uniform(2, 0.035 * w)
    x = float(rng.choice([wide / 2 + gap, w - wide / 2 - gap, w / 2]))
    y = float(rng.choice([h - high / 2 - gap, h - high / 2 - gap, high / 2 + gap]))
    ink = paint(rng, alpha, "mix|mix|mix|add|soft|overlay")
    under = rgb[max(int(y) - 8, 0) : int(y) + 8, max(int(x - wide / 2), 0) : int(x + wide / 2)]
    level = (0.0,) * 3 if under.mean() > 145 else (255.0,) * 3
    return laid(rgb, cover, (x, y), ink._replace(level=level))


def strip(rng: Rng, text: str, _alpha: float) -> Rgb:
    """A bar below, with a house and a number."""
    rgb = ground(rng)
    band = max(int(rgb.shape[0] * rng.uniform(0.05, 0.08)), 24)
    level = float(rng.choice([0, 20, 255]))
    bar = np.full((band, rgb.shape[1], 3), level, np.uint8)
    line = f"{text} {rng.choice(['|', '-', ' '])} {rng.choice(['#', 'Image ID:', ''])}"
    cover = written(rng, f"{line}{rng.integers(10**6, 10**9)}", band * 0.5, bar.shape[1] * 0.9)
    ink = Paint("mix", 1, (20.0,) * 3 if level > 100 else (235.0,) * 3, "")
    return np.vstack([rgb, laid(bar, cover, (cover.shape[1] / 2 + 10, band / 2), ink)])


def scanner(rng: Rng, text: str, alpha: float) -> Rgb:
    shelf = films()
    rgb = shelf[rng.integers(len(shelf))] if shelf else weave(rng)
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    factor = rng.uniform(600, 1000) / max(grey.shape)
    grey = cv2.copyMakeBorder(cv2.resize(grey, None, fx=factor, fy=factor), 40, 50, 60, 60,
                              cv2.BORDER_CONSTANT, value=4)  # fmt: skip
    rgb = np.repeat(grey[..., None], 3, axis=2)
    numbers = rng.integers(1, 400, 2)
    lines = [text, pick(rng, VIEWS), pick(rng, FIELDS).format(*numbers)]
    right, low, size = rng.random() < 0.5, rng.random() < 0.5, max(grey.shape[0] * 0.024, 14)
    for row, line in enumerate(lines):
        cover = written(rng, line, size, grey.shape[1] * 0.5)
        x = grey.shape[1] - cover.shape[1] / 2 - 6 if right else cover.shape[1] / 2 + 6
        y = grey.shape[0] - size * 1.6 * (3 - row) if low else size * (1 + 1.6 * row)
        rgb = laid(rgb, cover, (x, y), Paint("mix", max(alpha, 0.5), (240.0,) * 3, ""))
    return rgb


def _bent(rng: Rng, rgb: Rgb, cover: Floats, colour: tuple[float, float, float], share: float,
          plate: bool, turn: float = 0.0) -> Rgb:  # fmt: skip
    """Letters on a thing in a scene, with or without a board, in its light and from its side."""
    h, w = rgb.shape[:2]
    cover = np.pad(cover, cover.shape[0] // 4)
    zoom = share * w / cover.shape[1]
    source = np.float32([[0, 0], [cover.shape[1], 0], cover.shape[::-1], [0, cover.shape[0]]])
    c, s = np.cos(np.radians(turn)), np.sin(np.radians(turn))
    middle = source.mean(0)
    target = (source - middle) @ np.array([[c, s], [-s, c]]) * zoom
    target += rng.uniform(-0.1, 0.1, (4, 2)) * cover.shape[0] * zoom * 2
    target += (rng.uniform(0.3, 0.7) * w, rng.uniform(0.25, 0.75) * h)
    matrix = cv2.getPerspectiveTransform(source, target.astype(np.float32))
    ink = cv2.warpPerspective(cover, matrix, (w, h), flags=cv2.INTER_AREA)[..., None]
    out = rgb.astype(np.float32)
    if plate:
        area = cv2.warpPerspective(np.ones_like(cover), matrix, (w, h))[..., None]
        back = np.array([255 - v for v in colour], np.float32) * rng.uniform(0.7, 1)
        out = out * (1 - area) + back * area
    light = cv2.GaussianBlur(out, (0, 0), 9) / 255 * 0.5 + 0.5
    return np.clip(out * (1 - ink) + np.array(colour) * light * ink, 0, 255).astype(np.uint8)


def graffiti(rng: Rng) -> Rgb:
    """Paint on a wall, any way up."""
    rgb = weave(rng)
    for _ in range(int(rng.integers(1, 3))):
        text = pick(rng, "VIVA|Rude Boys|Peace now|Kilroy|LOVE|ZONE 5|Sk8 or die|自由")
        colour = tuple(float(v) for v in rng.integers(0, 256, 3))
        cover = written(rng, text, 70, 600)
        turn = float(rng.uniform(-11, 11))
        rgb = _bent(rng, rgb, cover, colour, rng.uniform(0.3, 0.6), False, turn)  # type: ignore[arg-type]
    return rgb


def neon(rng: Rng) -> Rgb:
    """Letters that shine over a shop."""
    rgb = (ground(rng) * 0.45).astype(np.uint8)
    text = pick(rng, "Jazz Club|24h|KARAOKE|Motel|Noodle Bar|Arcade|Tattoo|茶馆|Photo Booth|Cinema")
    cover = written(rng, text, 60, 500)
    glow = np.clip(cover + cv2.GaussianBlur(np.pad(cover, 0), (0, 0), 5) * 0.6, 0, 1)
    colour = [(255.0, 60.0, 140.0), (80.0, 230.0, 255.0), (255.0, 220.0, 90.0)][rng.integers(3)]
    return _bent(rng, rgb, glow, colour, rng.uniform(0.2, 0.5), False)


def package(rng: Rng) -> Rgb:
    """A brand and what it holds, on a box that is held into the picture."""
    rgb = ground(rng)
    texts = ["Alpine Milk", "KERNEL", "Sunny Oats", "Pure Soap", "Brio", "龙井", "200 g",
             "Zero sugar"]  # fmt: skip
    for text in rng.choice(texts, int(rng.integers(1, 4)), replace=False):
        colour = tuple(float(v) for v in rng.choice([10, 245], 3))
        cover = written(rng, str(text), 50, 500)
        rgb = _bent(rng, rgb, cover, colour, rng.uniform(0.15, 0.4), True)  # type: ignore[arg-type]
    return rgb


def spines(rng: Rng) -> Rgb:
    """Books on a shelf: titles that run upwards."""
    rgb = np.full((520, 700, 3), 40, np.uint8)
    x = 10
    while x < 640:
        wide = int(rng.integers(36, 74))
        rgb[30:500, x : x + wide] = rng.integers(30, 230, 3)
        title = pick(rng, "Of Rivers|Optics|The Long Way|Kafka|红楼梦|Atlas|Gardening|Photography|"
                     "A Sample of Lives")  # fmt: skip
        cover = turned(written(rng, title, wide * 0.5, 380), 90)
        level = 250.0 if rgb[200, x].mean() < 130 else 10.0
        rgb = laid(rgb, cover, (x + wide / 2, 260), Paint("mix", 1, (level,) * 3, ""))
        x += wide + 4
    return rgb


def bubble(rng: Rng) -> Rgb:
    """A comic: one or two bubbles with a sentence."""
    rgb = ground(rng)
    h, w = rgb.shape[:2]
    for _ in range(int(rng.integers(1, 3))):
        at = int(rng.uniform(0.25, 0.75) * w), int(rng.uniform(0.15, 0.85) * h)
        cv2.ellipse(rgb, at, (w // 5, h // 9), 0, 0, 360, (255, 255, 255), -1, cv2.LINE_AA)
        text = pick(rng, "Who took it?|Run, now!|Hmm...|I know.|Copy that!|怎么办？|Not again")
        cover = written(rng, text, h * 0.05, w * 0.33)
        rgb = laid(rgb, cover, at, Paint("mix", 1, (0.0,) * 3, ""))
    return rgb


def ticker(rng: Rng) -> Rgb:
    """News: two lines in a bar over the lower part of a picture."""
    rgb = ground(rng)
    h, w = rgb.shape[:2]
    rgb[int(h * 0.78) : int(h * 0.92)] = rng.integers(0, 120, 3)
    lines = ["MINISTER RESIGNS AFTER VOTE", "Storm reaches the coast", "Trains stand still",
             "Team wins in extra time", "Markets fall again"]  # fmt: skip
    for y, size, text in zip((0.82, 0.885), (0.05, 0.033), rng.permutation(lines), strict=False):
        cover = written(rng, str(text), h * size, w * 0.9)
        place = cover.shape[1] / 2 + 14, h * y
        rgb = laid(rgb, cover, place, Paint("mix", 1, (250.0,) * 3, ""))
    return rgb


def post(rng: Rng) -> Rgb:
    """A post in a network: a name, a handle, a sentence or two."""
    dark = rng.random() < 0.5
    rgb = np.full((int(rng.integers(240, 420)), 620, 3), 22 if dark else 252, np.uint8)
    level = (240.0,) * 3 if dark else (20.0,) * 3
    first, last = person(rng)
    lines = [f"{first} {last}", f"@{first.lower()}{last.lower()}"]
    lines += [pick(rng, "Coffee first.|Anyone else awake?|This is the way.|Best day ever!|"
                   "New post on my blog|Ask me anything") for _ in range(2)]  # fmt: skip
    cv2.circle(rgb, (50, 50), 26, rng.integers(60, 220, 3).tolist(), -1)
    for row, text in enumerate(lines):
        cover = written(rng, text, 24, 480)
        rgb = laid(rgb, cover, (95 + cover.shape[1] / 2, 40 + row * 48), Paint("mix", 1, level, ""))
    return rgb


def infographic(rng: Rng) -> Rgb:
    """Numbers and words beside coloured discs."""
    rgb = np.full((640, 560, 3), rng.integers(180, 256, 3), np.uint8)
    for row in range(int(rng.integers(3, 6))):
        y = 90 + row * 110
        cv2.circle(rgb, (90, y), 42, rng.integers(20, 200, 3).tolist(), -1, cv2.LINE_AA)
        text = pick(rng, "of homes are heated|read every day|prefer trains|never vote|cups a week")
        for part, x, size in ((f"{rng.integers(2, 98)}%", 90, 30), (text, 340, 26)):
            ink = Paint("mix", 1, (250.0,) * 3 if x < 100 else (30.0,) * 3, "")
            rgb = laid(rgb, written(rng, part, size, 360), (x, y), ink)
    return rgb


def number_plate(rng: Rng) -> Rgb:
    rgb = ground(rng)
    letters = "".join(rng.choice(list("ABCDEFGHKLMNPRSTXYZ"), 3))
    cover = written(rng, f"{letters} {rng.integers(100, 9999)}", 50, 500)
    return _bent(rng, rgb, cover, (15.0, 15.0, 15.0), rng.uniform(0.12, 0.3), True)


def timetable(rng: Rng) -> Rgb:
    rgb = np.full((520, 760, 3), 18, np.uint8)
    for row in range(int(rng.integers(4, 10))):
        town = pick(rng, "Lyon|Basel SBB|Wien Hbf|Oslo S|Porto|Gdansk|Turin|Malmo")
        text = f"{rng.integers(24):02d}:{rng.integers(60):02d}  {town}"
        cover = written(rng, text, 28, 600)
        ink = Paint("mix", 1, (255.0, 190.0, 40.0), "")
        rgb = laid(rgb, cover, (40 + cover.shape[1] / 2, 40 + row * 50), ink)
    return rgb


MARKS: tuple[tuple[Callable[[Rng, str, float], Rgb], Callable[[Rng], str], int], ...] = (
    (tiled, across, 44), (centre, across, 50), (corner, signed, 66),
    (strip, lambda rng: str(rng.choice(HOUSES)), 20),
    (scanner, lambda rng: pick(rng, HOSPITALS), 20),
)  # fmt: skip
TEXTS: tuple[tuple[Callable[[Rng], Rgb], int], ...] = (
    (graffiti, 20), (neon, 20), (package, 24), (spines, 12), (bubble, 20), (ticker, 20), (post, 20),
    (infographic, 14), (number_plate, 20), (timetable, 14),
)  # fmt: skip


def planted(seed: int, scale: float = 1.0) -> Iterator[Planted]:
    """All kinds; ``scale`` says how many of each."""
    rng = np.random.default_rng(seed + 1_300_000)
    for make, says, count in MARKS:
        for _ in range(round(count * scale)):
            text, alpha = says(rng), float(rng.choice(ALPHAS))
            rgb = jpeg(make(rng, text, alpha), int(rng.integers(70, 96)))
            yield Planted(rgb, make.__name__, "zh" if is_chinese(text) else "en", alpha, text)
    for _ in range(round(70 * scale)):
        yield Planted(jpeg(ground(rng), 88), "clean")
    for draw, count in TEXTS:
        for _ in range(round(count * scale)):
            yield Planted(jpeg(draw(rng), int(rng.integers(75, 96))), draw.__name__)
