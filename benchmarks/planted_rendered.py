"""A fourth set with planted near-duplicates: rendered scenes, textures, X-rays, charts, receipts.

Written before any figure of it was seen. Base pictures are shaded balls and blocks cast by rays,
warped noise with a thing in it, pictures like X-rays, charts of lines, points and slices, receipts,
and whole photos, each used once. Edits are those that Pillow and plain arithmetic make: encoded
again (twice, progressive, WebP), resized, cropped by up to 5% a side, brightness, all of these,
grey by three formulas, text over it (a caption, large letters with an outline, a date, a tilted and
half transparent mark). Look-alikes: one thing swapped, recoloured or moved, another value in a
chart, a receipt of the same shop.
"""

from __future__ import annotations

import io
import string
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from benchmarks.planted_pairs import Planted, Rng

Array = np.ndarray[Any, np.dtype[Any]]
Pair = tuple[Image.Image, Image.Image, str]

WIDTH, HEIGHT = 480, 360


def planted(photos: list[Image.Image], count: int, seed: int = 11) -> Iterator[Planted]:
    """The set: for each base picture one edit, for two in three a look-alike.

    Args:
        photos: Each is used once as it is and once mirrored; then textures stand in.
        count: How many base pictures.
        seed: Another seed gives another set.
    """
    rng = np.random.default_rng(seed)
    left = chain(photos, (p.transpose(Image.Transpose.FLIP_LEFT_RIGHT) for p in photos))
    number, edits = 0, [*EDITS]
    for place in range(count):
        sort = ORDER[place % len(ORDER)]
        photo = next(left, None) if sort == "photo" else None
        if photo is not None:
            base, other, changed = a_photo(rng, photo, photos)
        else:
            base, other, changed = SORTS.get(sort, a_texture)(rng)
        kind = edits[(place + place // len(ORDER)) % len(edits)]
        of = number
        yield Planted(jpeg(base, 92), 2 * place, "base", of)
        yield Planted(EDITS[kind](rng, base), 2 * place, kind, of)
        number += 2
        if place % 3:
            yield Planted(jpeg(other, 91), 2 * place + 1, changed, of)
            number += 1


def jpeg(picture: Image.Image, quality: int, **settings: Any) -> bytes:
    """A JPEG file."""
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=quality, **settings)
    return out.getvalue()


def webp(picture: Image.Image, quality: int) -> bytes:
    """A WebP file."""
    out = io.BytesIO()
    picture.save(out, "WEBP", quality=quality)
    return out.getvalue()


def shown(levels: Array) -> Image.Image:
    """A picture of levels."""
    return Image.fromarray(np.clip(levels, 0, 255).astype(np.uint8))


# --- scenes cast by rays -------------------------------------------------------------------------


def a_render(rng: Rng) -> Pair:
    """Balls and blocks on a floor; one has another colour, another form, or another place."""
    things: list[Any] = []
    while len(things) < rng.integers(3, 7):
        place, size = rng.uniform((-2.2, 0), (2.2, 3.5)), rng.uniform(0.35, 0.7)
        if all(np.hypot(*(place - t[1])) > size + t[2] for t in things):
            things.append((int(rng.integers(2)), place, size, rng.uniform(30, 230, 3)))
    floor, light = rng.uniform(120, 210, 3), rng.uniform(-1, 1)
    nearest = min(range(len(things)), key=lambda n: things[n][1][1])
    form, place, size, colour = things[nearest]
    changed = ("colour", "form", "moved")[rng.integers(3)]
    if changed == "colour":
        colour = (colour + rng.uniform(90, 160, 3)) % 256
    elif changed == "form":
        form = 1 - form
    else:
        step = rng.choice([-1, 1]) * rng.uniform(0.7, 1.2), rng.uniform(-0.3, 0.3)
        place = place + np.array(step)
    other = [*things]
    other[nearest] = (form, place, size, colour)
    grain = rng.normal(0, 2.5, (HEIGHT, WIDTH, 1))
    return cast(things, floor, light, grain), cast(other, floor, light, grain), changed


def cast(things: list[Any], floor: Array, light: float, grain: Array) -> Image.Image:
    """The scene as a camera sees it: nearest thing at each pixel, with a soft light and a shine."""
    across = (np.arange(WIDTH) + 0.5 - WIDTH / 2) / WIDTH
    down = (np.arange(HEIGHT) + 0.5 - HEIGHT / 2) / WIDTH
    ray = np.stack(np.broadcast_arrays(across, -down[:, None] - 0.28, 1.0), -1)
    ray /= np.linalg.norm(ray, axis=-1, keepdims=True)
    eye, sun = np.array((0.0, 2.2, -4.0)), np.array((light, 1.6, -0.8))
    sun /= np.linalg.norm(sun)
    far = np.where(ray[..., 1] < 0, -eye[1] / np.minimum(ray[..., 1], -1e-4), 60.0)
    ground = eye + far[..., None] * ray
    shade = np.ones((HEIGHT, WIDTH))
    for _, place, size, _ in things:  # what stands in the sun's way
        middle = np.array((place[0], size, place[1]))
        along = (middle - ground) @ sun
        miss = np.linalg.norm(ground + along[..., None] * sun - middle, axis=-1)
        shade *= 1 - 0.5 * np.clip((1.1 * size - miss) / (0.3 * size), 0, 1) * (along > 0)
    fade = np.clip(1.15 - far / 40, 0.5, 1.1)[..., None]
    levels = floor * shade[..., None] * fade
    for form, place, size, colour in things:
        middle = np.array((place[0], size, place[1]))
        hit, normal = (ball, block)[form](eye - middle, ray, size)
        nearer = hit < far
        lit = 0.35 + 0.65 * np.clip(normal @ sun, 0, 1)
        mirror = 2 * (normal @ sun)[..., None] * normal - sun
        shine = 90 * np.clip(-(mirror * ray).sum(-1), 0, 1) ** 20
        levels = np.where(nearer[..., None], colour * lit[..., None] + shine[..., None], levels)
        far = np.where(nearer, hit, far)
    return shown(levels + grain)


def ball(eye: Array, ray: Array, size: float) -> tuple[Array, Array]:
    """Where rays hit a ball around the origin, and its normals there."""
    half = ray @ eye
    under = half**2 - eye @ eye + size**2
    hit = np.where(under > 0, -half - np.sqrt(np.maximum(under, 0)), np.inf)
    return hit, np.where(
        under[..., None] > 0, (eye + np.minimum(hit, 99)[..., None] * ray), 0
    ) / size


def block(eye: Array, ray: Array, size: float) -> tuple[Array, Array]:
    """The same of a cube that stands turned by some 30 degrees."""
    turn = np.array(((0.87, 0, 0.5), (0, 1, 0), (-0.5, 0, 0.87)))
    own_eye, own = turn @ eye, ray @ turn.T
    edge = size * 0.85
    lower = size - edge  # it stands on the floor
    one, two = ((sign * edge - own_eye - (0, lower, 0) * np.ones(3)) / own for sign in (-1, 1))
    enter, leave = np.minimum(one, two), np.maximum(one, two)
    axis, hit = enter.argmax(-1), enter.max(-1)
    hit = np.where((hit < leave.min(-1)) & (hit > 0), hit, np.inf)
    normal = np.eye(3)[axis] * -np.sign(np.take_along_axis(own, axis[..., None], -1))
    return hit, normal @ turn


# --- textures, X-rays, photos ---------------------------------------------------------------------


def noise(rng: Rng, octaves: int = 6) -> Array:
    """Noise of several sizes laid over each other, 0 to 1, shape (height, width)."""
    total = np.zeros((HEIGHT, WIDTH), np.float32)
    for octave in range(octaves):
        grid = rng.uniform(0, 1, (3 * 2**octave, 4 * 2**octave)).astype(np.float32)
        layer = Image.fromarray(grid).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)
        total += np.asarray(layer) / 1.8**octave
    return (total - total.min()) / np.ptp(total)


