"""Vision towers before language models that they never met."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from tests.vqatrain.test_training import config
from vqatrain.models import model as models

models.prepare_libraries()

from transformers import (
    AutoConfig,
    AutoImageProcessor,
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForImageTextToText,
    AutoProcessor,
    BitImageProcessor,
    CLIPImageProcessor,
    SiglipImageProcessor,
)

from vqadata.errors import MissingExtraError, OptionError
from vqatrain import EvalConfig, MergeConfig, TrainConfig, evaluate, merge, plan, run
from vqatrain.batches.batch import Batcher
from vqatrain.composing import compose
from vqatrain.config import DataOptions
from vqatrain.data import Example, Questions
from vqatrain.families.perception_lm import tiny_tower
from vqatrain.models import tiny
from vqatrain.models.family import Loaded
from vqatrain.models.tokenizer import learn_tokenizer
from vqatrain.training import training

TEXT_ENCODER = {
    "hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32,
    "vocab_size": 64, "eos_token_id": 2, "bos_token_id": 1, "pad_token_id": 0,
}  # fmt: skip
"""The half of a pair of encoders that is not taken."""

CUT = {"size": {"shortest_edge": 72}, "crop_size": {"height": 64, "width": 64}}

TOWERS: dict[str, tuple[dict[str, Any], Any]] = {
    "clip": ({}, CLIPImageProcessor(**CUT)),
    "siglip": ({}, SiglipImageProcessor(size={"height": 64, "width": 64})),
    "clip_vision_model": ({}, CLIPImageProcessor(**CUT)),
    "dinov2": ({}, BitImageProcessor(**CUT)),
    "dinov2_with_registers": ({"num_register_tokens": 4}, BitImageProcessor(**CUT)),
    "vit": ({}, SiglipImageProcessor(size={"height": 64, "width": 64})),
}
"""What a folder of each kind holds: more configuration, and the image processor."""


@pytest.fixture(scope="module", params=sorted(TOWERS))
def tower(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    more, images = TOWERS[request.param]
    folder = tmp_path_factory.mktemp(request.param)
    sizes = tiny.vision(num_hidden_layers=3, **more)
    pair = request.param in ("clip", "siglip")
    sizes = {"vision_config": sizes, "text_config": TEXT_ENCODER} if pair else sizes
    torch.manual_seed(1)
    AutoModel.from_config(AutoConfig.for_model(request.param, **sizes)).save_pretrained(folder)
    images.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module", params=["eva02_tiny_patch14_224", "vit_base_patch16_siglip_224"])
def timm_tower(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As timm itself writes a folder for the hub: its configuration, and weights without prefix."""
    return written_by_timm(request.param, tmp_path_factory.mktemp("timm"))


def written_by_timm(architecture: str, folder: Path, **sizes: Any) -> Path:
    import timm
    from timm.models import save_for_hf

    torch.manual_seed(1)
    given = {**tiny_tower()["model_args"], **sizes}
    model = timm.create_model(architecture, num_classes=0, **given)
    model.pretrained_cfg |= {"input_size": (3, 64, 64), "mean": (0.1, 0.2, 0.3)}
    save_for_hf(model, folder, model_config={"architecture": architecture}, model_args=given,
                safe_serialization=True)  # fmt: skip
    return folder


TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] + ' ' + message['content'] }}"
    "<|im_end|>{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant {% endif %}"
)
"""As of most language models: it adds up texts, and fails at a list of parts."""


@pytest.fixture(scope="module", params=["qwen2", "llama"])
def language(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return language_model(request.param, tmp_path_factory)


@pytest.fixture(scope="module")
def chat_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return language_model("qwen2", tmp_path_factory)


def language_model(kind: str, folders: pytest.TempPathFactory) -> Path:
    """A chat model with tied embeddings, or a base model without template and padding."""
    folder = folders.mktemp(kind)
    chat = kind == "qwen2"
    roles = tiny.CHATML_ROLES if chat else {"eos_token": "<|endoftext|>"}
    tokenizer = learn_tokenizer(["What is it?"], tiny.CHATML_TOKENS, **roles)
    tokenizer.chat_template = TEMPLATE if chat else None
    sizes = tiny.text(tokenizer, model_type=kind) | {"tie_word_embeddings": chat}
    torch.manual_seed(2)
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(**sizes))
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def composed(language: Path | str, tower: Path | str, **options: Any) -> Loaded:
    given = {"tuning": "projector", "precision": "fp32", **options}
    chosen = TrainConfig(shards=Path(), model=str(language), vision_tower=str(tower), **given)
    return compose(chosen, ["What is it?"])


