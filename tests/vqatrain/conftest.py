"""A small data set as shards, and a trained tiny run, made once."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from tests.conftest import encoded
from vqadata import convert
from vqadata.sources.coco_vqa import CocoVqa

COLOURS = ("red", "blue", "green", "yellow")


@pytest.fixture(scope="session")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """32 questions about 8 pictures of one colour, half of them in the split test."""
    folder = tmp_path_factory.mktemp("colours")
    (folder / "images").mkdir()
    questions, annotations = [], []
    for number in range(32):
        image, colour = number % 8, COLOURS[number % 4]
        path = folder / "images" / f"{image:012d}.png"
        path.write_bytes(encoded(colour, (64, 64 - image)))
        questions.append(
            {"question_id": number, "image_id": image, "question": f"What colour is part {number}?",
             "split": "train" if number < 16 else "test"}
        )  # fmt: skip
        answers = [{"answer": colour, "answer_id": i} for i in range(10)]
        kind = "other" if number % 2 else "colour"
        annotations.append({"question_id": number, "answers": answers, "answer_type": kind})
    (folder / "q.json").write_text(json.dumps({"questions": questions}))
    (folder / "a.json").write_text(json.dumps({"annotations": annotations}))
    source = CocoVqa(
        questions=folder / "q.json", annotations=folder / "a.json", image_name="{image_id:0>12}.png"
    )
    convert(source, folder / "shards")
    return folder / "shards"


@pytest.fixture(scope="session")
def learnt(shards: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that has learnt the colours by heart; not to be changed."""
    from vqatrain import TrainConfig, run

    options = {
        "model": "tiny:smolvlm", "tuning": "full", "batch_size": 8, "max_steps": 60,
        "learning_rate": 3e-3, "warmup_steps": 1, "threads": 1, "logging_steps": 1,
    }  # fmt: skip
    return run(
        TrainConfig(shards=shards, out=tmp_path_factory.mktemp("learnt") / "full", **options)
    )
