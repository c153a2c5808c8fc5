"""Every family that is found: builds, labels only the answer, trains, saves, reloads, answers."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from vqatrain import torchvision_cpu

torchvision_cpu.prepare()

from vqatrain.batch import IGNORED, Batcher
from vqatrain.config import DataOptions
from vqatrain.data import Example, Questions
from vqatrain.family import Loaded, family_named, family_names, family_of
from vqatrain.model import load


@pytest.fixture(params=family_names())
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def loaded(name: str, shards: Path) -> Loaded:
    torch.manual_seed(0)
    return load(f"tiny:{name}", torch.float32, Questions(DataOptions(shards=shards)).texts())


@pytest.fixture
def examples(shards: Path) -> list[Example]:
    rows = Questions(DataOptions(shards=shards))
    return [rows.example(row) for row in (0, 9, 13)]


def supervised(batch: dict[str, torch.Tensor], row: int) -> torch.Tensor:
    labels = batch["labels"][row]
    return labels[labels != IGNORED]


def test_there_are_families() -> None:
    assert {"smolvlm", "qwen2_5_vl"} <= set(family_names())


def test_family_knows_its_own_model(name: str, loaded: Loaded) -> None:
    assert type(family_of(loaded.model)) is type(family_named(name))


def test_module_names_are_those_of_the_model(loaded: Loaded) -> None:
    family = family_of(loaded.model)
    modules = dict(loaded.model.named_modules())
    assert {family.vision_tower, family.projector, family.language_model} <= set(modules)


def test_same_seed_gives_same_weights(name: str) -> None:
    builds = []
    for _ in range(2):
        torch.manual_seed(5)
        builds.append(family_named(name).tiny(["What is it?"]).model.state_dict())
    assert all(torch.equal(builds[0][key], builds[1][key]) for key in builds[0])


def test_labels_are_the_answer_and_its_end(loaded: Loaded, examples: list[Example]) -> None:
    batch = Batcher(loaded.processor)(examples)
    tokenizer = loaded.processor.tokenizer
    for row, example in enumerate(examples):
        text = tokenizer.decode(supervised(batch, row))
        assert text == f"{example.answer}{tokenizer.eos_token}"


def test_no_picture_token_carries_a_label(loaded: Loaded, examples: list[Example]) -> None:
    batch = Batcher(loaded.processor)(examples)
    pictures = batch["input_ids"] == loaded.model.config.image_token_id
    assert pictures.any()
    assert (batch["labels"][pictures] == IGNORED).all()


def test_training_prompt_equals_the_prompt_of_inference(
    loaded: Loaded, examples: list[Example]
) -> None:
    batcher = Batcher(loaded.processor)
    train, infer = batcher(examples), batcher.prompts(examples)
    length = infer["input_ids"].shape[1]
    assert torch.equal(train["input_ids"][:, :length], infer["input_ids"])
    assert torch.equal(train["pixel_values"], infer["pixel_values"])


@pytest.mark.parametrize("place", ["question", "answer"])
def test_a_special_token_in_text_stays_text(
    place: str, loaded: Loaded, examples: list[Example]
) -> None:
    special = loaded.processor.tokenizer.added_tokens_decoder.values()
    hostile = " ".join(str(token) for token in special)
    changed = [example._replace(**{place: f"Is {hostile} there?"}) for example in examples]
    batcher = Batcher(loaded.processor)
    plain, attacked = batcher(examples), batcher(changed)
    ends = {loaded.processor.tokenizer.eos_token_id, loaded.model.config.image_token_id}
    for token in ends:
        counts = [(b["input_ids"][0] == token).sum() for b in (plain, attacked)]
        assert counts[0] == counts[1]


def test_loss_of_a_row_does_not_depend_on_its_batch(
    loaded: Loaded, examples: list[Example]
) -> None:
    batcher, model = Batcher(loaded.processor), loaded.model.eval()
    with torch.inference_mode():
        alone = [model(**batcher([example])).loss.item() for example in examples]
        sizes = [len(supervised(batcher([example]), 0)) for example in examples]
        together = model(**batcher(examples)).loss.item()
    mean = sum(loss * n for loss, n in zip(alone, sizes, strict=True)) / sum(sizes)
    assert together == pytest.approx(mean, abs=1e-4)


def test_lora_targets_touch_the_language_model_only(loaded: Loaded) -> None:
    import re

    family = family_of(loaded.model)
    hit = [n for n, _ in loaded.model.named_modules() if re.fullmatch(family.lora_targets(), n)]
    assert len(hit) == 2 * 7
    assert all(family.language_model in module for module in hit)


def test_saved_model_is_the_same_model(
    loaded: Loaded, examples: list[Example], tmp_path: Path
) -> None:
    loaded.model.save_pretrained(tmp_path)
    loaded.processor.save_pretrained(tmp_path)
    again = load(str(tmp_path), torch.float32)
    first, second = Batcher(loaded.processor)(examples), Batcher(again.processor)(examples)
    assert all(torch.equal(first[key], second[key]) for key in first)
    with torch.inference_mode():
        outputs = [m.eval()(**first).logits for m in (loaded.model, again.model)]
    assert torch.equal(outputs[0], outputs[1])
