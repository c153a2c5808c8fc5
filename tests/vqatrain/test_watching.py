"""What a run says while it goes: speed, waiting, accuracy on rows that it does not train on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.vqatrain.test_training import config, losses
from vqadata.errors import MissingExtraError, OptionError
from vqatrain import run


def entries(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def watched(shards: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("watched") / "run"
    options = {"eval_split": "test", "eval_steps": 2, "eval_rows": 5, "lora_dropout": 0.2}
    return run(config(shards, out, max_steps=5, report_to="tensorboard", **options))


def test_accuracy_is_looked_at_now_and_then_and_at_the_end(watched: Path) -> None:
    looks = [entry for entry in entries(watched) if "eval_exact-match" in entry]
    assert [look["step"] for look in looks] == [2, 4, 5]
    assert all(0 <= look["eval_vqa-accuracy"] <= 1 for look in looks)


def test_losses_do_not_know_that_they_are_watched(
    shards: Path, watched: Path, tmp_path: Path
) -> None:
    assert losses(run(config(shards, tmp_path / "a", max_steps=5, lora_dropout=0.2))) == losses(
        watched
    )


def test_speed_and_waiting_are_said(watched: Path) -> None:
    steps = [entry for entry in entries(watched) if "loss" in entry]
    assert all(step["tokens_per_second"] > step["samples_per_second"] > 0 for step in steps)
    assert all(0 < step["data_wait_share"] < 1 for step in steps)
    assert all("learning_rate" in step and "epoch" not in step for step in steps)


def test_tensorboard_is_told_the_same(watched: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(watched / "tensorboard"))
    events.Reload()
    assert {"train/tokens_per_second", "train/data_wait_share", "eval/exact-match"} <= set(
        events.Tags()["scalars"]
    )


def test_weights_and_biases_offline(
    shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("wandb")
    for name in ("WANDB_DIR", "WANDB_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    out = run(config(shards, tmp_path / "run", report_to="wandb"))
    assert list((out / "wandb").glob("offline-run-*/*.wandb"))


def test_without_its_library_it_is_refused_at_once(
    shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name, *_: None)
    with pytest.raises(MissingExtraError, match="wandb"):
        run(config(shards, tmp_path / "run", report_to="wandb"))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "options", [{"split": None, "eval_split": "test"}, {"split": "test", "eval_split": "test"}]
)
def test_rows_that_are_trained_on_are_refused(
    options: dict[str, Any], shards: Path, tmp_path: Path
) -> None:
    with pytest.raises(OptionError, match=r"--eval-split: .*trained on"):
        run(config(shards, tmp_path / "run", **options))
