"""Predictions of others are read and scored; intervals; where metrics disagree."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from vqadata.converting.conversion import convert
from vqadata.errors import VqaDataError
from vqadata.sources.coco_vqa import CocoVqa
from vqatrain.cli import program
from vqatrain.config import ScoreConfig
from vqatrain.scoring.intervals import difference, interval
from vqatrain.scoring.metric import all_metrics
from vqatrain.scoring.metric_table import CASES, difference_table, disagreements
from vqatrain.scoring.predictions import read_predictions, write_upload
from vqatrain.scoring.score import score

IDS = (101, 102, 103)


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three questions, each answered ten times: yes, cat, two."""
    folder = tmp_path_factory.mktemp("vqa")
    questions = [{"question_id": n, "image_id": n, "question": f"q{n}?"} for n in IDS]
    annotations = [
        {"question_id": n, "image_id": n, "answer_type": kind, "question_type": "what",
         "answers": [{"answer_id": i, "answer": text if i else "dog", "answer_confidence": "yes"}
                     for i in range(10)]}
        for n, text, kind in zip(IDS, ("yes", "cat", "two"), ("yes/no", "other", "number"),
                                 strict=True)
    ]  # fmt: skip
    (folder / "q.json").write_text(json.dumps({"questions": questions}))
    (folder / "a.json").write_text(json.dumps({"annotations": annotations}))
    source = CocoVqa(
        questions=[folder / "q.json"], annotations=[folder / "a.json"], split="val",
        missing_pictures="keep",
    )  # fmt: skip
    convert(source, folder / "shards")
    return folder / "shards"


OURS = [{"question_id": str(n), "text": "a question", "answer": "x", "prediction": "cat"}
        for n in IDS]  # fmt: skip
FORMS: dict[str, Any] = {
    "ours": OURS,
    "llava": [{"question_id": n, "prompt": "q?", "text": "cat", "model_id": "m"} for n in IDS],
    "lmms-eval": [
        {"doc_id": k, "doc": {"question_id": n, "question": "q"}, "filtered_resps": [["cat"]]}
        for k, n in enumerate(IDS)
    ],
}


