"""Writes a VQA data set with JPEGs, for the benchmark of the loader.

    python -m benchmarks.loader_data FOLDER [--pictures N]

Crops of a few coloured textures with sensor noise, some 77 KB each at quality 90, in the sizes of
COCO; five questions a picture with ten answers each, in the official layout of VQA v2. The same
arguments write the same bytes.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

PICTURES, QUESTIONS_EACH = 8_000, 5
DRAWN = 500
"""Pictures that are drawn; the others are these with other bytes, which no library can tell."""
SIZES = [(640, 480), (480, 640), (640, 427), (500, 375)]
WORDS = "what colour is the big small dog cat car near behind on of left table red person".split()
ANSWERS = ["yes", "no", "2", "red", "blue", "on the table", "a dog", "left", "3", "white"]


def pictures(count: int) -> Iterator[bytes]:
    """Encoded pictures, one after the other."""
    import simplejpeg

    rng = np.random.default_rng(0)
    bases = [texture(rng) for _ in range(8)]
    noise = rng.normal(0, 1.8, (1400, 1400, 1)).astype(np.float32)
    drawn: list[bytes] = []
    for number in range(count):
        if number < DRAWN:
            width, height = SIZES[number % len(SIZES)]
            top, left = rng.integers(0, 1400 - 640, 2)
            crop = bases[number % len(bases)][top : top + height, left : left + width]
            grain = noise[left : left + height, top : top + width]
            pixels = crop * rng.uniform(0.7, 1.1) + grain * rng.uniform(0.4, 1.2)
            pixels = np.ascontiguousarray(pixels.clip(0, 255).astype(np.uint8))
            drawn.append(simplejpeg.encode_jpeg(pixels, quality=90, colorsubsampling="420"))
        yield with_comment(drawn[number % DRAWN], number)


def with_comment(jpeg: bytes, number: int) -> bytes:
    """The picture with a segment that no other one has (COM, ITU-T T.81 B.2.4.5)."""
    return jpeg[:2] + b"\xff\xfe\x00\x0a" + number.to_bytes(8, "big") + jpeg[2:]


def texture(rng: np.random.Generator) -> Any:
    """A canvas of smooth shapes on four scales."""
    import cv2

    canvas = np.full((1400, 1400, 3), 128, np.float32)
    for size, strength in ((7, 40), (30, 30), (120, 20), (500, 13)):
        coarse = rng.normal(0, strength, (size, size, 3)).astype(np.float32)
        canvas += cv2.resize(coarse, (1400, 1400), interpolation=cv2.INTER_CUBIC)
    return canvas


def questions(count: int) -> Iterator[dict[str, Any]]:
    """Questions with their answers."""
    rng = np.random.default_rng(1)
    for number in range(count * QUESTIONS_EACH):
        answers = [ANSWERS[n] for n in rng.integers(0, len(ANSWERS), 10)]
        yield {
            "question_id": number,
            "image_id": number // QUESTIONS_EACH,
            "question": " ".join(WORDS[n] for n in rng.integers(0, len(WORDS), 7)) + "?",
            "answers": answers,
        }


def write(folder: Path, count: int) -> None:
    """Write pictures and both files."""
    (folder / "images").mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(pictures(count)):
        (folder / "images" / f"COCO_train2014_{number:012d}.jpg").write_bytes(data)
    rows = list(questions(count))
    plain = ("question_id", "image_id", "question")
    asked = [{name: row[name] for name in plain} for row in rows]
    answered = [
        {
            "question_id": row["question_id"],
            "image_id": row["image_id"],
            "question_type": "what",
            "answer_type": "other",
            "multiple_choice_answer": row["answers"][0],
            "answers": [
                {"answer": answer, "answer_id": n, "answer_confidence": "yes"}
                for n, answer in enumerate(row["answers"], 1)
            ],
        }
        for row in rows
    ]
    said = {"data_subtype": "train2014", "license": {"name": "CC BY 4.0"}}
    for key, values in (("questions", asked), ("annotations", answered)):
        (folder / f"{key}.json").write_text(json.dumps(said | {key: values}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pictures", type=int, default=PICTURES)
    chosen = parser.parse_args()
    write(chosen.folder, chosen.pictures)


if __name__ == "__main__":
    main()