def a_texture(rng: Rng) -> Pair:
    """Marbled or cloudy colours with a piece of another one in it."""
    grounds = []
    for _ in range(3):
        field, waves = noise(rng), rng.uniform(0, 9)
        bent = np.sin(waves * field + 6 * noise(rng, 3)) * 0.5 + 0.5 if waves > 4 else field
        low, high = rng.uniform(0, 150, 3), rng.uniform(90, 255, 3)
        grounds.append(shown(low + (high - low) * bent[..., None]))
    base = put(grounds[0], grounds[1], outline(rng))
    return base, *swapped(rng, base, grounds[0], grounds[2])


def outline(rng: Rng) -> Image.Image:
    """Where a thing is: a ragged shape, a seventh to a third as wide as the picture."""
    mask = Image.new("L", (WIDTH, HEIGHT))
    middle = rng.uniform(0.25, 0.75, 2) * (WIDTH, HEIGHT)
    angles = np.linspace(0, 2 * np.pi, 18, endpoint=False)
    radius = WIDTH * rng.uniform(0.07, 0.16) * rng.uniform(0.7, 1.2, 18)
    points = middle + np.stack([np.cos(angles), np.sin(angles)], 1) * radius[:, None]
    ImageDraw.Draw(mask).polygon([tuple(map(float, p)) for p in points], fill=255)
    return mask.filter(ImageFilter.GaussianBlur(1.2))


