"""Synthetic files in the layout, the size and with the oddities of the VQA v2 training set.

    python -m benchmarks.vqa_v2 FOLDER                         # 443,757 questions, 400 MB
    python -m benchmarks.vqa_v2 FOLDER --questions 4437570     # ten times as many
    python -m benchmarks.vqa_v2 FOLDER --damaged 0.01          # every hundredth record damaged

Like the official files (https://visualqa.org/download.html): key order and spacing of
``json.dump``, numbers of COCO pictures, ten answers a question with confidence, answer types in
their shares, 65 question types, thousands of answers of Zipf-like frequency. Unlike them, questions
and annotations come in random orders of their own, and some texts are meant to mislead: quotes,
backslashes, other scripts, pieces of JSON.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.damage import Damage

QUESTIONS = 443_757
PICTURES_SHARE = 82_783 / QUESTIONS
CHUNK = 20_000
"""Questions made at a time."""

TYPES = ("yes/no", "number", "other")
TYPE_SHARES = (0.376, 0.130, 0.494)
CONFIDENCES = ("yes", "maybe", "no")
CONFIDENCE_SHARES = (0.76, 0.19, 0.05)
ANSWERS = 10
AGREEING = 0.62
"""Share of the answers that are the question's main one."""

COLOURS = "red green blue white black brown gray yellow orange pink purple tan silver gold".split()
THINGS = (
    "man woman dog cat car bus train table chair tree street shirt hat ball bat kite plane "
    "phone laptop clock sign wall floor door window pizza cake plate cup bottle fork bed lamp "
    "horse cow sheep bird bear giraffe zebra elephant skateboard surfboard umbrella bench boat"
).split()
PLACES = ["on the left", "on the right", "in the middle", "behind the", "next to the", "near the"]
OPENINGS = ["what", "what is", "what is the", "what kind of", "is the", "is this", "how many"]
MISLEADING = (
    '}, {"question_type": "', ']}', '], "image_id": 1}', '"', "\\", '\\"', '{"answer": "yes"}',
    '}, {"image_id": 5', "größer", "蓝色", "don't", "naïve 🐕", "a\tb", "[", "\\u0041",
)  # fmt: skip
MISLED = 0.004
"""Share of the questions, and of the answers, that hold such a text."""


class _Vocabulary(NamedTuple):
    texts: list[str]
    """JSON texts of all answers."""
    ranges: list[tuple[int, int]]
    """First and last of each answer type; frequency falls from the first to the last."""


def write_files(folder: Path, questions: int, damaged: float = 0.0, seed: int = 0) -> None:
    """Write ``questions.json`` and ``annotations.json``.

    Args:
        folder: Where to write.
        questions: How many.
        damaged: Share of the records of both files that are damaged.
        seed: Same seed, same bytes.
    """
    draw = np.random.default_rng(seed)
    pictures = _pictures(draw, questions)
    names = pictures[draw.permutation(questions)]
    kinds = draw.choice(len(TYPES), questions, p=TYPE_SHARES).astype(np.int8)
    asked = _asked(draw, names)
    answered = _answered(draw, names, kinds)
    header = {"info": {"year": 2017, "version": "2.0"}, "data_subtype": "train2014"}
    _write(folder / "questions.json", header, "questions", asked, Damage(damaged, seed + 1))
    _write(folder / "annotations.json", header, "annotations", answered, Damage(damaged, seed + 2))


