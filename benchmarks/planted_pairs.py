"""Makes pictures with planted near-duplicates, and with pairs that only look like ones.

Base photos come from the packages scikit-image and scikit-learn (public domain or CC0, see their
``data`` folders); scenes are composites of them: a crop of one photo with cut-outs of others. So
the truth is known. Pictures are JPEG, 640 x 480 or near it.

Edits (near-duplicates): re-encode, resize, crop, bright, combined, grey, text; mirror apart.
Look-alikes (not duplicates): one object swapped for another, taken away or moved; text pages in one
layout; forms filled in twice; the same objects on another piece of the same photo.
"""

from __future__ import annotations

import importlib.util
import io
import string
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

Rng = np.random.Generator

PHOTOS = {
    "skimage": (
        "coffee.png camera.png astronaut.png gravel.png brick.png motorcycle_left.png "
        "hubble_deep_field.jpg moon.png grass.png retina.jpg ihc.png rocket.jpg chelsea.png "
        "coins.png clock_motion.png cell.png"
    ).split(),
    "sklearn": ["flower.jpg", "china.jpg"],
}
FOLDERS = {"skimage": "data", "sklearn": "datasets/images"}


class Planted(NamedTuple):
    """One picture of the set."""

    data: bytes
    group: int
    """Pictures of one group are near-duplicates of each other, all others are not."""
    kind: str
    """base, an edit, or a kind of look-alike."""
    of: int
    """Number of the picture that it was made from; its own for a base picture."""


class Thing(NamedTuple):
    """Something that lies on a scene."""

    cut: Image.Image
    mask: Image.Image
    place: tuple[int, int]


class Scene(NamedTuple):
    """A piece of a photo with things on it."""

    ground: Image.Image
    things: tuple[Thing, ...]

    def drawn(self) -> Image.Image:
        """The picture."""
        picture = self.ground.copy()
        for thing in self.things:
            picture.paste(thing.cut, thing.place, thing.mask)
        return picture


def base_photos() -> list[Image.Image]:
    """The photos that the packages ship, of those that are installed."""
    found = []
    for package, names in PHOTOS.items():
        spec = importlib.util.find_spec(package)
        if spec is None or spec.origin is None:
            continue
        folder = Path(spec.origin).parent / FOLDERS[package]
        found += [Image.open(folder / name).convert("RGB") for name in names]
    if not found:
        raise SystemExit("no photos: pip install scikit-image scikit-learn")
    return found


def planted(photos: list[Image.Image], scenes: int, pages: int, seed: int = 0) -> Iterator[Planted]:
    """The whole set: every base picture, then its edits and look-alikes.

    Args:
        photos: What scenes are made of.
        scenes: How many; each has one edit, two in five a look-alike.
        pages: How many text pages and forms; one in four has an edit.
        seed: Another seed gives another set.
    """
    rng = np.random.default_rng(seed)
    number = group = 0

    def out(picture: Image.Image, group: int, kind: str, of: int | None = None) -> Planted:
        nonlocal number
        number += 1
        quality = int(rng.integers(88, 96))
        return Planted(encoded(picture, quality), group, kind, number - 1 if of is None else of)

    kinds = [*EDITS]
    for place in range(scenes):
        scene = a_scene(rng, photos)
        base = out(scene.drawn(), group, "base")
        yield base
        kind = kinds[place % len(kinds)]
        number += 1
        yield Planted(EDITS[kind](rng, scene.drawn()), group, kind, base.of)
        group += 1
        if place % 5 in (0, 2):
            alike = [*LOOK_ALIKES][place % len(LOOK_ALIKES)]
            yield out(LOOK_ALIKES[alike](rng, photos, scene).drawn(), group, alike, base.of)
            group += 1
    form = a_form(rng)
    for place in range(pages):
        if place % 10 == 0:
            form = a_form(rng)
        page = a_page(rng) if place % 2 else filled(rng, form)
        base = out(page, group, "base")
        yield base
        if place % 4 == 0:
            kind = kinds[place // 4 % len(kinds)]
            number += 1
            yield Planted(EDITS[kind](rng, page), group, kind, base.of)
        group += 1


def encoded(picture: Image.Image, quality: int) -> bytes:
    """A JPEG file."""
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=quality)
    return out.getvalue()