def put(ground: Image.Image, thing: Image.Image, mask: Image.Image) -> Image.Image:
    """A thing on a ground."""
    return Image.composite(thing, ground, mask)


def swapped(
    rng: Rng, base: Image.Image, ground: Image.Image, thing: Image.Image
) -> tuple[Image.Image, str]:
    """Another thing somewhere in the picture, or where the first one was."""
    if rng.random() < 0.5:
        return put(ground, thing, outline(rng)), "swapped"
    return put(base, thing, outline(rng)), "added"


def an_xray(rng: Rng) -> Pair:
    """Ribs, lungs and a heart in grey; a shadow more, or another heart."""
    down, across = np.mgrid[-1 : 1 : HEIGHT * 1j, -1 : 1 : WIDTH * 1j]
    body = 120 * np.exp(-((np.abs(across) / rng.uniform(0.75, 0.95)) ** 6))
    for side in (-1, 1):
        lung = ((across - side * 0.42) / rng.uniform(0.26, 0.34)) ** 2 + (down / 0.75) ** 2
        body -= 60 / (1 + np.exp(8 * (lung - 1)))
    bend, step = rng.uniform(0.25, 0.5), rng.uniform(9, 13)
    body += (
        16 * np.clip(np.sin(step * (down + bend * across**2) * 2), 0, 1) * (np.abs(across) < 0.8)
    )
    body += 45 * np.exp(-((across / 0.07) ** 2)) + 14 * noise(rng)
    bodies = []
    for _ in range(2):
        heart = (across - rng.uniform(0.02, 0.2)) ** 2 / rng.uniform(0.03, 0.09)
        heart = heart + (down - rng.uniform(0.15, 0.4)) ** 2 / rng.uniform(0.06, 0.12)
        bodies.append(body + 60 / (1 + np.exp(7 * (heart - 1))))
    spot = (across - rng.uniform(-0.6, 0.6)) ** 2 + (down - rng.uniform(-0.5, 0.4)) ** 2
    nodule = bodies[0] + 70 * np.exp(-spot / rng.uniform(0.006, 0.02))
    kind = ("heart", "nodule")[rng.integers(2)]
    both = [shown(bodies[0] + 20), shown((bodies[1] if kind == "heart" else nodule) + 20)]
    for picture in both:
        ImageDraw.Draw(picture).text((20, 16), "R", 235, ImageFont.load_default(26))
    return both[0].convert("RGB"), both[1].convert("RGB"), kind


def a_photo(rng: Rng, photo: Image.Image, photos: list[Image.Image]) -> Pair:
    """A whole photo, and the same with a piece of another one in it."""
    size = (WIDTH, HEIGHT)
    whole = photo.convert("RGB")
    whole.thumbnail((600, 600))
    other = photos[rng.integers(len(photos))].convert("RGB").resize(size).resize(whole.size)
    mask = outline(rng).resize(whole.size)
    mean = np.asarray(whole).mean((0, 1)) - np.asarray(other).mean((0, 1))
    piece = shown(np.asarray(other) + mean * 0.5)
    turned = piece.transpose(Image.Transpose.ROTATE_180)
    return whole, put(whole, turned, mask), "pasted"


# --- charts and receipts --------------------------------------------------------------------------


