"""Preference training: pairs with pictures, every family, and how the model answers afterwards."""

from __future__ import annotations

import itertools
import json
import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.conftest import encoded
from tests.vqatrain.conftest import COLOURS
from tests.vqatrain.test_training import answers, losses
from vqadata import convert
from vqadata.errors import OptionError, VqaDataError
from vqadata.sources.messages import Messages
from vqatrain import DpoConfig, MergeConfig, dpo, merge, plan
from vqatrain.batches.batch import IGNORED, Batcher
from vqatrain.batches.layout import Layout
from vqatrain.batches.packing import PLACES
from vqatrain.batches.pair_batch import PairBatcher, see_blanks
from vqatrain.config import DataOptions
from vqatrain.data import Example, Questions, keep_pairs
from vqatrain.models import model as models
from vqatrain.models.family import family_names
from vqatrain.scoring import habit
from vqatrain.scoring.habit import Habit
from vqatrain.training import training


def conversation(number: int) -> dict[str, Any]:
    """A question about a picture with a right and, but for every fifth, a wrong answer."""
    colour, other = COLOURS[number % 4], COLOURS[(number + 1) % 4]
    asked = {"role": "user", "content": f"<image>What colour is part {number}?"}
    said = {"role": "assistant", "content": colour}
    worse = {} if number % 5 == 4 else {"rejected_response": other}
    return {"messages": [asked, said], "images": [f"{number % 4}.png"], **worse}


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """20 questions, 16 of them with a rejected answer."""
    folder = tmp_path_factory.mktemp("pairs")
    for number, colour in enumerate(COLOURS):
        (folder / f"{number}.png").write_bytes(encoded(colour, (64, 64 - number)))
    lines = "".join(json.dumps(conversation(number)) + "\n" for number in range(20))
    (folder / "pairs.jsonl").write_text(lines)
    convert(Messages(data=[folder / "pairs.jsonl"], split="test"), folder / "shards")
    return folder / "shards"


def config(pairs: Path, out: Path, **options: Any) -> DpoConfig:
    given = {
        "model": "tiny:smolvlm", "batch_size": 8, "max_steps": 6, "warmup_steps": 1, "threads": 1,
        "logging_steps": 1, "report_to": "none", "learning_rate": 5e-3, "asked_rows": 4,
    }  # fmt: skip
    return DpoConfig(**({"shards": pairs, "out": out} | given | options))


@pytest.mark.slow
@pytest.mark.parametrize("family", family_names())
def test_it_learns_to_prefer(family: str, pairs: Path, tmp_path: Path) -> None:
    out = dpo(config(pairs, tmp_path / "run", model=f"tiny:{family}"))
    course = losses(out)
    assert course[0] == pytest.approx(0.6931, abs=1e-3)
    assert course[-1] < 0.5
    record = json.loads((out / "run.json").read_text())
    assert record["rows_without_pair"] == 4
    assert record["answers"]["before"]["rows"] == record["answers"]["after"]["rows"] == 4
    assert not (out / "adapter" / "ref").exists()
    given = answers(pairs, out, tmp_path / "answers")
    assert merge(MergeConfig(model=str(out), out=tmp_path / "merged")).difference.logits < 1e-4
    assert answers(pairs, tmp_path / "merged", tmp_path / "again") == given


@pytest.mark.slow
@pytest.mark.parametrize("tuning", ["full", "qlora"])
def test_every_tuning_learns_to_prefer(tuning: str, pairs: Path, tmp_path: Path) -> None:
    rate = {"full": 5e-4, "qlora": 5e-3}[tuning]
    options = {"tuning": tuning, "learning_rate": rate, "model": "tiny:qwen2_5_vl"}
    course = losses(dpo(config(pairs, tmp_path / "run", **options)))
    assert course[0] == pytest.approx(0.6931, abs=1e-3)
    assert course[-1] < 0.6