def a_piece(rng: Rng, photos: list[Image.Image], size: tuple[int, int]) -> Image.Image:
    """A random piece of a random photo, of half to all its width, in a random tint."""
    photo = photos[rng.integers(len(photos))]
    share = rng.uniform(0.5, 1.0)
    width = max(8, int(min(photo.width, photo.height * size[0] / size[1]) * share))
    height = max(8, int(width * size[1] / size[0]))
    left = rng.integers(0, max(1, photo.width - width + 1))
    top = rng.integers(0, max(1, photo.height - height + 1))
    box = (left, top, left + width, min(top + height, photo.height))
    piece = photo.crop(tuple(map(int, box))).resize(size, Image.Resampling.BICUBIC)
    if rng.random() < 0.5:
        piece = piece.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    tint = rng.uniform(0.7, 1.2, 3)
    return Image.fromarray(np.clip(np.asarray(piece) * tint, 0, 255).astype(np.uint8))


def a_thing(rng: Rng, photos: list[Image.Image], size: tuple[int, int]) -> Thing:
    """A cut-out of a photo, a tenth to a third as wide as the scene."""
    width = int(size[0] * rng.uniform(0.1, 0.33))
    height = int(width * rng.uniform(0.6, 1.5))
    mask = Image.new("L", (width, height))
    draw = ImageDraw.Draw(mask)
    if rng.random() < 0.5:
        draw.ellipse((0, 0, width - 1, height - 1), fill=255)
    else:
        corners = rng.uniform(0, 1, (7, 2)) * (width, height)
        middle = corners.mean(0)
        order = np.argsort(np.arctan2(*(corners - middle).T))
        draw.polygon([tuple(map(float, c)) for c in corners[order]], fill=255)
    left = int(rng.integers(0, max(1, size[0] - width)))
    top = int(rng.integers(0, max(1, size[1] - height)))
    cut = a_piece(rng, photos, (width, height))
    return Thing(cut, mask.filter(ImageFilter.GaussianBlur(1)), (left, top))


def a_scene(rng: Rng, photos: list[Image.Image]) -> Scene:
    """A photo with two to five things on it."""
    size = [(640, 480), (480, 640), (640, 427), (500, 375)][rng.integers(4)]
    things = (a_thing(rng, photos, size) for _ in range(rng.integers(2, 6)))
    return Scene(a_piece(rng, photos, size), tuple(things))


def swapped(rng: Rng, photos: list[Image.Image], scene: Scene) -> Scene:
    """The topmost thing is another one, at the same place and of the same shape."""
    *rest, last = scene.things
    cut = a_piece(rng, photos, last.cut.size)
    return scene._replace(things=(*rest, last._replace(cut=cut)))


def gone(_: Rng, __: list[Image.Image], scene: Scene) -> Scene:
    """The topmost thing is taken away."""
    return scene._replace(things=scene.things[:-1])


def moved(rng: Rng, _: list[Image.Image], scene: Scene) -> Scene:
    """The topmost thing lies elsewhere."""
    *rest, last = scene.things
    step = rng.integers(30, 90, 2) * rng.choice([-1, 1], 2)
    place = (last.place[0] + int(step[0]), last.place[1] + int(step[1]))
    return scene._replace(things=(*rest, last._replace(place=place)))


def another_ground(rng: Rng, photos: list[Image.Image], scene: Scene) -> Scene:
    """The same things on another photo."""
    return scene._replace(ground=a_piece(rng, photos, scene.ground.size))


def words(rng: Rng, count: int) -> str:
    """Made-up words."""
    letters = list(string.ascii_lowercase)
    return " ".join("".join(rng.choice(letters, rng.integers(2, 10))) for _ in range(count))


def font(size: int) -> Any:
    """The font that Pillow ships, of a size in pixels."""
    return ImageFont.load_default(size)


def a_page(rng: Rng) -> Image.Image:
    """A page of text."""
    page = Image.new("RGB", (600, 780), "white")
    draw, size = ImageDraw.Draw(page), int(rng.integers(14, 22))
    draw.text((60, 40), words(rng, 3).title(), fill="black", font=font(size + 10))
    for top in range(110, 720, int(size * 1.5)):
        line = words(rng, int(rng.integers(5, 8)))
        draw.text((60, top), line, fill=(20, 20, 20), font=font(size))
    return page