def _pictures(draw: np.random.Generator, questions: int) -> Any:
    """The picture of each question: three at least each, the rest by chance."""
    count = max(1, min(round(questions * PICTURES_SHARE), questions // 3))
    ids = draw.choice(max(581_922, 2 * count), count, replace=False)
    rest = draw.integers(0, count, questions - 3 * count)
    return ids[np.concatenate([np.repeat(np.arange(count), 3), rest])]


def _question_id(number: int) -> int:
    return 1_000 + 3 * number


def _asked(draw: np.random.Generator, pictures: Any) -> Iterator[str]:
    words = [*COLOURS, *THINGS, "the", "a", "of", "wearing", "holding", "there", "picture"]
    for start in range(0, len(pictures), CHUNK):
        part = pictures[start : start + CHUNK].tolist()
        lengths = draw.integers(2, 9, len(part)).tolist()
        codes = draw.integers(0, len(words), (len(part), 9)).tolist()
        openings = draw.integers(0, len(OPENINGS), len(part)).tolist()
        misled = (draw.random(len(part)) < MISLED).tolist()
        for row, picture in enumerate(part):
            said = [words[code] for code in codes[row][: lengths[row]]]
            if misled[row]:
                said.append(MISLEADING[codes[row][8] % len(MISLEADING)])
            text = json.dumps(f"{OPENINGS[openings[row]]} {' '.join(said)}?".capitalize())
            identity = _question_id(start + row)
            yield f'{{"image_id": {picture}, "question": {text}, "question_id": {identity}}}'


def _answered(draw: np.random.Generator, pictures: Any, kinds: Any) -> Iterator[str]:
    known = _vocabulary()
    said = [f'{{"answer": {text}, "answer_confidence": "' for text in known.texts]
    sure = [[f'{word}", "answer_id": {n}}}' for n in range(1, ANSWERS + 1)] for word in CONFIDENCES]
    order = draw.permutation(len(pictures))
    for start in range(0, len(order), CHUNK):
        part = order[start : start + CHUNK]
        codes = _answer_codes(draw, known, kinds[part])
        levels = draw.choice(3, codes.shape, p=CONFIDENCE_SHARES).tolist()
        types = draw.integers(0, 65, len(part)).tolist()
        rows = zip(part.tolist(), codes.tolist(), levels, types, strict=True)
        for number, row, row_levels, kind in rows:
            answers = ", ".join(
                [
                    said[c] + sure[level][n]
                    for n, (c, level) in enumerate(zip(row, row_levels, strict=True))
                ]
            )
            opening = f"{OPENINGS[kind % 5]} {THINGS[kind // 5]}"
            yield (
                f'{{"question_type": "{opening}", "multiple_choice_answer": {known.texts[row[0]]}, '
                f'"answers": [{answers}], "image_id": {pictures[number]}, '
                f'"answer_type": "{TYPES[kinds[number]]}", "question_id": {_question_id(number)}}}'
            )


def _vocabulary() -> _Vocabulary:
    numbers = [str(n) for n in range(200)]
    pairs = [f"{colour} {thing}" for thing in THINGS for colour in COLOURS]
    more = [f"{place} {pair}" for pair in pairs for place in PLACES]
    others = [
        *COLOURS,
        *THINGS,
        *pairs,
        *more,
        *(f"{pair} {n}" for pair in pairs for n in range(24)),
    ]
    groups = [["yes", "no", "maybe", "not sure"], numbers, others, list(MISLEADING)]
    texts = [json.dumps(text) for group in groups for text in group]
    ends = np.cumsum([len(group) for group in groups]).tolist()
    return _Vocabulary(texts, list(zip([0, *ends], ends, strict=False)))


def _answer_codes(draw: np.random.Generator, known: _Vocabulary, kinds: Any) -> Any:
    """The answers of some questions: most of them one and the same, the others by frequency."""
    shape = (len(kinds), ANSWERS)
    codes = np.empty(shape, np.int64)
    for kind, (first, last) in enumerate(known.ranges[: len(TYPES)]):
        rows = kinds == kind
        codes[rows] = first + (draw.zipf(1.25, (rows.sum(), ANSWERS)) - 1) % (last - first)
    codes = np.where(draw.random(shape) < AGREEING, codes[:, :1], codes)
    first, last = known.ranges[-1]
    return np.where(draw.random(shape) < MISLED, draw.integers(first, last, shape), codes)


def _write(
    path: Path, header: dict[str, Any], key: str, records: Iterator[str], damage: Damage
) -> None:
    """Write a file as ``json.dump`` does."""
    with path.open("w", encoding="utf-8") as file:
        file.write(json.dumps(header)[:-1] + f', "{key}": [')
        for number, record in enumerate(records):
            file.write((", " if number else "") + damage(record))
        file.write("]}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--questions", type=int, default=QUESTIONS)
    parser.add_argument("--damaged", type=float, default=0.0, help="share of damaged records")
    chosen = parser.parse_args()
    chosen.folder.mkdir(parents=True, exist_ok=True)
    write_files(chosen.folder, chosen.questions, chosen.damaged)


if __name__ == "__main__":
    main()