@pytest.mark.slow
@pytest.mark.parametrize("tuning", ["full", "lora", "qlora"])
def test_resumed_preferences_go_on_as_if_never_stopped(
    tuning: str, pairs: Path, tmp_path: Path
) -> None:
    options = {
        "tuning": tuning, "max_steps": 4, "save_steps": 1, "lora_dropout": 0.1, "batch_size": 3,
        "gradient_accumulation": 2, "learning_rate": 1e-3,
    }  # fmt: skip
    straight = dpo(config(pairs, tmp_path / "straight", **options, workers=2))
    for step in (1, 3):
        checkpoint = straight / "checkpoints" / f"checkpoint-{step}"
        resumed = dpo(config(pairs, tmp_path / str(step), **options, resume=checkpoint))
        assert losses(resumed) == losses(straight)[step:]
        assert (resumed / "trace.jsonl").read_bytes() == (straight / "trace.jsonl").read_bytes()
        answered = [
            json.loads((f / "run.json").read_text())["answers"] for f in (straight, resumed)
        ]
        assert answered[0] == answered[1]


def test_pairs_are_the_rows_with_a_worse_answer(pairs: Path) -> None:
    questions = Questions(DataOptions(shards=pairs))
    assert keep_pairs(questions) == 4
    examples = [questions.example(row) for row in range(len(questions))]
    assert len(examples) == 16
    assert all(e.rejected in COLOURS and e.rejected != e.answer for e in examples)


def test_data_without_pairs_is_refused(shards: Path, tmp_path: Path) -> None:
    with pytest.raises(VqaDataError, match="32 rows, none with a rejected answer"):
        dpo(config(shards, tmp_path / "run"))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("family", family_names())
def test_a_pair_differs_in_the_answer_alone(family: str, pairs: Path) -> None:
    questions = Questions(DataOptions(shards=pairs))
    keep_pairs(questions)
    examples = [questions.example(row) for row in (0, 5)]
    loaded = models.load(f"tiny:{family}", torch.float32, questions.texts())
    batch = PairBatcher(Batcher(loaded))(examples)
    ids, mask = batch["input_ids"], batch["completion_mask"].bool()
    assert len(ids) == 4
    said = [loaded.processor.tokenizer.decode(row[on]) for row, on in zip(ids, mask, strict=True)]
    end = loaded.processor.tokenizer.eos_token
    expected = [e.answer for e in examples] + [e.rejected for e in examples]
    assert said == [f"{answer}{end}" for answer in expected]
    assert torch.equal(ids[:2][~mask[:2] & ~mask[2:]], ids[2:][~mask[:2] & ~mask[2:]])
    half = batch["pixel_values"].shape[0] // 2
    assert torch.equal(batch["pixel_values"][:half], batch["pixel_values"][half:])


@pytest.mark.parametrize("family", family_names())
def test_a_blank_picture_changes_nothing_of_pairs(family: str) -> None:
    from trl.trainer.utils import add_fused_lm_head

    asked = Example("1", [], "Who is there?", "me", rejected="a cat")
    loaded = models.load(f"tiny:{family}", torch.float32, ["who is there me a cat"])
    model, batcher = loaded.model.eval(), Batcher(loaded)
    add_fused_lm_head(model)
    see_blanks(model)

    def said(batch: dict[str, Any]) -> Any:
        mask = batch.pop("completion_mask")
        labels = batch["input_ids"].masked_fill(mask == 0, IGNORED)
        return model(**batch, labels=labels, fused_lm_head=True).log_probs.sum(1)

    batch = PairBatcher(batcher)([asked])
    assert len(batch["input_ids"]) == 2
    found = said(batch)
    assert found.shape == (2,)
    found.sum().backward()
    towers = [w for n, w in model.named_parameters() if ".patch_embed" in n or "projector" in n]
    assert all(weight.grad is not None for weight in towers)
    if family != "paligemma":  # its processor wants a picture
        alone = batcher([asked, asked._replace(answer=asked.rejected)])
        width, labels = alone.pop("logits_to_keep"), alone.pop("labels")
        mask = torch.zeros_like(alone["input_ids"])
        mask[:, -width:] = (labels != IGNORED).long()
        assert torch.allclose(found, said(alone | {"completion_mask": mask}), atol=1e-4)


@pytest.mark.parametrize(
    ("answer", "answered"),
    [
        ("two dogs", 1), ("no", 1), ("I know it: red", 1), ("sorry sight", 1), ("", 0),
        ("I'm sorry, I can't tell.", 0), ("Unanswerable", 0), ("It cannot be determined.", 0),
        ("I don't know", 0), ("As an AI, I see nothing", 0),
    ],
)  # fmt: skip
def test_refusals_are_told_from_answers(answer: str, answered: int) -> None:
    assert habit.count([answer]).answered == answered


