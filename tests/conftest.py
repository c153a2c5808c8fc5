"""Fixtures of the tests: small data sets written on the spot, and the real files if there."""

from __future__ import annotations

import io
import json
import logging
import os
import random
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

# How long an example takes depends on the machine. CI tries the same examples each time, so that it
# fails for a change alone; everybody else's runs look for new ones.
settings.register_profile("exploring", deadline=None)
settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.load_profile("repeatable" if os.environ.get("CI") else "exploring")

REAL_DATA = Path(os.environ.get("VQADATA_REAL_DATA", Path(__file__).parents[2] / "shared" / "data"))


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets no test see what an earlier one has examined."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture(autouse=True)
def own_levels() -> Iterator[None]:
    """Lets no test see how much an earlier one, which ran a command, has let be told."""
    loggers = [logging.getLogger(name) for name in ("", "vqadata", "vqadata.told", "vqatrain")]
    levels = [logger.level for logger in loggers]
    yield
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)


@pytest.fixture
def real_data() -> Callable[[str], Path]:
    """Gives a folder of real files, or skips the test where they are not there."""

    def folder(name: str) -> Path:
        path = REAL_DATA / name
        if not path.exists():
            pytest.skip(
                f"real data not here: set VQADATA_REAL_DATA to the folder that holds {name}"
            )
        return path

    return folder


def encoded(colour: str = "navy", size: tuple[int, int] = (16, 12), kind: str = "PNG") -> bytes:
    """A small encoded picture of one colour with a white corner."""
    from PIL import Image

    out = io.BytesIO()
    picture = Image.new("RGB", size, colour)
    picture.paste("white", (0, 0, size[0] // 2, size[1] // 2))
    picture.save(out, kind)
    return out.getvalue()


class VqaFiles:
    """A VQA data set in the official layout, in a folder, to be changed by a test."""

    def __init__(self, folder: Path, questions: int = 6, pictures: int = 3) -> None:
        self.folder = folder
        (folder / "images").mkdir(parents=True)
        colours = ["navy", "teal", "maroon", "olive", "purple", "gray"]
        for i in range(pictures):
            data = encoded(colours[i % len(colours)], (16 + i, 12))
            self.picture(i).write_bytes(data)
        self.questions: list[dict[str, Any]] = [
            {"question_id": i, "image_id": i % pictures, "question": f"Question number {i}?"}
            for i in range(questions)
        ]
        self.annotations: list[dict[str, Any]] = [
            {
                "question_id": i,
                "image_id": i % pictures,
                "multiple_choice_answer": "yes",
                "answer_type": "yes/no",
                "question_type": "question",
                "answers": [
                    {"answer": "yes", "answer_id": n, "answer_confidence": "yes"}
                    for n in range(1, 11)
                ],
            }
            for i in range(questions)
        ]

    def picture(self, number: int) -> Path:
        return self.folder / "images" / f"COCO_val2014_{number:012d}.jpg"

    def padded(self, size: int) -> VqaFiles:
        """With so many random bytes behind each picture, so that they fill several shards."""
        for number, path in enumerate(sorted((self.folder / "images").iterdir())):
            with path.open("ab") as file:
                file.write(random.Random(number).randbytes(size))
        return self

    def write(self) -> dict[str, Path]:
        """Write both files; return the options that name them."""
        header = {"data_subtype": "val2014", "license": {"name": "CC BY 4.0"}}
        paths = {key: self.folder / f"{key}.json" for key in ("questions", "annotations")}
        for key, path in paths.items():
            path.write_text(json.dumps(header | {key: getattr(self, key)}), encoding="utf-8")
        return paths


@pytest.fixture
def vqa_files(tmp_path: Path) -> VqaFiles:
    return VqaFiles(tmp_path / "raw")


@pytest.fixture
def run_cli() -> Callable[..., Any]:
    """Runs a program of ours in a process of its own; gives status, stdout and stderr."""
    import subprocess

    def run(
        *words: object, program: str = "vqadata", cwd: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", program, *map(str, words)]
        return subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd)

    return run
