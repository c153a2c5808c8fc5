"""EvalScope's custom data: numbered pictures in questions and choices, ragged tables."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import encoded
from tests.contract import fixture_of, outcome
from vqadata import convert, verify
from vqadata.converting.recognition import recognise
from vqadata.layouts.marked import take_marks
from vqadata.layouts.typed import BadRecord
from vqadata.reading.json_scan import RawRecord
from vqadata.sources.evalscope import EvalScope

RealData = Callable[[str], Path]

REAL = {
    "mcq/example.jsonl": (3, 2), "mcq/example.tsv": (3, 2), "vqa/example_openai.jsonl": (5, 4),
    "vqa/example_openai.tsv": (5, 4), "vqa/example_placeholder.jsonl": (5, 4),
}  # fmt: skip
"""Records of each file, and those whose pictures are all there: the dog's is not."""


def converted(source: EvalScope, out: Path) -> dict[str, Any]:
    convert(source, out)
    assert verify(out).problems == []
    return outcome(out)


@pytest.mark.parametrize("name", REAL)
def test_real_files(name: str, real_data: RealData, tmp_path: Path) -> None:
    folder = real_data("evalscope_custom")
    told = recognise(folder / name)
    assert told.source is EvalScope
    source = EvalScope(**told.options, image_root=[folder / "images"])
    seen, kept = REAL[name]
    result = converted(source, tmp_path / "out")
    assert [(b["seen"], b["kept"], b["dropped"]) for b in result["balance"]] == [
        (seen, kept, {"missing-picture": seen - kept})
    ]
    answers = {record["answer"] for record in result["records"]}
    assert answers <= {"Museum", "Tokyo", "Tesla", "Running"}


def test_real_choices_that_are_pictures(real_data: RealData, tmp_path: Path) -> None:
    file = real_data("evalscope_custom") / "mcq" / "example.jsonl"
    result = converted(EvalScope(data=file, missing_pictures="keep"), tmp_path / "out")
    first = next(r for r in result["records"] if r["more_image_paths"])
    assert first["choices"] == [f"image {number}" for number in range(1, 5)]
    assert (first["answer"], first["correct_choice"], first["placeholders"]) == ("image 1", 0, [])
    assert not [entry for entry in result["ledger"] if entry["reason"] == "markup-in-text"]


def test_folder_is_told_as_a_whole() -> None:
    assert recognise(fixture_of("evalscope")).source is EvalScope


def test_rows_that_are_short_of_cells_are_told_and_read(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(encoded())
    file = tmp_path / "data.tsv"
    file.write_text("question\toptions\tanswer\timage_1\timage_2\n" + 'What?\t["a", "b"]\tB\ta.png')
    assert recognise(file).source is EvalScope
    (record,) = converted(EvalScope(data=file), tmp_path / "out")["records"]
    assert (record["answer"], record["image_path"]) == ("b", "a.png")


def test_pictures_inside_the_file(tmp_path: Path) -> None:
    import base64

    uri = f"data:image/png;base64,{base64.b64encode(encoded()).decode()}"
    row = {"question": "<image 1> What?", "answer": "a", "options": ["a"], "image_1": uri}
    file = tmp_path / "data.jsonl"
    file.write_text(json.dumps(row) + "\n")
    (record,) = converted(EvalScope(data=file), tmp_path / "out")["records"]
    assert record["image_path"].endswith(".png")


MARKED: dict[str, tuple[str, list[str], list[tuple[int, int]], str]] = {
    "first": ("<image 1> What?", [], [], "What?"),
    "last": ("What?<image 1>", [], [(0, 5), (1, 5)], "What?"),
    "both": ("<image 2> or <image 1>?", [], [(1, 0), (0, 3)], "or ?"),
    "twice": ("<image 1>=<image 1>?<image 2>", [], [(0, 0), (0, 1), (1, 2)], "=?"),
    "in a choice": ("Like <image 2>?", ["<image 1>", "none"], [(1, 5), (0, 6)], "Like ?"),
    "only in choices": ("Which?", ["<image 1>", "<image 2>"], [], "Which?"),
    "without number": ("<image>\n<image>\nWhich?", [], [], "Which?"),
}


@pytest.mark.parametrize("where", MARKED)
def test_marks_become_places(where: str) -> None:
    question, choices, places, text = MARKED[where]
    pictures = {0: 0, 1: 1} if where != "first" else {0: 0}
    marked = take_marks(RawRecord(0, "[0]", b""), question, choices, pictures)
    assert marked.text == text
    assert [(mark["image"], mark["offset"]) for mark in marked.placeholders] == places
    assert not [choice for choice in marked.choices if "<" in choice]


@pytest.mark.parametrize("question", ["<image 3>?", "<image><image><image>?"])
def test_marks_without_pictures_are_faults(question: str) -> None:
    with pytest.raises(BadRecord, match="placeholder-count"):
        take_marks(RawRecord(0, "[0]", b""), question, [], {0: 0, 1: 1})