@pytest.mark.parametrize(
    ("after", "level"),
    [
        (Habit(rows=10, answered=1.0, refused=0.0, mean_words=2.0), "INFO"),
        (Habit(rows=10, answered=0.7, refused=0.3, mean_words=2.0), "WARNING"),
        (Habit(rows=10, answered=1.0, refused=0.0, mean_words=9.0), "WARNING"),
    ],
)
def test_a_model_that_stops_committing_is_warned_of(
    after: Habit, level: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "vqatrain")
    habit.warn(Habit(rows=10, answered=0.9, refused=0.1, mean_words=2.0), after)
    assert [record.levelname for record in caplog.records] == [level]


def test_what_trl_does_not_train_is_refused(pairs: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"vqatrain dpo: TRL says: .*lm_head"):
        dpo(config(pairs, tmp_path / "run", lora_targets=".*lm_head"))
    assert not (tmp_path / "run").exists()


def test_unknown_loss_is_refused(pairs: Path) -> None:
    from vqadata.groundwork.flags import build

    with pytest.raises(OptionError, match="--loss"):
        build(DpoConfig, {"shards": pairs, "model": "x", "loss": "none"})


class MeasuredError(Exception):
    """Memory was measured; there is no need to train."""


def peak(work: Callable[[], Any]) -> int:
    """Most bytes that torch had at a time, beyond those before."""
    cpu = [torch.profiler.ProfilerActivity.CPU]
    with torch.profiler.profile(activities=cpu, profile_memory=True) as watched:
        work()
    events = [e for e in watched.profiler.kineto_results.events() if e.name() == "[memory]"]
    sizes = [event.nbytes() for event in sorted(events, key=lambda event: event.start_ns())]
    return int(max(itertools.accumulate(sizes)))


def measure(trainer: Any, batch: dict[str, Any]) -> dict[str, int]:
    """Bytes of the weights, of what autograd keeps, and of all at the peak of a step."""
    models = [model for model in (trainer.model, trainer.ref_model) if model is not None]
    own = {
        weight.untyped_storage()._cdata: weight.untyped_storage().nbytes()
        for model in models
        for weight in model.parameters()
    }
    kept: dict[int, torch.UntypedStorage] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in own:
            kept[storage._cdata] = storage
        return tensor

    trainer.model.train()
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        trainer.compute_loss(trainer.model, dict(batch))
    activations = sum(storage.nbytes() for storage in kept.values())
    kept.clear()
    beyond = peak(lambda: trainer.compute_loss(trainer.model, dict(batch)).backward())
    weights = sum(own.values())
    return {"weights": weights, "activations": activations, "peak": weights + beyond}


@pytest.mark.slow
@pytest.mark.parametrize("tuning", ["full", "lora", "qlora"])
def test_the_plan_is_what_a_step_takes(
    tuning: str, pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frozen = ["vision", "projector"] if tuning == "full" else []
    options = {"tuning": tuning, "freeze": frozen, "model": "tiny:qwen2_5_vl", "max_steps": 1}
    run = config(pairs, tmp_path / "run", **options)
    real: dict[str, int] = {}

    def stop(trainer: Any, run: DpoConfig, folder: Path, layout: Layout, _: Any) -> None:
        batch = trainer.data_collator([layout.schedule[place] for place in range(8)])
        batch.pop(PLACES)
        real.update(measure(trainer, batch))
        raise MeasuredError

    monkeypatch.setattr(training, "train", stop)
    with pytest.raises(MeasuredError):
        dpo(run)
    found = plan(run)
    assert (found.rows, found.largest.rows) == (16, 16)
    memory = found.memory
    assert memory.weights + memory.reference == pytest.approx(real["weights"], rel=5e-3)
    assert memory.reference == (memory.weights if tuning == "full" else memory.gradients)
    assert memory.activations == pytest.approx(real["activations"], rel=0.05)
    assert memory.total - memory.optimiser == pytest.approx(real["peak"], rel=0.05)


def test_the_command_plans_pairs(pairs: Path, run_cli: Callable[..., Any]) -> None:
    words = ["plan", pairs, "--model", "tiny:smolvlm", "--tuning", "full"]
    run, dpo = (run_cli(*words, *more, program="vqatrain").stdout for more in ([], ["--dpo"]))
    assert "20 rows" in run
    assert "reference" not in run
    assert "16 rows, 16 examples" in dpo
    assert re.search(r"weights ([\d.]+ MB), reference \1, gradients \1", dpo)