def a_chart(rng: Rng) -> Pair:
    """Lines, points or slices, and the same chart of other values in one of its series."""
    kind = ("lines", "points", "slices")[rng.integers(3)]
    colours = [tuple(map(int, rng.integers(20, 220, 3))) for _ in range(5)]
    values = rng.uniform(0.1, 0.9, (int(rng.integers(2, 5)), 9))
    other = values.copy()
    other[rng.integers(len(values))] = rng.uniform(0.1, 0.9, 9)
    title = " ".join(word(rng) for _ in range(3)).title()
    return chart(kind, title, values, colours), chart(kind, title, other, colours), kind


def chart(kind: str, title: str, values: Array, colours: list[tuple[int, ...]]) -> Image.Image:
    """The chart of some series of nine values, 0 to 1."""
    picture = Image.new("RGB", (520, 390), "white")
    draw = ImageDraw.Draw(picture)
    draw.text((90, 12), title, "black", ImageFont.load_default(20))
    if kind == "slices":
        ends = np.cumsum(values[:, :3].ravel()) / values[:, :3].sum() * 360
        for number, (start, end) in enumerate(zip([0, *ends[:-1]], ends, strict=True)):
            draw.pieslice((120, 60, 400, 340), start, end, colours[number % 5], "white")
        return picture
    for tick in range(6):
        level = 340 - 54 * tick
        draw.line((60, level, 500, level), (225, 225, 225))
        draw.text((26, level - 8), f"{tick * 20}", "black", ImageFont.load_default(13))
    draw.rectangle((60, 60, 500, 340), outline="black")
    for series, colour in zip(values, colours, strict=False):
        points = [(75 + 50 * n, 340 - 280 * float(v)) for n, v in enumerate(series)]
        if kind == "lines":
            draw.line(points, colour, 3)
        for x, y in points:
            draw.ellipse((x - 5, y - 5, x + 5, y + 5), colour)
    return picture


def a_receipt(rng: Rng) -> Pair:
    """What somebody bought, and what somebody else bought in the same shop."""
    shop = " ".join(word(rng) for _ in range(2)).upper()
    street = f"{rng.integers(1, 99)} {word(rng).title()} Street"
    return receipt(rng, shop, street), receipt(rng, shop, street), "receipt"


def receipt(rng: Rng, shop: str, street: str) -> Image.Image:
    """A receipt."""
    page = Image.new("RGB", (360, 560), (246, 244, 238))
    draw = ImageDraw.Draw(page)
    draw.text((90, 20), shop, (20, 20, 20), ImageFont.load_default(24))
    draw.text((100, 54), street, (40, 40, 40), ImageFont.load_default(15))
    for line in range(14):
        draw.text((24, 96 + 27 * line), f"{rng.integers(1, 5)} {word(rng)} {word(rng)}",
                  (30, 30, 30), ImageFont.load_default(16))  # fmt: skip
        draw.text((286, 96 + 27 * line), f"{rng.uniform(1, 60):.2f}", (30, 30, 30),
                  ImageFont.load_default(16))  # fmt: skip
    draw.text((24, 490), f"TOTAL {rng.uniform(50, 400):.2f}", (10, 10, 10),
              ImageFont.load_default(26))  # fmt: skip
    return page


def word(rng: Rng) -> str:
    """A made-up word."""
    return "".join(rng.choice(list(string.ascii_lowercase), int(rng.integers(3, 9))))


# --- edits ----------------------------------------------------------------------------------------


def encoded_again(rng: Rng, picture: Image.Image) -> bytes:
    """As JPEG twice, as a progressive one, or as WebP."""
    way, quality = int(rng.integers(3)), int(rng.integers(25, 80))
    if way == 0:
        once = Image.open(io.BytesIO(jpeg(picture, 60)))
        return jpeg(once, quality)
    return jpeg(picture, quality, progressive=True) if way == 1 else webp(picture, quality)


def resized(rng: Rng, picture: Image.Image, least: float = 0.35, most: float = 1.4) -> bytes:
    """Another size, by any filter."""
    return jpeg(_sized(rng, picture, rng.uniform(least, most)), 88)


def _sized(rng: Rng, picture: Image.Image, scale: float) -> Image.Image:
    size = (round(picture.width * scale), round(picture.height * scale))
    return picture.resize(size, Image.Resampling(int(rng.choice([1, 2, 3, 4, 5]))))


def _cropped(rng: Rng, picture: Image.Image, most: float) -> Image.Image:
    left, top, right, bottom = rng.uniform(0, most, 4)
    width, height = picture.size
    box = (left * width, top * height, (1 - right) * width, (1 - bottom) * height)
    return picture.crop(tuple(map(round, box)))