@pytest.fixture(scope="module")
def example(shards: Path) -> Example:
    return Questions(DataOptions(shards=shards)).example(3)


def check_plain(loaded: Loaded, example: Example, folder: Path) -> str:
    """See to it that transformers alone reads what was composed; gives the type of the model."""
    batch = Batcher(loaded)([example])
    models.save(loaded, folder)
    again = AutoModelForImageTextToText.from_pretrained(folder)
    processor = AutoProcessor.from_pretrained(folder)
    assert torch.equal(
        batch["pixel_values"], Batcher(Loaded(again, processor))([example])["pixel_values"]
    )
    with torch.inference_mode():
        losses = [model.eval()(**batch).loss for model in (loaded.model, again)]
    assert torch.equal(*losses)
    return str(again.config.model_type)


def test_what_is_composed_is_a_plain_model(
    chat_model: Path, tower: Path, example: Example, tmp_path: Path
) -> None:
    assert check_plain(composed(chat_model, tower), example, tmp_path) == "llava"


def test_weights_are_those_of_tower_and_language_model(
    language: Path, tmp_path: Path, example: Example
) -> None:
    torch.manual_seed(3)
    smol: Any = models.load("tiny:smolvlm", torch.float32, ["What is it?"])
    models.save(smol, tmp_path)
    loaded = composed(language, tmp_path)
    model: Any = loaded.model
    taken = model.model.vision_tower.state_dict()
    known = smol.model.model.vision_model.state_dict()
    assert all(torch.equal(taken[name], value) for name, value in known.items())
    speaks = AutoModelForCausalLM.from_pretrained(language)
    layers, known = model.model.language_model.layers, speaks.model.layers.state_dict()
    assert all(torch.equal(layers.state_dict()[name], known[name]) for name in known)
    tokens = speaks.get_input_embeddings().num_embeddings
    assert torch.equal(model.lm_head.weight[:tokens], speaks.get_output_embeddings().weight)
    with torch.inference_mode():
        assert model(**Batcher(loaded)([example])).loss.isfinite()


def test_the_whole_picture_is_seen_in_the_colours_of_the_tower(tower: Path) -> None:
    loaded = composed("tiny:llava", tower)
    images: Any = loaded.processor.image_processor
    known = AutoImageProcessor.from_pretrained(tower)
    assert images.size == {"height": 64, "width": 64}
    assert not getattr(images, "do_center_crop", False)
    assert list(images.image_mean) == list(known.image_mean)


def test_the_prompt_is_that_of_the_language_model(language: Path, example: Example) -> None:
    loaded = composed(language, "tiny:siglip_vision_model")
    prompt = Batcher(loaded).prompt(example)
    chat = f"<|im_start|>user <image>\n{example.question}<|im_end|><|im_start|>assistant "
    base = f"USER: <image>\n {example.question} ASSISTANT:"
    assert prompt == (chat if language.name.startswith("qwen2") else base)


def test_a_tower_of_timm_becomes_a_plain_model(
    chat_model: Path, timm_tower: Path, example: Example, tmp_path: Path
) -> None:
    loaded = composed(chat_model, timm_tower)
    batch = Batcher(loaded)([example])
    assert batch["input_ids"].eq(loaded.model.config.image_token_id).sum() == 64
    assert check_plain(loaded, example, tmp_path) == "perception_lm"


