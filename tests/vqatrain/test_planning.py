"""The plan: its token counts are the processor's, its memory is arithmetic that is known."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from tests.vqatrain.test_contract import built
from tests.vqatrain.test_training import config
from vqadata.engine.hiring import EngineOptions
from vqatrain import TrainConfig, plan
from vqatrain.batches import contract, lengths
from vqatrain.batches.batch import Batcher
from vqatrain.batches.lengths import Ruler
from vqatrain.config import PictureOptions
from vqatrain.data import Example
from vqatrain.models import model as models
from vqatrain.models.family import family_names

WORDS = [
    "what",
    "is",
    "the\ncolour",
    "of",
    "",
    "cat?",
    "<image>",
    "é",
    "犬",
    "\n\nhow",
    "many",
    "12,5",
]


def mixed_rows(count: int, pictures: int) -> list[Example]:
    """Rows with pictures of mixed sizes, from tiny to wide."""
    draw = random.Random(7)
    rows = []
    for number in range(count):
        sizes = [(draw.randint(20, 400), draw.randint(20, 300)) for _ in range(pictures)]
        text = " ".join(draw.choices(WORDS, k=draw.randint(1, 12)))
        shown = [Image.new("RGB", size, "red") for size in sizes]
        rows.append(Example(str(number), shown, text, draw.choice(WORDS)))
    return rows


@pytest.mark.parametrize("pictures", [1, 2])
@pytest.mark.parametrize("family", family_names())
def test_counts_are_those_of_the_processor(family: str, pictures: int) -> None:
    loaded = built(family)
    contract.settle(loaded, PictureOptions(max_pixels=4 * 64 * 64), "")
    batcher, rows = Batcher(loaded, " Say."), mixed_rows(40, pictures)
    sizes = [tuple(picture.size for picture in row.pictures) for row in rows]
    blanks = [row._replace(pictures=[None] * pictures) for row in rows]  # type: ignore[list-item]
    found = list(Ruler(batcher).lengths(zip(blanks, sizes, strict=True)))
    for row, length in zip(rows, found, strict=True):
        batch = batcher([row])
        assert length.total == batch["input_ids"].shape[1]
        assert length.answer == batch["logits_to_keep"] - 1


def test_padding_is_that_of_the_batches(shards: Path) -> None:
    from vqatrain import order
    from vqatrain.data import Questions

    options = config(shards, Path("unused"), batch_size=5, max_steps=3, split=None)
    found = plan(options)
    questions = Questions(options)
    batcher = Batcher(models.outline("tiny:smolvlm", questions.texts()))
    rows = order.whole(None, len(questions), 15, options.seed)
    masks = [
        batcher([questions.example(row) for row in rows[start : start + 5].tolist()])[
            "attention_mask"
        ]
        for start in (0, 5, 10)
    ]
    padding = sum(int((mask == 0).sum()) for mask in masks) / sum(mask.numel() for mask in masks)
    assert found.filled == pytest.approx(1 - padding)
    assert (found.rows, found.steps, found.examples, found.too_long) == (32, 3, 15, [])
    assert found.longest[0].tokens == found.tokens.most


@pytest.mark.parametrize("family", ["smolvlm", "qwen2_5_vl"])
def test_the_plan_knows_nothing_of_the_workers(
    family: str, shards: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lengths, "ROWS", 7)
    options = config(shards, Path("unused"), model=f"tiny:{family}")
    alone = plan(options).model_dump(exclude={"seconds"})
    for kind in ("processes", "threads"):
        engine = EngineOptions(workers=2, worker_kind=kind)
        assert plan(options, engine=engine).model_dump(exclude={"seconds"}) == alone


@pytest.mark.slow
def test_a_cluster_counts_the_same(shards: Path, run_cli: Callable[..., Any]) -> None:
    pytest.importorskip("ray")
    words = ("plan", shards, "--model", "tiny:smolvlm", "--json")
    alone, ray = (
        json.loads(run_cli(*words, *more, program="vqatrain").stdout)
        for more in ((), ("--engine", "ray", "--workers", "2"))
    )
    assert alone | {"seconds": 0} == ray | {"seconds": 0}


def test_rows_that_do_not_fit_are_named(
    shards: Path, tmp_path: Path, run_cli: Callable[..., Any]
) -> None:
    torch.manual_seed(0)
    loaded = models.load("tiny:smolvlm", torch.float32, ["what colour is part?"])
    loaded.model.config.text_config.max_position_embeddings = 30
    models.save(loaded, tmp_path / "short")
    done = run_cli("plan", shards, "--model", tmp_path / "short", program="vqatrain")
    assert done.returncode == 2
    assert "rows: 32 of 32 rows have more than 30 tokens: " in done.stderr


SEVEN_BILLION = {
    "text_config": {
        "hidden_size": 3584, "intermediate_size": 18944, "num_hidden_layers": 28,
        "num_attention_heads": 28, "num_key_value_heads": 4, "vocab_size": 152064,
    },
    "vision_config": {
        "depth": 32, "hidden_size": 1280, "intermediate_size": 3420, "num_heads": 16,
        "out_hidden_size": 3584,
    },
}  # fmt: skip


def test_memory_of_seven_billion_parameters(shards: Path, tmp_path: Path) -> None:
    from transformers import Qwen2_5_VLConfig

    models.save(models.load("tiny:qwen2_5_vl", torch.float32, ["what?"]), tmp_path)
    tokens = json.loads((tmp_path / "config.json").read_text())
    named = {name: value for name, value in tokens.items() if name.endswith("_token_id")}
    Qwen2_5_VLConfig(**SEVEN_BILLION, tie_word_embeddings=False, **named).save_pretrained(tmp_path)
    options = {"shards": shards, "model": str(tmp_path), "precision": "bf16", "batch_size": 1}
    lora = plan(TrainConfig(tuning="lora", **options)).memory
    four = plan(TrainConfig(tuning="qlora", **options)).memory
    both = plan(
        TrainConfig(tuning="qlora", quantise=["language", "vision", "projector"], **options)
    ).memory
    adapters = 4 * 40.37e6
    assert lora.weights == pytest.approx(16.584e9 + adapters, rel=2e-3)
    assert four.weights == pytest.approx(6.90e9 + adapters, rel=5e-3)
    assert both.weights == pytest.approx(5.90e9 + adapters, rel=5e-3)
    assert lora.gradients == pytest.approx(adapters, rel=2e-3)
    assert lora.optimiser == 2 * lora.gradients


def test_processes_share_what_the_preset_says(shards: Path) -> None:
    def planned(**options: Any) -> Any:
        return plan(config(shards, Path("unused"), tuning="full", **options), processes=8)

    alone, shared = planned().memory, planned(distributed="zero3").memory
    parts = ("weights", "gradients", "optimiser")
    for part in parts:
        assert getattr(shared, part) == pytest.approx(getattr(alone, part) / 8, abs=1)
    two = planned(distributed="zero2_offload").memory
    assert (two.weights, two.optimiser) == (alone.weights, 0)
    kept = planned(gradient_checkpointing=True)
    borders = 2 * 4 * 96 * kept.largest.tokens * kept.largest.rows
    assert kept.memory.activations == borders + alone.activations // 2


def test_activations_are_what_autograd_keeps(shards: Path) -> None:
    """The plan's language model runs on its own; here the whole model runs on a real batch."""
    from vqatrain.data import Questions

    options = config(shards, Path("unused"), tuning="full", batch_size=4, max_steps=1, split=None)
    found = plan(options)
    assert found.largest.rows == 4
    questions = Questions(options)
    loaded = models.load("tiny:smolvlm", torch.float32, questions.texts())
    batch = Batcher(loaded)([questions.example(row) for row in range(4)])
    kept: dict[int, torch.UntypedStorage] = {}
    own = {weight.untyped_storage()._cdata for weight in loaded.model.parameters()}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in own:
            kept[storage._cdata] = storage
        return tensor

    for part in (loaded.model.model.vision_model, loaded.model.model.connector):
        part.requires_grad_(False)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        loaded.model.train()(**batch)
    real = sum(storage.nbytes() for storage in kept.values())
    tokens = batch["input_ids"].numel() / (4 * found.largest.tokens)
    assert found.memory.activations * tokens == pytest.approx(real, rel=0.25)


def test_what_does_not_fit_is_refused(shards: Path, run_cli: Callable[..., Any]) -> None:
    words = ["plan", shards, "--model", "tiny:smolvlm", "--device-gb", 0.001]
    done = run_cli(*words, program="vqatrain")
    assert done.returncode == 1
    assert "of 1.00 MB: does not fit" in done.stdout
