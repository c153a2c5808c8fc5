"""Every family in every tuning: trains, saves, reloads, answers, merges; and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vqadata.errors import OptionError
from vqatrain import EvalConfig, MergeConfig, TrainConfig, evaluate, merge, run
from vqatrain.models.family import family_names

LORA = {"learning_rate": 1e-2, "lora_dropout": 0.0}
RATES: dict[str, dict[str, Any]] = {"full": {"learning_rate": 3e-3}, "lora": LORA, "qlora": LORA}


def config(shards: Path, out: Path, **options: Any) -> TrainConfig:
    given = {
        "model": "tiny:smolvlm", "split": "train", "batch_size": 8, "max_steps": 2,
        "warmup_steps": 1, "threads": 1, "logging_steps": 1, "report_to": "none",
    }  # fmt: skip
    return TrainConfig(**({"shards": shards, "out": out} | given | options))


def losses(folder: Path) -> list[float]:
    log = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [entry["loss"] for entry in log if "loss" in entry]


def answers(shards: Path, model: Path, out: Path) -> list[str]:
    options = {"shards": shards, "model": str(model), "split": "test", "max_new_tokens": 4}
    evaluate(EvalConfig(out=out, threads=1, **options))
    lines = (out / "predictions.jsonl").read_text().splitlines()
    return [json.loads(line)["prediction"] for line in lines]


@pytest.mark.slow
@pytest.mark.parametrize("tuning", ["full", "lora", "qlora"])
@pytest.mark.parametrize("family", family_names())
def test_it_trains_reloads_answers_and_merges(
    family: str, tuning: str, shards: Path, tmp_path: Path
) -> None:
    options = {"model": f"tiny:{family}", "tuning": tuning, "max_steps": 12, **RATES[tuning]}
    out = run(config(shards, tmp_path / "run", **options))
    course = losses(out)
    assert course[-1] < course[0] / 3
    record = json.loads((out / "run.json").read_text())
    assert record["quantised_layers"] == (14 if tuning == "qlora" else 0)
    assert (record["parameters"]["trained"] < record["parameters"]["all"] / 4) == (tuning != "full")

    given = answers(shards, out, tmp_path / "answers")
    assert len(given) == 16
    if tuning != "full":
        done = merge(MergeConfig(model=str(out), out=tmp_path / "merged"))
        assert done.difference.logits < 1e-3
        assert (done.difference_to_quantised is None) == (tuning == "lora")
        assert answers(shards, tmp_path / "merged", tmp_path / "again") == given


@pytest.mark.parametrize("family", family_names())
def test_checkpointing_changes_no_loss(family: str, shards: Path, tmp_path: Path) -> None:
    courses = []
    for on in (False, True):
        options = {"model": f"tiny:{family}", "gradient_checkpointing": on, **LORA}
        courses.append(losses(run(config(shards, tmp_path / str(on), **options))))
    assert courses[0] == pytest.approx(courses[1], rel=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("tuning", "batching"), [("lora", "packed"), ("qlora", "by-length"), ("full", "packed")]
)
def test_resumed_runs_go_on_as_if_never_stopped(
    tuning: str, batching: str, shards: Path, tmp_path: Path
) -> None:
    options = {
        "tuning": tuning, "max_steps": 4, "save_steps": 1, "learning_rate": 3e-3,
        "lora_dropout": 0.1, "gradient_accumulation": 2, "batching": batching, "max_tokens": 150,
        "batch_size": 3,
    }  # fmt: skip
    straight = run(config(shards, tmp_path / "straight", **options, workers=2))
    for step in (1, 3):
        checkpoint = straight / "checkpoints" / f"checkpoint-{step}"
        resumed = run(config(shards, tmp_path / str(step), **options, resume=checkpoint))
        assert losses(resumed) == losses(straight)[step:]
        assert (resumed / "trace.jsonl").read_bytes() == (straight / "trace.jsonl").read_bytes()


def test_frozen_parts_stay_as_they_were(shards: Path, tmp_path: Path) -> None:
    import torch

    from vqatrain.models import model as models

    frozen = {"model": "tiny:qwen2_5_vl", "tuning": "full", "freeze": ["vision", "language"]}
    states = []
    for rate in (1e-12, 1e-2):
        out = run(config(shards, tmp_path / str(rate), **frozen, learning_rate=rate))
        loaded = models.load(str(out / "model"), torch.float32)
        states.append(loaded.model.state_dict())
    changed = [n for n in states[0] if not torch.allclose(states[0][n], states[1][n], atol=1e-7)]
    assert {loaded.family.part_of(name) for name in changed} == {"projector"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"tuning": "lora", "freeze": ["language"]}, "--freeze: with language nothing is left"),
        ({"max_pixels": 100}, "--max-pixels: found 100; expected 4096 or more"),
        ({"max_pixels": 5000, "max_tiles": 2}, "--max-tiles: given together"),
        ({"max_tiles": 2, "model": "tiny:qwen3_vl"}, "--max-tiles: qwen3_vl cuts no tiles"),
        ({"lora_targets": "nothing"}, "--lora-targets: 'nothing'"),
        ({"tuning": "qlora", "quantise": ["head"]}, "--quantise: lm_head cannot be quantised"),
    ],
)
def test_options_that_do_not_fit_are_refused(
    options: dict[str, Any], said: str, shards: Path, tmp_path: Path
) -> None:
    with pytest.raises(OptionError) as refused:
        run(config(shards, tmp_path / "run", **options))
    assert said in str(refused.value)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("family", family_names())
def test_parts_are_quantised_as_asked(family: str, shards: Path) -> None:
    import torch
    from bitsandbytes.nn import Linear4bit

    from vqatrain.models import model as models

    for parts in (["language"], ["language", "vision"]):
        loaded = models.load(f"tiny:{family}", torch.float32, ["a"], parts)  # type: ignore[arg-type]
        found = {n for n, m in loaded.model.named_modules() if isinstance(m, Linear4bit)}
        assert {loaded.family.part_of(name) for name in found} == set(parts)
        assert len([n for n in found if loaded.family.part_of(n) == "language"]) == 14


def test_model_without_adapter_is_not_merged(shards: Path, tmp_path: Path) -> None:
    out = run(config(shards, tmp_path / "run", tuning="full"))
    with pytest.raises(OptionError, match="has none"):
        merge(MergeConfig(model=str(out), out=tmp_path / "merged"))
    assert not (tmp_path / "merged").exists()


def test_a_run_is_trained_further(
    shards: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = run(config(shards, tmp_path / "a", tuning="full", model="tiny:internvl"))
    second = run(config(shards, tmp_path / "b", tuning="lora", model=str(first)))
    assert json.loads((second / "run.json").read_text())["base_model"] == str(first / "model")
    assert len(answers(shards, second, tmp_path / "e")) == 16
    assert caplog.messages == []
    run(config(shards, tmp_path / "c", tuning="full", model=str(first), max_tiles=2))
    assert "other preprocessing" in caplog.text
    assert "pictures.max_patches is 2, trained with 1" in caplog.text
    with pytest.raises(OptionError, match=r"b: a run with an adapter; .* vqatrain merge"):
        run(config(shards, tmp_path / "d", model=str(second)))
