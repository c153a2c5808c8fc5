"""The trace of a run: rows by step, steps by row, over a resume; nothing is changed unseen."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.vqatrain.test_training import config
from vqadata.errors import OptionError, VqaDataError
from vqatrain import run
from vqatrain.data import Questions
from vqatrain.training.trace import FILE, look_up

OPTIONS: dict[str, Any] = {"max_steps": 4, "save_steps": 2, "batch_size": 3}


@pytest.fixture(scope="module")
def traced(shards: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run(config(shards, tmp_path_factory.mktemp("traced") / "run", **OPTIONS))


def test_rows_and_steps_answer_each_other(shards: Path, traced: Path) -> None:
    ids = set(Questions(config(shards, traced, **OPTIONS)).table["question_id"])
    rows = {step: look_up(traced, step=step).found for step in range(1, 5)}
    assert all(len(found) == 3 for found in rows.values())
    for row in sorted(ids):
        assert look_up(traced, row=row).found == [s for s in rows if row in rows[s]]
    assert (look_up(traced).steps, look_up(traced).examples) == (4, 12)
    record = json.loads((traced / "run.json").read_text())
    assert record["trace"] == look_up(traced).chain


def test_command_lists_rows_and_steps(traced: Path, run_cli: Callable[..., Any]) -> None:
    first = run_cli("trace", traced, "--step", 1, program="vqatrain").stdout.split()
    assert first == look_up(traced, step=1).found
    assert "1" in run_cli("trace", traced, "--row", first[0], program="vqatrain").stdout.split()
    assert "4 steps, 12 examples" in run_cli("trace", traced, program="vqatrain").stdout


def test_a_run_that_goes_on_keeps_the_steps_before(
    shards: Path, traced: Path, tmp_path: Path
) -> None:
    checkpoint = traced / "checkpoints" / "checkpoint-2"
    resumed = run(config(shards, tmp_path / "run", **OPTIONS, resume=checkpoint))
    assert (resumed / FILE).read_text() == (traced / FILE).read_text()


def test_a_run_goes_on_in_its_own_folder_alone(shards: Path, traced: Path, tmp_path: Path) -> None:
    own = tmp_path / "own"
    shutil.copytree(traced, own)
    checkpoint = own / "checkpoints" / "checkpoint-2"
    (tmp_path / "other").mkdir()
    with pytest.raises(OptionError, match=r"--out: .*other: a run that did not finish, or other"):
        run(config(shards, tmp_path / "other", **OPTIONS, resume=checkpoint))
    with (own / "log.jsonl").open("a") as log:
        log.write('{"step": 5, "lo')
    longer = config(shards, own, **(OPTIONS | {"max_steps": 5}), resume=checkpoint)
    steps = [json.loads(line)["step"] for line in (run(longer) / "log.jsonl").open()]
    assert steps == [1, 2, 3, 4, 5, 5]
    assert look_up(own).steps == 5


def test_a_run_without_steps_left_says_so(
    shards: Path, traced: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def again(steps: int) -> Path:
        options = OPTIONS | {"max_steps": steps, "resume": traced / "checkpoints/checkpoint-2"}
        return run(config(shards, tmp_path / "run", **options))

    with pytest.raises(
        OptionError,
        match=r"--resume: .*-2: step 2 of 1; nothing is left to train; expected .* Raise --max-st",
    ):
        again(1)
    assert not (tmp_path / "run").exists()
    saved = again(2) / "adapter" / "adapter_model.safetensors"
    assert "step 2 of 2; nothing is left to train, its model is saved as it is" in caplog.text
    checkpoint = traced / "checkpoints" / "checkpoint-2" / saved.name
    assert saved.read_bytes() == checkpoint.read_bytes()
    assert look_up(tmp_path / "run").steps == 2


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"seed": 1}, "step 1 of the run had other rows"),
        ({"where": "answer <> 'red'"}, "other rows"),
    ],
)
def test_another_order_is_refused(
    options: dict[str, Any], said: str, shards: Path, traced: Path, tmp_path: Path
) -> None:
    checkpoint = traced / "checkpoints" / "checkpoint-2"
    with pytest.raises(VqaDataError, match=said):
        run(config(shards, tmp_path / "run", **(OPTIONS | options), resume=checkpoint))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"learning_rate": 5e-3}, "the run began with learning-rate 0.0001, not 0.005"),
        ({"tuning": "full"}, "the run began with tuning lora, not full"),
        ({"freeze": ["vision"]}, "the run began with freeze"),
    ],
)
def test_what_the_checkpoint_would_keep_is_not_taken_otherwise(
    options: dict[str, Any], said: str, shards: Path, traced: Path, tmp_path: Path
) -> None:
    checkpoint = traced / "checkpoints" / "checkpoint-2"
    with pytest.raises(OptionError, match=said):
        run(config(shards, tmp_path / "run", **(OPTIONS | options), resume=checkpoint))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("file", ["optimizer.pt", "rng_state.pth", "trainer_state.json"])
def test_a_checkpoint_that_is_not_whole_is_refused(
    file: str, shards: Path, traced: Path, tmp_path: Path
) -> None:
    shutil.copytree(traced, tmp_path / "copy")
    checkpoint = tmp_path / "copy" / "checkpoints" / "checkpoint-2"
    (checkpoint / file).write_bytes((checkpoint / file).read_bytes()[:-9])
    again = config(shards, tmp_path / "run", **OPTIONS, resume=checkpoint)
    with pytest.raises(VqaDataError, match=rf"{file}: [\d,]+ bytes; expected [\d,]+ bytes"):
        run(again)
    (checkpoint / file).unlink()
    with pytest.raises(VqaDataError, match=f"{file}: no such file"):
        run(again)


def test_a_folder_that_is_no_checkpoint_is_refused(shards: Path, tmp_path: Path) -> None:
    with pytest.raises(VqaDataError, match=r"no vqatrain\.json in it"):
        run(config(shards, tmp_path / "run", **OPTIONS, resume=tmp_path))


@pytest.mark.parametrize("change", ["row", "gap", "end", "ids", "swapped"])
def test_what_was_changed_is_seen(change: str, traced: Path, tmp_path: Path) -> None:
    lines = (traced / FILE).read_text().splitlines(keepends=True)
    changed = {
        "row": [*lines[:2], lines[2].replace('"rows":[', '"rows":[7,'), *lines[3:]],
        "gap": [*lines[:2], *lines[3:]],
        "end": lines[:-1],
        "swapped": [*lines[:2], lines[3], lines[2], *lines[4:]],
    }.get(change, lines)
    (tmp_path / FILE).write_text("".join(changed))
    ids = (traced / "rows.parquet").read_bytes()
    (tmp_path / "rows.parquet").write_bytes(ids + (b"!" if change == "ids" else b""))
    (tmp_path / "run.json").write_bytes((traced / "run.json").read_bytes())
    with pytest.raises(VqaDataError, match=r"does not follow|ends otherwise|it was changed"):
        look_up(tmp_path)


def test_what_is_not_there_is_told(traced: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="--step: 9; expected a step from 1 to 4"):
        look_up(traced, step=9)
    with pytest.raises(OptionError, match="--row: cat: not among the 16 rows"):
        look_up(traced, row="cat")
    with pytest.raises(VqaDataError, match="no such file"):
        look_up(tmp_path)


def test_memory_that_runs_out_names_the_rows(
    shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch
    from transformers import Trainer

    def fail(*_: Any, **__: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(Trainer, "compute_loss", fail)
    with pytest.raises(VqaDataError, match=r"step 1, question \d+, \d+, \d+: memory ran out; 3 r"):
        run(config(shards, tmp_path / "run", **OPTIONS))
