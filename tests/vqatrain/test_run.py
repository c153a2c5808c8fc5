"""The whole loop, in small: train, look at the run folder, evaluate, refuse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vqadata import open_shards
from vqadata.errors import OptionError
from vqatrain import EvalConfig, TrainConfig, evaluate, run


def config(shards: Path, out: Path, **options: Any) -> TrainConfig:
    small = {"batch_size": 8, "max_steps": 3, "warmup_steps": 1, "threads": 1, "logging_steps": 1}
    given = {"model": "tiny:smolvlm", "tuning": "full", "split": "train", "learning_rate": 2e-3}
    return TrainConfig(**({"shards": shards, "out": out} | small | given | options))


@pytest.fixture
def trained(learnt: Path) -> Path:
    return learnt


@pytest.mark.slow
def test_it_learns_to_look_at_the_picture(shards: Path, trained: Path, tmp_path: Path) -> None:
    scores = evaluate(EvalConfig(shards=shards, model=str(trained), out=tmp_path / "e"))
    assert (scores.value("exact-match") or 0) > 0.9
    assert scores.value("vqa-accuracy") == scores.value("exact-match")


def test_run_folder_can_be_traced(shards: Path, trained: Path) -> None:
    record = json.loads((trained / "run.json").read_text())
    assert record["data"]["digest"] == open_shards(shards).digest
    assert record["data"]["examples_seen"] == 60 * 8
    assert record["versions"]["torch"]
    assert json.loads((trained / "config.json").read_text())["max_steps"] == 60
    log = [json.loads(line) for line in (trained / "log.jsonl").read_text().splitlines()]
    losses = [entry["loss"] for entry in log if "loss" in entry]
    assert losses[-1] < losses[0] / 4
    assert list((trained / "tensorboard").rglob("events.*"))
    proof = json.loads((trained / "labels.json").read_text())
    assert proof["examples"] == 16
    assert proof["shown"].endswith(proof["shown_labels"])


def test_same_seed_gives_same_losses(shards: Path, tmp_path: Path) -> None:
    logs = [run(config(shards, tmp_path / name)) / "log.jsonl" for name in ("a", "b")]
    losses = [[json.loads(x).get("loss") for x in log.read_text().splitlines()] for log in logs]
    assert losses[0] == losses[1]


@pytest.mark.parametrize("model", ["tiny:smolvlm", "tiny:llava"])  # llava is saved by other names
def test_resumed_run_goes_on_as_if_never_stopped(model: str, shards: Path, tmp_path: Path) -> None:
    straight = run(config(shards, tmp_path / "straight", max_steps=4, model=model))
    stopped = run(config(shards, tmp_path / "stopped", max_steps=4, save_steps=2, model=model))
    resumed = run(
        config(
            shards, tmp_path / "resumed", max_steps=4, save_steps=2, model=model,
            resume=stopped / "checkpoints" / "checkpoint-2",
        )
    )  # fmt: skip
    weights = [(f / "model" / "model.safetensors").read_bytes() for f in (straight, resumed)]
    assert weights[0] == weights[1]


def test_scores_do_not_depend_on_the_batch_size(
    shards: Path, trained: Path, tmp_path: Path
) -> None:
    lines = []
    for size in (1, 5, 32):
        options = {"shards": shards, "model": str(trained), "batch_size": size}
        evaluate(EvalConfig(out=tmp_path / str(size), **options))
        lines.append((tmp_path / str(size) / "predictions.jsonl").read_text())
    assert lines[0] == lines[1] == lines[2]


def test_predictions_carry_their_questions(shards: Path, trained: Path, tmp_path: Path) -> None:
    where = "answer_type = 'colour'"
    options = {"shards": shards, "model": str(trained), "limit": 3, "where": where}
    scores = evaluate(EvalConfig(out=tmp_path / "e", **options))
    lines = [json.loads(x) for x in (tmp_path / "e" / "predictions.jsonl").read_text().splitlines()]
    assert len(lines) == scores.questions == 3
    assert set(scores.by_answer_type) == {"colour"}
    assert all(len(line["answers"]) == 10 and line["prediction"] for line in lines)


def test_existing_run_is_not_touched(shards: Path, trained: Path) -> None:
    before = sorted(trained.rglob("*"))
    with pytest.raises(OptionError, match="a finished run"):
        run(config(shards, trained))
    assert sorted(trained.rglob("*")) == before


def test_unfinished_run_is_not_evaluated(shards: Path, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "log.jsonl").touch()
    with pytest.raises(OptionError, match="the run did not finish"):
        evaluate(EvalConfig(shards=shards, model=str(tmp_path), out=tmp_path / "e"))


@pytest.mark.parametrize("model", ["tiny:gpt", "/no/such/model"])
def test_unknown_model_leaves_no_folder(model: str, shards: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="--model"):
        run(config(shards, tmp_path / "x", model=model))
    assert not (tmp_path / "x").exists()
