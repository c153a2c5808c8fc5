"""Every family that is found: builds, labels only the answer, trains, saves, reloads, answers."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import nn

from vqatrain.models import model as models
from vqatrain.models import tuning

models.prepare_libraries()

from vqadata.errors import VqaDataError
from vqatrain.batches.batch import IGNORED, Batcher, special_tokens
from vqatrain.config import DataOptions, TrainConfig
from vqatrain.data import Example, Questions
from vqatrain.models.family import (
    LINEAR_LAYERS,
    Loaded,
    family_named,
    family_names,
    family_of,
    family_of_type,
)
from vqatrain.models.model import load
from vqatrain.pace import Pace
from vqatrain.training import proof
from vqatrain.training.training import arguments

MODEL_TYPES = sorted(kind for name in family_names() for kind in family_named(name).model_types)


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
    assert {"smolvlm", "qwen2_5_vl", "gemma3", "internvl"} <= set(family_names())


def test_family_knows_its_own_model(name: str, loaded: Loaded) -> None:
    assert type(family_of(loaded.model)) is type(family_named(name))


def test_module_names_are_those_of_the_model(loaded: Loaded) -> None:
    family = family_of(loaded.model)
    known = {name for name, _ in loaded.model.named_modules()}
    known |= {name for name, _ in loaded.model.named_parameters()}
    assert {name for names in family.prefixes().values() for name in names} <= known


def test_same_seed_gives_same_weights(name: str) -> None:
    builds = []
    for _ in range(2):
        torch.manual_seed(5)
        builds.append(family_named(name).tiny(["What is it?"]).model.state_dict())
    assert all(torch.equal(builds[0][key], builds[1][key]) for key in builds[0])


def test_labels_are_the_answer_and_its_end(loaded: Loaded, examples: list[Example]) -> None:
    batch = Batcher(loaded)(examples)
    tokenizer = loaded.processor.tokenizer
    for row, example in enumerate(examples):
        text = tokenizer.decode(supervised(batch, row))
        assert text == f"{example.answer}{tokenizer.eos_token}"


def test_labels_are_proved(loaded: Loaded, examples: list[Example]) -> None:
    picture = loaded.model.config.image_token_id
    found = proof.prove(Batcher(loaded), examples, picture)
    assert found.supervised_picture_tokens == 0
    assert found.picture_tokens >= 3 * 16
    assert 0 < found.supervised < found.tokens / 4
    assert found.shown_labels == f"{examples[0].answer}{loaded.processor.tokenizer.eos_token}"
    assert examples[0].question in found.shown
    assert f"{loaded.processor.tokenizer.convert_ids_to_tokens(picture)}*" in found.shown
    assert f"{found.supervised} of {found.tokens} tokens" in proof.say(found)


def test_a_label_on_a_picture_is_a_defect(
    loaded: Loaded, examples: list[Example], monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = loaded.model.config.image_token_id
    monkeypatch.setattr(Batcher, "answer_ids", lambda *_: [200, picture])
    with pytest.raises(VqaDataError, match="3 picture tokens with a label"):
        proof.prove(Batcher(loaded), examples, picture)


def test_a_row_that_a_processor_refuses_is_named(examples: list[Example]) -> None:
    batcher = Batcher(load("tiny:qwen3_vl", torch.float32, ["a"]))
    thin = examples[1]._replace(question_id="thin", pictures=[Image.new("RGB", (900, 2))])
    with pytest.raises(VqaDataError, match="question thin: the model's processor refuses it"):
        batcher([examples[0], thin])


def test_pictures_of_one_batch_may_have_other_numbers_of_tiles(examples: list[Example]) -> None:
    torch.manual_seed(0)
    loaded = load("tiny:perception_lm", torch.float32, ["a"])
    loaded.family.limit_pixels(loaded, 4 * 64 * 64)
    noise = [Image.effect_noise(size, 60).convert("RGB") for size in [(64, 64), (300, 64)]]
    rows = [examples[0]._replace(pictures=pictures) for pictures in (noise[:1], noise)]
    batcher, model = Batcher(loaded), loaded.model.eval()
    with torch.inference_mode():
        alone = [model(**batcher([row])).logits[0] for row in rows]
        together = model(**batcher(rows)).logits
    assert batcher(rows)["pixel_values"].shape == (5 + 5 + 5, 1, 3, 64, 64)
    assert torch.allclose(torch.stack(alone), together, atol=1e-4)


def test_logits_of_answers_alone_give_the_same_loss(
    loaded: Loaded, examples: list[Example]
) -> None:
    batch, model = Batcher(loaded)(examples), loaded.model.eval()
    width = batch["input_ids"].shape[1]
    before = torch.full((len(examples), width - batch["logits_to_keep"]), IGNORED)
    whole = batch | {"labels": torch.cat([before, batch["labels"]], dim=1), "logits_to_keep": 0}
    with torch.inference_mode():
        short, long = model(**batch), model(**whole)
    assert short.logits.shape[1] == batch["logits_to_keep"] < width / 2
    assert long.logits.shape[1] == width
    assert short.loss.item() == pytest.approx(long.loss.item(), rel=1e-6)


def test_training_prompt_equals_the_prompt_of_inference(
    loaded: Loaded, examples: list[Example]
) -> None:
    batcher = Batcher(loaded)
    train, infer = batcher(examples), batcher.prompts(examples)
    length = infer["input_ids"].shape[1]
    assert torch.equal(train["input_ids"][:, :length], infer["input_ids"])
    others = infer.keys() - {"input_ids", "attention_mask", "token_type_ids", "mm_token_type_ids"}
    assert "pixel_values" in others
    assert all(torch.equal(train[key], infer[key]) for key in others)


def attacks(batcher: Batcher) -> st.SearchStrategy[str]:
    """Special tokens, halves of them and words, written one after the other."""
    tokens = sorted(special_tokens(batcher.processor))
    halves = [half for token in tokens for half in (token[: len(token) // 2], token[1:])]
    return st.lists(st.sampled_from([*tokens, *halves, " ", "\n", "cat"]), max_size=6).map("".join)


def special_counts(batcher: Batcher, example: Example) -> dict[int, int]:
    ids = batcher([example])["input_ids"][0].tolist()
    tokens = batcher.processor.tokenizer.convert_tokens_to_ids(
        sorted(special_tokens(batcher.processor))
    )
    return {token: ids.count(token) for token in tokens}


@pytest.mark.parametrize("place", ["question", "answer"])
def test_a_special_token_in_text_stays_text(
    place: str, loaded: Loaded, examples: list[Example]
) -> None:
    batcher = Batcher(loaded, " Say.")
    usual = special_counts(batcher, examples[0])
    assert usual[loaded.model.config.image_token_id] >= 16

    @settings(max_examples=40, deadline=None, derandomize=True)
    @given(attacks(batcher))
    def holds(attack: str) -> None:
        changed = examples[0]._replace(**{place: attack})
        assert special_counts(batcher, changed) == usual

    holds()


def test_a_token_that_cannot_be_broken_is_refused(examples: list[Example]) -> None:
    loaded = load("tiny:smolvlm", torch.float32, ["a"])
    loaded.processor.tokenizer.add_special_tokens({"additional_special_tokens": ["§"]})
    with pytest.raises(VqaDataError, match="question 7: the tokenizer reads §"):
        Batcher(loaded)([Example("7", examples[0].pictures, "What is in § 5?", "tax")])


def test_loss_of_a_row_does_not_depend_on_its_batch(
    loaded: Loaded, examples: list[Example]
) -> None:
    batcher, model = Batcher(loaded), loaded.model.eval()
    with torch.inference_mode():
        alone = [model(**batcher([example])).loss.item() for example in examples]
        sizes = [len(supervised(batcher([example]), 0)) for example in examples]
        together = model(**batcher(examples)).loss.item()
    mean = sum(loss * n for loss, n in zip(alone, sizes, strict=True)) / sum(sizes)
    assert together == pytest.approx(mean, abs=1e-4)


TOWERS = {
    "perception_lm": {
        "vision_config": {
            "model_type": "timm_wrapper", "architecture": "vit_pe_core_large_patch14_336",
            "model_args": {"embed_dim": 1024},
        }
    }
}  # fmt: skip
"""What a model of no configuration would have no tower for."""


def full_size(model_type: str) -> Any:
    """A model of the sizes that its configuration has by default, without weights."""
    from transformers import AutoConfig, AutoModelForImageTextToText

    config = AutoConfig.for_model(model_type, **TOWERS.get(model_type, {}))
    with torch.device("meta"):
        return AutoModelForImageTextToText.from_config(config)


@pytest.mark.parametrize("model_type", MODEL_TYPES)
def test_names_hold_for_every_model_type(model_type: str) -> None:
    model, family = full_size(model_type), family_of_type(model_type)
    names = [name for name, _ in model.named_modules()]
    parameters = [name for name, _ in model.named_parameters()]
    starts = [name for part in family.prefixes().values() for name in part]
    optional = {"model.image_newline"} - set(parameters)
    assert set(starts) - optional <= {*names, *parameters}
    sizes = Counter(family.part_of(name) for name in parameters)
    assert min(sizes["vision"], sizes["projector"]) > 0
    assert sizes["language"] > sizes["projector"]
    linear = [name for name, module in model.named_modules() if isinstance(module, nn.Linear)]
    hit = [name for name in linear if re.fullmatch(family.lora_targets(), name)]
    assert {family.part_of(name) for name in hit} == {"language"}
    assert not any(".experts." in name for name in hit)  # DDP would wait for one that is idle
    left = {name.rpartition(".")[2] for name in linear
            if family.part_of(name) == "language"} - set(LINEAR_LAYERS)  # fmt: skip
    assert left <= {"gate"}  # the router of experts


def test_a_tiny_model_sees_the_picture(loaded: Loaded, examples: list[Example]) -> None:
    model, other = loaded.model.eval(), examples[2].pictures
    batches = [Batcher(loaded)([e]) for e in (examples[0], examples[0]._replace(pictures=other))]
    with torch.inference_mode():
        logits = [model(**batch).logits[0, 0] for batch in batches]
    assert (logits[0] - logits[1]).abs().max() > 0.05


@pytest.mark.parametrize("pictures", [True, False])
def test_every_adapter_has_a_gradient(
    pictures: bool, loaded: Loaded, examples: list[Example]
) -> None:
    """So DDP need not look for those without one."""
    config = TrainConfig(shards=Path(), model="tiny:any")
    assert arguments(config, Pace(1, 1, 2))["ddp_find_unused_parameters"] is False
    rows = examples if pictures else [example._replace(pictures=[]) for example in examples]
    model = tuning.prepare(loaded.model, config)
    model(**Batcher(loaded).seeing(rows)).loss.backward()
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    assert trained
    assert all(weight.grad is not None for weight in trained)


@pytest.mark.parametrize("options", [{"tuning": "full"}, {"lora_targets": ".*proj"}])
def test_weights_that_may_lack_a_gradient_are_looked_for(options: dict[str, Any]) -> None:
    config = TrainConfig(shards=Path(), model="tiny:any", **options)
    assert arguments(config, Pace(1, 1, 2))["ddp_find_unused_parameters"] is None


def test_saved_model_is_the_same_model(
    loaded: Loaded, examples: list[Example], tmp_path: Path
) -> None:
    loaded.model.save_pretrained(tmp_path)
    loaded.processor.save_pretrained(tmp_path)
    again = load(str(tmp_path), torch.float32)
    first, second = Batcher(loaded)(examples), Batcher(again)(examples)
    assert first.pop("logits_to_keep") == second.pop("logits_to_keep")
    assert torch.equal(first.pop("labels"), second.pop("labels"))
    assert all(torch.equal(first[key], second[key]) for key in first)
    with torch.inference_mode():
        outputs = [m.eval()(**first, logits_to_keep=0).logits for m in (loaded.model, again.model)]
    assert torch.equal(outputs[0], outputs[1])
