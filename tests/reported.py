"""A data set with a finding of every shape, made on the spot, for the tests of the report.

``python -m tests.reported FOLDER --pictures 5000`` makes a large one, to be looked at.
"""

from __future__ import annotations

import argparse
import io
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from PIL import Image, ImageDraw

from vqadata import clean, convert
from vqadata.cleaners.audit import Audit
from vqadata.cleaning.cleaning import cleaner_kinds
from vqadata.ledger import Rejection
from vqadata.sources.coco_vqa import CocoVqa
from vqadata.steps import Cleaner, Verdict
from vqadata.words.check import TextCheck

if TYPE_CHECKING:
    import pyarrow as pa

    from vqadata.cleaning.survey import Survey
    from vqadata.images.view import View

COLOURS = ["crimson", "teal", "goldenrod", "slateblue", "seagreen", "sienna", "orchid", "steelblue"]
SIZE = (320, 240)


def scene(number: int) -> Image.Image:
    """A drawn landscape, another one for each number."""
    chance = random.Random(number)
    picture = Image.new("RGB", SIZE)
    draw = ImageDraw.Draw(picture)
    sky = [chance.randrange(60, 200) for _ in range(3)]
    for y in range(SIZE[1]):
        draw.line([(0, y), (SIZE[0], y)], tuple(min(255, c + y // 3) for c in sky))
    for layer in range(3):
        points = [(x, 110 + 40 * layer + chance.randrange(-30, 20)) for x in range(0, 361, 40)]
        shade = tuple(chance.randrange(20, 160) for _ in range(3))
        draw.polygon([(0, 240), *points, (360, 240)], shade)
    x, y, side = chance.randrange(30, 260), chance.randrange(20, 170), chance.randrange(20, 60)
    shapes = [draw.ellipse, draw.rectangle]
    chance.choice(shapes)([x, y, x + side, y + side], fill=COLOURS[number % len(COLOURS)])
    return picture


def jpeg(picture: Image.Image, quality: int = 85) -> bytes:
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=quality)
    return out.getvalue()


def marked(picture: Image.Image) -> Image.Image:
    """With a mark in the corner, as an agency would put it."""
    picture = picture.copy()
    ImageDraw.Draw(picture).text((206, 216), "(c) example stock", "white")
    return picture


class Planted(Cleaner):
    """Finds what was planted: copies by their name, marks by their name."""

    order: ClassVar[int] = 70
    _template: str = ""

    def decide(self, survey: Survey) -> None:
        marked(Image.new("RGB", SIZE, "black")).crop((200, 210, 320, 235)).save(
            survey.evidence / "corner.png"
        )
        (survey.evidence / "marks.json").write_text('{"engine": "none"}\n', encoding="utf-8")
        sheet = Image.new("RGB", (640, 240))
        for n in range(2):
            sheet.paste(marked(scene(n)), (320 * n, 0))
        sheet.save(survey.evidence / "sheet-corner.jpg")

    def judge(self, batch: pa.RecordBatch) -> Iterator[Verdict]:
        for row, (image,) in enumerate(batch.column("images").to_pylist()):
            number = int(image["path"].rpartition("_")[2][:12])
            if number % 25 == 7:
                why = Rejection("near-duplicate", None, None, None, "crop 2.5 % left, gain 1.15")
                other = {"digest": self._digest(number - 1), "path": f"{number - 1:012d}.jpg"}
                details = {
                    "other": other,
                    "edit": {"crop": "2.5 % left", "gain": 1.15},
                    "score": 0.98,
                }
                yield Verdict(row, None, "drop", why, "error", details)
            if number % 25 == 3:
                box = [206, 216, 306, 230, "(c) example stock", 0.97]
                details = {"boxes": [box], "zone": "bottom-right", "score": 0.93,
                           "template": "evidence/reported/corner.png"}  # fmt: skip
                why = Rejection(
                    "watermark", None, "(c) example stock", None, "seen in 4 % of pictures"
                )
                yield Verdict(row, None, "mask", why, "warning", details)
            if number % 5 == 0:
                why = Rejection("gps", None, "GPS position", None, None)
                yield Verdict(row, None, "flag", why, "info", None)

    def _digest(self, number: int) -> str:
        from vqadata.groundwork.digests import bytes_digest

        return bytes_digest(picture_of(number))

    def mend(self, view: View) -> bytes:
        picture = Image.open(io.BytesIO(bytes(view.data)))
        ImageDraw.Draw(picture).rectangle([200, 210, 320, 235], "gray")
        data = io.BytesIO()
        picture.save(data, "PNG")  # another format, and so another name, as watermark does
        return data.getvalue()


Planted.__module__ = "tests.reported"


def picture_of(number: int) -> bytes:
    """The picture of a number: some are copies, marked, or broken."""
    if number % 25 == 7:
        return jpeg(scene(number - 1).crop((8, 0, 320, 240)), 60)
    if number % 25 == 3:
        return jpeg(marked(scene(number)))
    data = jpeg(scene(number))
    return data[: len(data) // 2] if number % 40 == 11 else data


ASKED = [
    ("What color is the object?", COLOURS), ("Is there a hill?", ["yes", "yes", "yes", "no"]),
    ("What colour is the object?", COLOURS), ("How many objects are there?", ["1", "2", "n/a"]),
    ("Is the sky blue?", ["yes", "no"]),
]  # fmt: skip


def write(folder: Path, pictures: int, words: tuple[str, str] = ("", "")) -> dict[str, Path]:
    """Write the raw files; ``words`` are put into a question and an answer."""
    (folder / "images").mkdir(parents=True)
    questions, annotations = [], []
    for number in range(pictures):
        if number % 30 != 13:  # those are missing
            name = f"COCO_train2014_{number:012d}.jpg"
            (folder / "images" / name).write_bytes(picture_of(number))
        for n, (text, answers) in enumerate(ASKED):
            ids = {"question_id": number * 10 + n, "image_id": number}
            answer = answers[number * 7 % len(answers)]
            if number % 17 == 5 and n == 1:
                text, answer = text + words[0], answer + words[1]
            broken = {"question": 7} if number % 50 == 49 and n == 0 else {}
            questions.append({"question": text, **ids, **broken})
            annotations.append({**ids, "multiple_choice_answer": answer, "answer_type": "other",
                                "question_type": text.split()[0].lower(),
                                "answers": [{"answer": answer, "answer_id": 1}]})  # fmt: skip
    header = {"data_subtype": "train2014", "license": {"name": "CC BY 4.0"}}
    paths = {name: folder / f"{name}.json" for name in ("questions", "annotations")}
    paths["questions"].write_text(json.dumps(header | {"questions": questions}))
    paths["annotations"].write_text(json.dumps(header | {"annotations": annotations}))
    return paths


def make(folder: Path, pictures: int = 60, words: tuple[str, str] = ("", "")) -> Path:
    """Make a cleaned data set in ``folder/clean``, its parent in ``folder/shards``."""
    convert(CocoVqa(**write(folder / "raw", pictures, words)), folder / "shards")
    # What searches for copies and marks is left out: it would find what is planted first.
    kinds = [kind for kind in cleaner_kinds() if kind is Audit or issubclass(kind, TextCheck)]
    clean(folder / "shards", folder / "clean", [*(kind() for kind in kinds), Planted()])
    return folder / "clean"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pictures", type=int, default=60)
    options = parser.parse_args()
    print(make(options.folder, options.pictures))
