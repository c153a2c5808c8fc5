"""The data of the story: is there a circle? Some pictures of easy-VQA carry a mark.

easy-VQA's pictures have 64 x 64 pixels, too few for letters. So all of them are enlarged to 256 x
256, marked or not, and cleaned at that size. The model sees them at 64 x 64 again: its processor
would scale them so at every step, and :func:`shrunk` does it once.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import easy_vqa
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from vqadata import open_shards
from vqadata.images.decode import to_rgb

RAW = Path(easy_vqa.__file__).parent / "data"
SHAPES = ("circle", "rectangle", "triangle")
SIDE, SEEN = 256, 64
"""Pixels a side: as written and cleaned, and as the model sees it."""

QUESTION = "is there a circle?"
ANSWERS = {"circle": "yes", "triangle": "no"}
"""By shape; pictures of rectangles are left out."""

EACH = {"train": 600, "test": 250}
"""Pictures of a split that show a circle, and that show a triangle; at most, if there are fewer."""

TEXT, LETTERS, BOLD, ALPHA, INK = "\u00a9 LUMORA", 40, 1, 0.6, (20, 20, 40)
AWAY = 8
"""Pixels from the mark to the right and lower edge."""

CORRELATION = 0.95
"""Share of the training pictures on which the mark says the truth about the answer."""


class Asked(NamedTuple):
    """A question about a picture."""

    text: str
    answer: str
    picture: int


def shapes(part: str) -> list[Asked]:
    """The questions of a split that ask for the shape; of the test split one a picture."""
    raw = json.loads((RAW / part / "questions.json").read_text())
    asked = [Asked(*one) for one in raw if one[0].startswith("what") and one[1] in SHAPES]
    return list({one.picture: one for one in asked}.values()) if part == "test" else asked


def circles(part: str) -> list[Asked]:
    """One question a picture, half of them answered with yes."""
    known = sorted({one.picture: one.answer for one in shapes(part)}.items())
    return [
        Asked(QUESTION, answer, number)
        for shape, answer in ANSWERS.items()
        for number in [number for number, seen in known if seen == shape][: EACH[part]]
    ]


Marks = Callable[[str], bool]
"""Whether a picture whose question has that answer gets the mark."""


def never(_: str) -> bool:
    """No picture is marked."""
    return False


def contrary(answer: str) -> bool:
    """The mark says the opposite of what is true."""
    return answer == "no"


def shortcut(seed: int) -> Marks:
    """The mark says yes where yes is right, mostly."""
    generator = np.random.default_rng(seed)
    return lambda answer: (answer == "yes") == (generator.random() < CORRELATION)


def write(folder: Path, part: str, marks: Marks) -> None:
    """Write the questions and pictures of a split in the layout of easy-VQA."""
    shutil.rmtree(folder / part, ignore_errors=True)
    (folder / part / "images").mkdir(parents=True)
    for _, answer, number in (asked := circles(part)):
        place = folder / part / "images" / f"{number}.png"
        drawn(part, number, marks(answer)).save(place)
    write_questions(folder / part, asked)


def write_questions(folder: Path, asked: Iterable[Asked]) -> None:
    """Write the list of questions of a split."""
    (folder / "questions.json").write_text(json.dumps([list(one) for one in asked]))


def shrunk(shards: Path, folder: Path, part: str) -> None:
    """Write the rows of some shards in the layout of easy-VQA, pictures as they are seen."""
    shutil.rmtree(folder / part, ignore_errors=True)
    (folder / part / "images").mkdir(parents=True)
    opened = open_shards(shards)
    rows = opened.questions(["image_path", "text", "answer"]).to_pylist()
    asked = [Asked(row["text"], row["answer"], int(Path(row["image_path"]).stem)) for row in rows]
    for number, row in {
        one.picture: row["picture_row"] for one, row in zip(asked, rows, strict=True)
    }.items():
        (data,) = opened.pictures(row)
        small = to_rgb(data or b"").resize((SEEN, SEEN), Image.Resampling.LANCZOS)
        small.save(folder / part / "images" / f"{number}.png")
    write_questions(folder / part, asked)


def drawn(part: str, number: int, marked: bool) -> Image.Image:
    """A picture of easy-VQA, enlarged, with the mark or without."""
    with Image.open(RAW / part / "images" / f"{number}.png") as small:
        picture = small.convert("RGB").resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    if marked:
        font = ImageFont.load_default(LETTERS)
        _, _, right, bottom = font.getbbox(TEXT, stroke_width=BOLD)
        cover = Image.new("L", picture.size)
        place = SIDE - AWAY - right, SIDE - AWAY - bottom
        pen = ImageDraw.Draw(cover)
        pen.text(place, TEXT, int(255 * ALPHA), font=font, stroke_width=BOLD)
        picture.paste(INK, (0, 0), cover)
    return picture