def test_features_are_those_that_timm_gives_the_patches(
    chat_model: Path, timm_tower: Path, example: Example
) -> None:
    import timm

    model: Any = composed(chat_model, timm_tower).model
    known = json.loads((timm_tower / "config.json").read_text())
    alone = timm.create_model(known["architecture"], **known["model_args"])
    alone.load_state_dict(load_file(timm_tower / "model.safetensors"))
    picture = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        seen = alone.eval().forward_features(picture)[:, -64:]
        expected = model.model.multi_modal_projector(seen)
        found = model.model.get_image_features(picture[None]).pooler_output
    assert torch.equal(found, expected)


def test_timm_says_what_pictures_its_tower_was_trained_with(timm_tower: Path) -> None:
    images: Any = composed("tiny:llava", timm_tower).processor.image_processor
    assert list(images.image_mean) == [0.1, 0.2, 0.3]
    assert images.tile_size == 64
    wide = images(Image.new("RGB", (200, 50)), return_tensors="pt")["pixel_values"]
    assert wide.shape == (1, 1, 3, 64, 64)


def test_towers_of_timm_that_do_not_fit_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registers = written_by_timm("vit_small_patch14_reg4_dinov2", tmp_path / "registers")
    with pytest.raises(OptionError, match="5 features before those of the patches"):
        composed("tiny:llava", registers)
    AutoModel.from_config(
        AutoConfig.for_model("timm_wrapper", architecture="test_resnet")
    ).save_pretrained(tmp_path / "resnet")
    with pytest.raises(OptionError, match="a ResNet of timm, which cuts no patches"):
        composed("tiny:llava", tmp_path / "resnet")
    monkeypatch.setattr(importlib.util, "find_spec", lambda *_: None)
    with pytest.raises(MissingExtraError, match=r"vqadata\[timm\]"):
        composed("tiny:llava", "tiny:timm_wrapper")


@pytest.mark.parametrize("tower", ["tiny:dinov2", "tiny:timm_wrapper"])
def test_alignment_moves_the_projector_alone_then_all_goes_on(
    tower: str, shards: Path, tmp_path: Path
) -> None:
    options = {"model": "tiny:llava", "vision_tower": tower, "tuning": "projector"}
    chosen = config(shards, tmp_path / "align", **options)
    begun = training.load(chosen, Questions(chosen).texts())[0].model.state_dict()
    first = run(chosen)
    done = AutoModelForImageTextToText.from_pretrained(first / "model").state_dict()
    moved = {name for name, value in begun.items() if not torch.equal(value, done[name])}
    assert {name.rpartition(".")[0] for name in moved} == {
        "model.multi_modal_projector.linear_1", "model.multi_modal_projector.linear_2"
    }  # fmt: skip
    second = run(config(shards, tmp_path / "tune", model=str(first), tuning="qlora"))
    merged = merge(MergeConfig(model=str(second), out=tmp_path / "merged"))
    assert merged.difference.logits < 1e-4
    asked = EvalConfig(
        shards=shards, model=str(tmp_path / "merged"), out=tmp_path / "scores", limit=4
    )
    assert evaluate(asked).questions == 4


@pytest.mark.parametrize("tower", ["tiny:clip_vision_model", "tiny:timm_wrapper"])
def test_planned_without_weights(tower: str, shards: Path) -> None:
    options = {"model": "tiny:llava", "vision_tower": tower, "tuning": "full"}
    found = plan(config(shards, Path("unused"), **options))
    assert found.tokens.least > 64


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"tuning": "lora"}, "--tuning: .*lora with --vision-tower.* projector or full"),
        ({"tower": "tiny:siglip2_vision_model"}, "--vision-tower: .*encoder of single pictures"),
        ({"tower": "tiny:nonsense"}, "--vision-tower: .*encoder of single pictures"),
        ({"language": "tiny:internvl"}, "--model: .*a language model, or a LLaVA"),
        ({"tower": "nowhere"}, "nowhere: no such folder"),
    ],
)
def test_what_does_not_fit_is_refused(given: dict[str, Any], said: str) -> None:
    options = {"language": "tiny:llava", "tower": "tiny:dinov2", **given}
    with pytest.raises(OptionError, match=said):
        composed(options.pop("language"), options.pop("tower"), **options)