def _lit(rng: Rng, picture: Image.Image) -> Image.Image:
    levels, way = np.asarray(picture).astype(np.float32), int(rng.integers(3))
    if way == 0:
        return shown(levels * rng.uniform(0.7, 1.3))
    if way == 1:
        return shown(levels + rng.uniform(-40, 40))
    return shown(255 * (levels / 255) ** rng.uniform(0.75, 1.35))


def cropped(rng: Rng, picture: Image.Image) -> bytes:
    """Up to 5% off every side."""
    return jpeg(_cropped(rng, picture, 0.05), 90)


def brighter(rng: Rng, picture: Image.Image) -> bytes:
    """Brighter or darker, by a factor, some levels or gamma."""
    return jpeg(_lit(rng, picture), 90)


def combined(rng: Rng, picture: Image.Image) -> bytes:
    """Cropped, brighter or darker, smaller, of lower quality."""
    small = _sized(rng, _lit(rng, _cropped(rng, picture, 0.04)), rng.uniform(0.45, 0.95))
    return jpeg(small, int(rng.integers(40, 80)))


def grey(rng: Rng, picture: Image.Image) -> bytes:
    """Without colours: by the luma of old or new television, or the mean of most and least."""
    levels, way = np.asarray(picture).astype(np.float32), int(rng.integers(3))
    if way == 2:
        return jpeg(shown((levels.max(2) + levels.min(2)) / 2), 88)
    weights = ((0.299, 0.587, 0.114), (0.2126, 0.7152, 0.0722))[way]
    return jpeg(shown(levels @ np.array(weights, np.float32)), 88)


def written(rng: Rng, picture: Image.Image) -> bytes:
    """Text over it."""
    way = ("caption", "outlined", "date", "tilted")[rng.integers(4)]
    layer = Image.new("RGBA", picture.size)
    draw = ImageDraw.Draw(layer)
    height = picture.height
    colour = [(255, 255, 255), (0, 0, 0), (255, 220, 0), (220, 30, 30)][rng.integers(4)]
    if way == "outlined":
        said = f"{word(rng)} {word(rng)}".upper()
        edge = (0, 0, 0) if sum(colour) > 200 else (255, 255, 255)
        draw.text((picture.width / 2, height * rng.choice([0.08, 0.92])), said, (*colour, 255),
                  ImageFont.load_default(height * 0.09), "mm", stroke_width=2,
                  stroke_fill=(*edge, 255))  # fmt: skip
    elif way == "date":
        said = f"{rng.integers(1, 29):02d}.{rng.integers(1, 13):02d}.2014 {rng.integers(10, 24)}:09"
        draw.text((picture.width * 0.96, height * 0.95), said, (255, 150, 20, 255),
                  ImageFont.load_default(height * 0.05), "rs")  # fmt: skip
    elif way == "tilted":
        draw.text((picture.width / 2, height / 2), f"{word(rng)} {word(rng)}",
                  (*colour, int(rng.integers(90, 200))), ImageFont.load_default(height * 0.1),
                  "mm")  # fmt: skip
        layer = layer.rotate(float(rng.uniform(12, 40)), Image.Resampling.BICUBIC)
    else:
        lines = "\n".join(f"{word(rng)} {word(rng)} {word(rng)}" for _ in range(rng.integers(1, 3)))
        draw.multiline_text((height * 0.04, height * rng.uniform(0.1, 0.8)), lines, (*colour, 255),
                            ImageFont.load_default(height * rng.uniform(0.04, 0.07)))  # fmt: skip
    return jpeg(Image.alpha_composite(picture.convert("RGBA"), layer).convert("RGB"), 90)


SORTS: dict[str, Callable[[Rng], Pair]] = {
    "render": a_render,
    "texture": a_texture,
    "xray": an_xray,
    "chart": a_chart,
    "receipt": a_receipt,
}

ORDER = "photo render texture photo xray chart photo render receipt texture".split()
"""Sorts of pictures, in turns."""

EDITS: dict[str, Callable[[Rng, Image.Image], bytes]] = {
    "encoded": encoded_again,
    "resized": resized,
    "cropped": cropped,
    "brighter": brighter,
    "combined": combined,
    "grey": grey,
    "text": written,
}