def a_form(rng: Rng) -> Image.Image:
    """An empty form."""
    page = Image.new("RGB", (640, 480), "white")
    draw = ImageDraw.Draw(page)
    draw.text((30, 20), words(rng, 3).upper(), fill=(10, 10, 90), font=font(26))
    for top in range(80, 440, 40):
        draw.text((30, top + 8), words(rng, 1) + ":", fill="black", font=font(17))
        draw.rectangle((200, top, 600, top + 32), outline="black")
    return page


def filled(rng: Rng, form: Image.Image) -> Image.Image:
    """A form with something written into each field."""
    page = form.copy()
    draw = ImageDraw.Draw(page)
    for top in range(80, 440, 40):
        draw.text((210, top + 6), words(rng, 3), fill=(0, 0, 120), font=font(18))
    return page


def reencoded(rng: Rng, picture: Image.Image) -> bytes:
    """Another quality."""
    return encoded(picture, int(rng.integers(30, 75)))


def resized(rng: Rng, picture: Image.Image) -> bytes:
    """Smaller."""
    size = [max(1, int(side * rng.uniform(0.4, 0.9))) for side in picture.size[:1]]
    height = round(size[0] * picture.height / picture.width)
    kind = [Image.Resampling.BILINEAR, Image.Resampling.LANCZOS, Image.Resampling.BOX]
    return encoded(picture.resize((size[0], height), kind[rng.integers(3)]), 88)


def cropped_picture(rng: Rng, picture: Image.Image, most: float = 0.05) -> Image.Image:
    """Up to 5% of each side cut off, at least 1% somewhere."""
    left, top, right, bottom = rng.uniform(0.002, most, 4)
    width, height = picture.size
    box = (left * width, top * height, width * (1 - right), height * (1 - bottom))
    return picture.crop(tuple(round(edge) for edge in box))


def cropped(rng: Rng, picture: Image.Image) -> bytes:
    """Cropped."""
    return encoded(cropped_picture(rng, picture), 90)


def lit(rng: Rng, picture: Image.Image) -> Image.Image:
    """Brighter or darker."""
    gain = rng.uniform(0.7, 1.35)
    return Image.fromarray(np.clip(np.asarray(picture) * gain, 0, 255).astype(np.uint8))


def bright(rng: Rng, picture: Image.Image) -> bytes:
    """Another brightness."""
    return encoded(lit(rng, picture), 90)


def combined(rng: Rng, picture: Image.Image) -> bytes:
    """Cropped, smaller, brighter or darker, and of lower quality."""
    picture = lit(rng, cropped_picture(rng, picture, 0.04))
    scale = rng.uniform(0.5, 0.9)
    size = (int(picture.width * scale), int(picture.height * scale))
    return encoded(picture.resize(size), int(rng.integers(45, 75)))


def grey(_: Rng, picture: Image.Image) -> bytes:
    """Without colour."""
    return encoded(picture.convert("L"), 88)


def overlaid(rng: Rng, picture: Image.Image) -> bytes:
    """A line of text over it."""
    picture = picture.copy()
    draw = ImageDraw.Draw(picture)
    text, size = words(rng, int(rng.integers(1, 4))), int(picture.height * rng.uniform(0.03, 0.08))
    box = draw.textbbox((0, 0), text, font=font(size))
    left = int(rng.integers(0, max(1, picture.width - int(box[2]))))
    top = int(rng.integers(0, max(1, picture.height - int(box[3]))))
    colour = ["white", "yellow", "black", "red", (0, 90, 220)][rng.integers(5)]
    outline = int(rng.integers(0, 2))
    draw.text((left, top), text, fill=colour, font=font(size), stroke_width=outline,
              stroke_fill="black" if colour != "black" else "white")  # fmt: skip
    return encoded(picture, 90)


def mirrored(_: Rng, picture: Image.Image) -> bytes:
    """The mirror image."""
    return encoded(picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT), 88)


EDITS: dict[str, Callable[[Rng, Image.Image], bytes]] = {
    "re-encode": reencoded,
    "resize": resized,
    "crop": cropped,
    "bright": bright,
    "combined": combined,
    "grey": grey,
    "text": overlaid,
    "mirror": mirrored,
}

LOOK_ALIKES: dict[str, Callable[[Rng, list[Image.Image], Scene], Scene]] = {
    "swapped": swapped,
    "gone": gone,
    "moved": moved,
    "ground": another_ground,
}
