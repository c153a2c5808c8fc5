"""Proposing a field map: what is sure is taken, what is tied is not, and what is taken works."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from vqadata.converting.recognition import recognise
from vqadata.converting.suggest import Suggestion, suggest_map
from vqadata.errors import VqaDataError
from vqadata.layouts.field_map import parse_map


def suggested(folder: Path, rows: list[dict[str, Any]]) -> Suggestion:
    path = folder / "data.json"
    path.write_text(json.dumps(rows), encoding="utf-8")
    return suggest_map(path)


def test_names_and_values_agree(tmp_path: Path) -> None:
    found = suggested(
        tmp_path,
        [
            {"qid": n, "imgName": f"{n}.jpg", "query": f"What is {n}?", "gt_answer": "x", "note": n}
            for n in range(5)
        ],
    )
    assert found.to_map() == {
        "image": "imgName", "question": "query", "answer": "gt_answer", "question_id": "qid",
    }  # fmt: skip
    assert found.is_complete
    assert found.rest == ["note"]


def test_a_tie_is_refused_and_both_are_shown(tmp_path: Path) -> None:
    row = {"image": "a.png", "question": "What?", "label": "x", "target": "y"}
    found = suggested(tmp_path, [row])
    assert "answer" not in found.sure
    assert not found.is_complete
    assert found.unsure["answer"].reason == "tied"
    assert sorted(found.unsure["answer"].candidates) == ["label", "target"]
    assert "# answer: label" in found.to_yaml()


def test_a_good_name_with_wrong_values_is_not_taken(tmp_path: Path) -> None:
    found = suggested(tmp_path, [{"image": 3.5, "question": "Why?", "answer": {"x": 1}}])
    assert found.to_map() == {"question": "question"}
    assert "image: no field was found for it" in found.to_yaml()


def test_numbers_from_1_are_no_sure_index_of_choices(tmp_path: Path) -> None:
    rows = [
        {"image": "a.png", "question": "Which?", "choices": ["a", "b"], "answer": n} for n in (1, 2)
    ]
    found = suggested(tmp_path, rows)
    assert "correct_choice" not in found.sure
    assert "# correct_choice: answer" in found.to_yaml()
    assert "--constant first_choice=1" in found.to_yaml()
    rows[0]["answer"] = 0
    rows[1]["answer"] = 1
    assert suggested(tmp_path, rows).sure["correct_choice"].value == "answer"


def test_a_file_in_another_encoding_is_told(tmp_path: Path) -> None:
    file = tmp_path / "data.csv"
    file.write_bytes("image,question,answer\na.png,Größe?,klein\n".encode("cp1252"))
    with pytest.raises(VqaDataError, match="line 2: found byte 0xf6 in question, expected UTF-8"):
        suggest_map(file)
    with pytest.raises(VqaDataError, match=r"byte 0xf6 in question, expected UTF-8.*iconv"):
        recognise(file)


def test_what_is_called_question_need_not_be_a_sentence(tmp_path: Path) -> None:
    rows = [{"image": "a.png", "question": q, "answer": "x"} for q in ("modality", "shop name")]
    assert suggested(tmp_path, rows).to_map()["question"] == "question"


def test_choices_side_by_side_are_put_together(tmp_path: Path) -> None:
    row = {"image": "a.png", "question": "Which?", "A": "red", "B": "blue", "answer": "B"}
    assert suggested(tmp_path, [row]).to_map()["choices"] == ["A", "B"]


def test_the_proposal_is_a_map(tmp_path: Path) -> None:
    row = {"meta": {"image.name": "a.png"}, "yes": "Is it?", "answer": "no\nway"}
    found = suggested(tmp_path, [row])
    text = found.to_yaml()
    assert yaml.safe_load(text) == found.to_map()
    assert parse_map(yaml.safe_load(text), "proposal")["image"].paths == (("meta", "image.name"),)


def test_status_tells_whether_it_is_complete(tmp_path: Path, run_cli: Callable[..., Any]) -> None:
    path = tmp_path / "data.json"
    path.write_text(json.dumps({"x": [], "a": {"rows": [{"image": "a.png", "question": "Why?"}]}}))
    done = run_cli("map", "suggest", path, "--records", "a.rows")
    assert done.returncode == 1
    assert "# answer: no field was found for it, and it is needed" in done.stdout


@pytest.mark.parametrize(
    ("folder", "file", "wanted"),
    [
        ("vqa_rad", "testset.json", {"image": "image_name", "answer": "answer"}),
        ("slake", "validate.json", {"image": "img_name", "answer": "answer"}),
        (
            "aokvqa",
            "aokvqa_v1p0_val_first300.json",
            {"answers": "direct_answers", "correct_choice": "correct_choice_idx"},
        ),
    ],
)
def test_real_files_are_told(
    folder: str, file: str, wanted: dict[str, str], real_data: Callable[[str], Path]
) -> None:
    found = suggest_map(real_data(folder) / file)
    assert found.is_complete
    assert wanted.items() <= found.to_map().items()
    assert found.to_map()["question"] == "question"
