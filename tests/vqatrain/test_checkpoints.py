"""Checkpoints are models that can be asked; a run goes on from its newest whole one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vqadata.errors import OptionError
from vqatrain import EvalConfig, MergeConfig, TrainConfig, evaluate, merge, run
from vqatrain.training import checkpoints


def config(shards: Path, out: Path, **options: Any) -> TrainConfig:
    small = {"batch_size": 8, "max_steps": 4, "warmup_steps": 1, "threads": 1, "logging_steps": 1}
    given = {"model": "tiny:smolvlm", "split": "train", "learning_rate": 2e-3, "save_steps": 1}
    return TrainConfig(**({"shards": shards, "out": out} | small | given | options))


def losses(folder: Path) -> list[float]:
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [line["loss"] for line in lines if "loss" in line]


@pytest.fixture(scope="module")
def saved(shards: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with adapters and a limit of pixels; not to be changed."""
    return run(config(shards, tmp_path_factory.mktemp("saved") / "run", max_pixels=64 * 64))


@pytest.mark.parametrize("tuning", ["lora", "full"])
def test_the_last_checkpoint_answers_as_the_run(
    tuning: str, shards: Path, saved: Path, tmp_path: Path
) -> None:
    made = saved if tuning == "lora" else run(config(shards, tmp_path / "full", tuning=tuning))
    said = []
    for number, model in enumerate([made, made / "checkpoints" / "checkpoint-4"]):
        out = tmp_path / str(number)
        evaluate(EvalConfig(shards=shards, model=str(model), out=out, limit=4))
        said.append((out / "predictions.jsonl").read_text())
    assert said[0] == said[1]


def test_a_checkpoint_has_the_contract_of_its_run(saved: Path) -> None:
    kept = [saved / "adapter", *checkpoints.of(saved)]
    assert len({(folder / "preprocessing.json").read_text() for folder in kept}) == 1


def test_a_checkpoint_is_merged(saved: Path, tmp_path: Path) -> None:
    options = {"model": str(saved / "checkpoints" / "checkpoint-2"), "out": tmp_path / "merged"}
    merge(MergeConfig(**options))
    assert (tmp_path / "merged" / "model.safetensors").is_file()


def test_an_adapter_that_names_no_model_asks_for_it(shards: Path, tmp_path: Path) -> None:
    (tmp_path / "adapter").mkdir()
    (tmp_path / "adapter" / "adapter_config.json").write_text("{}")
    model = str(tmp_path / "adapter")
    with pytest.raises(OptionError, match=r"names no model.*--adapter"):
        evaluate(EvalConfig(shards=shards, model=model, out=tmp_path / "e"))


def test_the_newest_checkpoints_are_kept(shards: Path, saved: Path, tmp_path: Path) -> None:
    kept = run(config(shards, tmp_path / "kept", keep_checkpoints=2, max_pixels=64 * 64))
    assert [checkpoint.name for checkpoint in checkpoints.of(kept)] == [
        "checkpoint-3", "checkpoint-4",
    ]  # fmt: skip
    assert losses(kept) == losses(saved)


def test_ctrl_c_says_how_to_go_on_and_the_run_does(
    shards: Path, saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    from vqatrain.training.progress import Progress

    def stop(self: Progress, args: Any, state: Any, control: Any, **given: Any) -> None:
        if state.global_step == 2:
            raise KeyboardInterrupt

    out = tmp_path / "run"
    with monkeypatch.context() as patched:
        patched.setattr(Progress, "on_save", stop)
        with pytest.raises(KeyboardInterrupt):
            run(config(shards, out, max_pixels=64 * 64))
    assert f"stopped after step 2; go on with: --resume {out} -o {out}" in caplog.text
    run(config(shards, out, max_pixels=64 * 64, resume=out))
    assert "checkpoint-2: no vqatrain.json in it" in caplog.text, "it was not whole yet"
    assert json.loads((out / "config.json").read_text())["resume"].endswith("checkpoint-1")
    assert losses(out) == losses(saved)


def test_without_a_checkpoint_it_says_so(shards: Path, saved: Path, tmp_path: Path) -> None:
    (tmp_path / "trace.jsonl").write_bytes((saved / "trace.jsonl").read_bytes())
    assert "no checkpoint was written; --save-steps" in checkpoints.how_to_go_on(tmp_path, 3)
    with pytest.raises(OptionError, match=r"--resume: .*: no whole checkpoint in it"):
        run(config(shards, tmp_path / "x", resume=tmp_path))


def test_what_a_run_left_behind_is_not_taken(shards: Path, saved: Path) -> None:
    """After going back to step 1 the trace is shorter than the older checkpoints say."""
    trace = saved / "trace.jsonl"
    whole = trace.read_bytes()
    trace.write_bytes(b"".join(whole.splitlines(keepends=True)[:3]))
    try:
        found = checkpoints.chosen(config(shards, saved, resume=saved))
    finally:
        trace.write_bytes(whole)
    assert found.resume == saved / "checkpoints" / "checkpoint-2"
