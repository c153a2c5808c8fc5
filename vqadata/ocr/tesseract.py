"""Tesseract 4 or 5, the program of that name, as the system's packages install it.

It was made for printed pages: it reads clean lines well and faint or turned ones hardly. Source:
https://github.com/tesseract-ocr/tesseract. Page segmentation 11 looks for sparse text; its word
boxes are joined to lines.
"""

from __future__ import annotations

import csv
import io
import os
import shutil
import subprocess
from collections import defaultdict
from typing import TYPE_CHECKING, ClassVar

from vqadata.cleaning.text_engine import EngineOptions, TextEngine, TextLine
from vqadata.errors import VqaDataError

if TYPE_CHECKING:
    from vqadata.cleaning.text_engine import Rgb

LANGUAGE = {"en": "eng", "zh": "chi_sim"}
"""Tesseract's names of languages."""

SECONDS = 60
"""Longest time for one picture."""

SPARSE = "11"
"""Page segmentation mode: as much text as there is, in no order."""


class Tesseract(TextEngine):
    """The program ``tesseract`` on the path."""

    name: ClassVar[str] = "tesseract"

    @classmethod
    def missing(cls, options: EngineOptions) -> str:
        """Whether the program and its languages are there."""
        if shutil.which("tesseract") is None:
            return (
                "tesseract: the program is not installed. Install the system packages "
                "tesseract-ocr, tesseract-ocr-eng and tesseract-ocr-chi-sim."
            )
        gone = [name for name in _languages(options) if name not in _installed(options)]
        if gone:
            names = ", ".join(gone)
            return (
                f"tesseract: no language data {names}. Install them, or put NAME.traineddata "
                "into the folder of --ocr-models."
            )
        return ""

    def __init__(self, options: EngineOptions) -> None:
        """Check that it can run."""
        if missing := self.missing(options):
            raise VqaDataError("--ocr-engine tesseract", missing)
        self.options = options

    def versions(self) -> dict[str, str]:
        """The program's own word."""
        said = _run(["--version"]).decode(errors="replace").split()
        return {"tesseract": said[1] if len(said) > 1 else "unknown"}

    def read_fitted(self, rgb: Rgb) -> list[TextLine]:
        """Write the picture to the program, read its table of words, join them to lines."""
        from PIL import Image

        picture = io.BytesIO()
        Image.fromarray(rgb).save(picture, "PPM")
        languages = "+".join(_languages(self.options))
        order = ["stdin", "stdout", "--psm", SPARSE, "-l", languages, *_data(self.options), "tsv"]
        table = _run(order, picture.getvalue()).decode(errors="replace")
        lines: defaultdict[tuple[str, ...], list[dict[str, str]]] = defaultdict(list)
        for word in csv.DictReader(io.StringIO(table), delimiter="\t", quoting=csv.QUOTE_NONE):
            if (word["text"] or "").strip() and float(word["conf"]) >= 0:
                place = ("block_num", "par_num", "line_num")
                lines[tuple(word[key] for key in place)].append(word)
        return [_line(words) for words in lines.values()]


def _line(words: list[dict[str, str]]) -> TextLine:
    """One line of words; its confidence is their mean, weighted by length."""
    texts = [word["text"].strip() for word in words]
    boxes = [[int(word[key]) for key in ("left", "top", "width", "height")] for word in words]
    x0, y0 = min(box[0] for box in boxes), min(box[1] for box in boxes)
    x1, y1 = max(box[0] + box[2] for box in boxes), max(box[1] + box[3] for box in boxes)
    sure = sum(float(word["conf"]) * len(text) for word, text in zip(words, texts, strict=True))
    confidence = sure / sum(map(len, texts)) / 100
    return TextLine(" ".join(texts), confidence, (x0, y0, x1, y0, x1, y1, x0, y1))


def _languages(options: EngineOptions) -> list[str]:
    return [LANGUAGE.get(name, name) for name in options.languages]


def _data(options: EngineOptions) -> list[str]:
    """Where the language data lie, if the user's folder holds any."""
    if options.models and any(options.models.glob("*.traineddata")):
        return ["--tessdata-dir", str(options.models)]
    return []


def _installed(options: EngineOptions) -> list[str]:
    return _run([*_data(options), "--list-langs"]).decode(errors="replace").split()


def _run(order: list[str], given: bytes = b"") -> bytes:
    """Run the program on one thread.

    Raises:
        VqaDataError: It fails, or takes too long.
    """
    program = shutil.which("tesseract") or "tesseract"
    try:
        done = subprocess.run(  # noqa: S603 - no shell, and no word of the data among the arguments
            [program, *order],
            input=given,
            capture_output=True,
            timeout=SECONDS,
            check=False,
            env=os.environ | {"OMP_THREAD_LIMIT": "1"},
        )
    except subprocess.TimeoutExpired:
        raise VqaDataError("tesseract", f"no answer within {SECONDS} seconds") from None
    if done.returncode:
        raise VqaDataError("tesseract", done.stderr.decode(errors="replace").strip()[:300])
    return done.stdout