@pytest.mark.parametrize("form", FORMS)
def test_json_lines_of_other_tools_are_read(form: str, tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    path.write_text("".join(json.dumps(entry) + "\n" for entry in FORMS[form]))
    assert read_predictions(path) == {str(n): "cat" for n in IDS}


@pytest.mark.parametrize(
    "document",
    [
        [{"question_id": n, "answer": "cat"} for n in IDS],
        [{"questionId": str(n), "prediction": "cat"} for n in IDS],
        {str(n): "cat" for n in IDS},
        {str(n): {"direct_answer": "cat"} for n in IDS},
    ],
)
def test_documents_of_leaderboards_are_read(document: Any, tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    path.write_text(json.dumps(document), encoding="utf-8-sig")
    assert read_predictions(path) == {str(n): "cat" for n in IDS}


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("", "p.json"),
        ("[]", "p.json"),
        ("{", "line 1"),
        ('[{"question_id": 1}]', "[0]"),
        ('[{"answer": "a"}]', "[0]"),
        ("[[1]]", "[0]"),
        ('[{"question_id": 1, "answer": "a"}, {"question_id": 1, "answer": "b"}]', "[1]"),
        ('{"1": null}', "1"),
        ('{"question_id": 1, "answer": "a"}\nnull\n', "line 2"),
    ],
)
def test_broken_predictions_are_named_by_place(text: str, where: str, tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    path.write_text(text)
    with pytest.raises(VqaDataError) as error:
        read_predictions(path)
    assert where in error.value.where
    assert error.value.expected


def predictions(folder: Path, *answers: str, name: str = "p.json") -> Path:
    path = folder / name
    entries = [{"question_id": n, "answer": a} for n, a in zip(IDS, answers, strict=False)]
    path.write_text(json.dumps(entries))
    return path


def test_a_file_is_scored(shards: Path, tmp_path: Path) -> None:
    found = score(ScoreConfig(shards=shards, predictions=predictions(tmp_path, "Yes", "dog", "2")))
    assert found.scores.value("vqa-accuracy") == pytest.approx((1 + 0.3 + 1) / 3)
    assert found.scores.by_answer_type["other"]["vqa-accuracy"].score == pytest.approx(0.3)
    assert found.scores.overall["exact-match"].rows == 3


def test_samples_of_an_older_lmms_eval_are_read(tmp_path: Path) -> None:
    path = tmp_path / "vqav2.json"
    logs = [{"doc_id": 0, "doc": {"question_id": 7}, "filtered_resps": ["cat"]}]
    path.write_text(json.dumps({"args": {}, "model_configs": {}, "logs": logs}))
    assert read_predictions(path) == {"7": "cat"}


def test_a_question_with_an_error_has_no_answer(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    lines = [{"id": 1, "answer": "cat"}, {"id": 2, "error": "no such file"}]
    path.write_text("".join(json.dumps(one) + "\n" for one in lines))
    assert read_predictions(path) == {"1": "cat"}


def test_a_line_ends_where_json_says_so(tmp_path: Path) -> None:
    path, said = tmp_path / "p.jsonl", "a\u2028b\x85c"
    lines = [{"question_id": n, "text": said} for n in (1, 2)]
    path.write_text("\r\n".join(json.dumps(one, ensure_ascii=False) for one in lines), "utf-8")
    assert read_predictions(path) == {"1": said, "2": said}


def test_missing_predictions_are_refused_or_counted(shards: Path, tmp_path: Path) -> None:
    path = predictions(tmp_path, "yes", "cat")
    with pytest.raises(VqaDataError, match="no prediction for 1 of 3 questions, first 103"):
        score(ScoreConfig(shards=shards, predictions=path))
    wrong = score(ScoreConfig(shards=shards, predictions=path, missing="wrong"))
    skipped = score(ScoreConfig(shards=shards, predictions=path, missing="skip"))
    assert (wrong.without, len(wrong.rows)) == (1, 3)
    assert (skipped.without, len(skipped.rows)) == (1, 2)
    assert skipped.scores.value("exact-match") == 1.0


def test_predictions_of_another_data_set_are_refused(shards: Path, tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    path.write_text('{"9": "cat"}')
    with pytest.raises(VqaDataError, match="predictions for others, such as '9'"):
        score(ScoreConfig(shards=shards, predictions=path, missing="skip"))


def test_two_runs_are_compared_in_pairs(shards: Path, tmp_path: Path) -> None:
    ours = predictions(tmp_path, "no", "cat", "2")
    theirs = predictions(tmp_path, "yes", "cat", "2", name="q.json")
    gain = score(ScoreConfig(shards=shards, predictions=ours, against=theirs)).gains
    assert gain["vqa-accuracy"].score == pytest.approx(1 / 3, abs=0.01)
    assert gain["vqa-accuracy"].low == 0.0


def test_an_upload_has_the_ids_of_the_data_set(shards: Path, tmp_path: Path) -> None:
    path, upload = predictions(tmp_path, "yes", "cat", "2"), tmp_path / "up.json"
    score(ScoreConfig(shards=shards, predictions=path, upload=upload))
    assert json.loads(upload.read_text()) == json.loads(path.read_text())
    assert read_predictions(upload) == read_predictions(path)
    with pytest.raises(VqaDataError, match="a new file"):
        write_upload(upload, [], numbers=False)


def test_the_command_explains(shards: Path, tmp_path: Path) -> None:
    path = predictions(tmp_path, "yes", "Cat.", "2")
    done = CliRunner().invoke(
        program, ["score", str(path), str(shards), "--metric", "all", "--explain"]
    )
    assert done.exit_code == 0
    assert "against vqa-accuracy" in done.output
    assert "question 102" in done.output


counts = st.lists(st.sampled_from([0.0, 0.3, 0.6, 0.9, 1.0]), min_size=1, max_size=200)


@given(values=counts)
def test_an_interval_holds_its_mean_and_repeats(values: list[float]) -> None:
    metric = all_metrics()["vqa-accuracy"]
    found = interval(metric, [(value,) for value in values])
    assert found.score == sum(values) / len(values)
    assert found.low <= found.score + 1e-9
    assert found.score <= found.high + 1e-9
    assert interval(metric, [(value,) for value in values]) == found


def test_an_interval_is_as_wide_as_theory_says() -> None:
    values = [(1.0,)] * 600 + [(0.0,)] * 400
    found = interval(all_metrics()["exact-match"], values)
    assert found.high - found.low == pytest.approx(2 * 1.96 * math.sqrt(0.24 / 1000), rel=0.1)


def test_pairs_are_surer_than_the_two_runs_alone() -> None:
    metric = all_metrics()["exact-match"]
    ours = [(float(n % 2),) for n in range(1000)]
    theirs = [(1.0,) if n < 50 else (float(n % 2),) for n in range(1000)]
    gain, alone = difference(metric, ours, theirs), interval(metric, ours)
    assert gain.score == pytest.approx(0.025)
    assert gain.low > 0
    assert gain.high - gain.low < (alone.high - alone.low) / 2


def test_f1_is_that_of_the_whole() -> None:
    metric = all_metrics()["yes-no-f1"]
    rows = [("yes", "yes")] * 3 + [("yes", "no")] * 2 + [("no", "yes")] + [("no", "no")] * 4
    found = [metric.counts(said, {"answer": true}) for said, true in rows]
    outcome = interval(metric, [count for count in found if count is not None])
    assert outcome.score == pytest.approx(6 / 9)
    assert metric.overall(np.zeros((1, 3)), 5)[0] == 0.0


def test_disagreements_name_what_was_compared(shards: Path, tmp_path: Path) -> None:
    path = predictions(tmp_path, "yes", "ANSWER: cat", "2")
    rows = score(ScoreConfig(shards=shards, predictions=path)).rows
    found = {entry.metric: entry for entry in disagreements(rows, all_metrics())}
    assert found["evalscope-vqav2"].higher == 1
    assert "compares 'cat' with 9 x 'cat'" in found["evalscope-vqav2"].examples[0]
    assert "vqa-accuracy" not in found
    assert "answerability" not in found, "F1 is no score of a row"


def test_the_table_of_the_docs_is_the_one_of_the_tool() -> None:
    page = Path(__file__).parents[2] / "docs" / "metrics.md"
    table = difference_table(all_metrics())
    assert len(table.splitlines()) == len(CASES) + 2
    assert table in page.read_text(encoding="utf-8")
