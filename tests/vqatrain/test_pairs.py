"""Wrong answers of a model become rejected ones, and every other row is accounted for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from vqadata import open_shards, verify
from vqadata.errors import OptionError, VqaDataError
from vqadata.ledger import read_ledger
from vqatrain import EvalConfig, PairsConfig, dpo, evaluate, pair
from vqatrain.cli import program
from vqatrain.config import DpoConfig


def said(folder: Path, answers: dict[str, str]) -> Path:
    path = folder / "said.jsonl"
    lines = [{"question_id": number, "prediction": answer} for number, answer in answers.items()]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


ANSWERS = {"0": "red", "1": "a cat", "2": "Green.", "3": "", "4": "blue", "99": "red"}
"""Of 32 questions, whose colours are red, blue, green, yellow in turn."""


def test_wrong_answers_become_rejected_ones(shards: Path, tmp_path: Path) -> None:
    found = pair(
        PairsConfig(predictions=said(tmp_path, ANSWERS), shards=shards, out=tmp_path / "pairs")
    )
    made = open_shards(tmp_path / "pairs")
    before = {row["question_id"]: row for row in open_shards(shards).questions().to_pylist()}
    rows = {row["question_id"]: row for row in made.questions().to_pylist()}
    assert {number: row.pop("rejected") for number, row in rows.items()} == {
        "1": ["a cat"], "3": [""], "4": ["blue"]
    }  # fmt: skip
    for number, row in rows.items():
        kept = row.keys() - {"picture_row"}
        assert {name: row[name] for name in kept} == {name: before[number][name] for name in kept}
    assert found.without == {"answered-rightly": 2, "not-answered": 27}
    assert found.unknown == 1
    assert made.manifest.adds_up
    assert not verify(tmp_path / "pairs").problems


def test_the_ledger_says_why_a_row_makes_no_pair(shards: Path, tmp_path: Path) -> None:
    options = {"predictions": said(tmp_path, ANSWERS), "shards": shards, "out": tmp_path / "pairs"}
    pair(PairsConfig(**options))
    made = open_shards(tmp_path / "pairs")
    noted = {e.question_id: e for e in read_ledger(made.ledger_path) if e.step == "pairs"}
    assert len(noted) == 29
    assert (noted["2"].reason, noted["2"].found) == ("answered-rightly", "Green.")
    assert (noted["5"].reason, noted["5"].found) == ("not-answered", None)
    step = made.manifest.steps[-1]
    assert (step.step, step.options["predictions"]) == ("pairs", "said.jsonl")
    assert step.options["metrics"] == ["exact-match", "vqa-accuracy", "vqa-accuracy-robust"]


def test_an_older_rejected_answer_stays_behind_the_new_one(shards: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "one", tmp_path / "two"
    pair(PairsConfig(predictions=said(tmp_path, {"0": "dog"}), shards=shards, out=first))
    pair(PairsConfig(predictions=said(tmp_path, {"0": "cat"}), shards=first, out=second))
    (row,) = open_shards(second).questions().to_pylist()
    assert row["rejected"] == ["cat", "dog"]


def test_without_a_wrong_answer_nothing_is_written(shards: Path, tmp_path: Path) -> None:
    right = said(tmp_path, {"0": "red", "1": "blue"})
    with pytest.raises(VqaDataError, match=r"said\.jsonl: no wrong answer"):
        pair(PairsConfig(predictions=right, shards=shards, out=tmp_path / "pairs"))
    assert not (tmp_path / "pairs" / "manifest.json").exists()
    with pytest.raises(OptionError, match="is the input"):
        pair(PairsConfig(predictions=right, shards=shards, out=shards))


def test_a_model_learns_from_its_own_wrong_answers(
    shards: Path, learnt: Path, tmp_path: Path
) -> None:
    """A model that knows the colours is asked with blank pictures, and so is often wrong."""
    asked = EvalConfig(
        shards=shards, model=str(learnt), out=tmp_path / "scores", pictures="blank", split="train"
    )
    evaluate(asked)
    done = CliRunner().invoke(
        program,
        ["pairs", str(tmp_path / "scores/predictions.jsonl"), str(shards),
         "-o", str(tmp_path / "pairs")],
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "questions with a wrong answer beside theirs" in done.output
    options = {"learning_rate": 1e-3, "warmup_steps": 1, "threads": 1, "asked_rows": 2}
    run = dpo(
        DpoConfig(shards=tmp_path / "pairs", model=str(learnt), out=tmp_path / "run", max_steps=6,
                  batch_size=4, tuning="lora", logging_steps=1, **options)
    )  # fmt: skip
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    margins = [line["rewards/margins"] for line in lines if "rewards/margins" in line]
    assert margins[-1] > margins[0]
