"""Models that are not whole are refused by name; a loss that is no number stops the run."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.vqatrain.test_training import config
from vqadata.errors import OptionError, VqaDataError
from vqatrain import EvalConfig, TrainConfig, evaluate, run
from vqatrain.composing import compose
from vqatrain.models import model as models
from vqatrain.models.tuning import put_on

LAYER = "model.text_model.layers.1.mlp.down_proj.weight"
Weights = dict[str, torch.Tensor]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole") / "model"
    models.save(models.load("tiny:smolvlm", torch.float32, ["what colour"]), folder)
    return folder


def changed(whole: Path, to: Path, change: Callable[[Weights], Weights]) -> str:
    """A copy of the model with other weights."""
    shutil.copytree(whole, to)
    weights = change(load_file(whole / "model.safetensors"))
    save_file(weights, to / "model.safetensors", {"format": "pt"})
    return str(to)


def without(weights: Weights) -> Weights:
    return {name: value for name, value in weights.items() if name != LAYER}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (without, f"1 weights are missing: {LAYER}"),
        (lambda w: w | {LAYER: w[LAYER][:5].clone()}, r"1 weights do not fit .* \(5, 256\), not"),
    ],
)
def test_what_is_not_whole_is_refused(
    change: Callable[[Weights], Weights], said: str, whole: Path, tmp_path: Path
) -> None:
    name = changed(whole, tmp_path / "model", change)
    with pytest.raises(OptionError, match=said):
        models.load(name, torch.float32)


def test_a_file_that_is_cut_off_is_refused(whole: Path, tmp_path: Path) -> None:
    shutil.copytree(whole, tmp_path / "model")
    file = tmp_path / "model" / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-1000])
    with pytest.raises(OptionError, match="a file of weights is cut off or damaged"):
        models.load(str(tmp_path / "model"), torch.float32)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ("tokenizer*", "cannot be loaded: Couldn't instantiate the backend tokenizer"),
        ("*processor*", "cannot be loaded: Can't load image processor"),
    ],
)
def test_a_folder_without_all_files_is_refused(
    files: str, said: str, whole: Path, tmp_path: Path
) -> None:
    shutil.copytree(whole, tmp_path / "model")
    for path in (tmp_path / "model").glob(files):
        path.unlink()
    for load in (models.outline, lambda name: models.load(name, torch.float32)):
        with pytest.raises(OptionError, match=said):
            load(str(tmp_path / "model"))


def test_a_tokenizer_that_was_made_of_nothing_is_refused(tmp_path: Path) -> None:
    models.save(models.load("tiny:qwen2_5_vl", torch.float32, ["a"]), tmp_path)
    for path in tmp_path.glob("tokenizer*"):
        path.unlink()
    with pytest.raises(OptionError, match="its tokenizer has no token for pictures"):
        models.outline(str(tmp_path))


def test_a_tower_needs_no_pooler(tmp_path: Path) -> None:
    from transformers import SiglipImageProcessor, ViTConfig, ViTModel

    sizes = {"image_size": 32, "patch_size": 8, "num_hidden_layers": 3, "hidden_size": 32}
    tower = ViTModel(ViTConfig(**sizes, num_attention_heads=2, intermediate_size=64))
    tower.save_pretrained(tmp_path / "tower")
    SiglipImageProcessor(size={"height": 32, "width": 32}).save_pretrained(tmp_path / "tower")
    options: dict[str, Any] = {"shards": tmp_path, "model": "tiny:llava", "tuning": "full"}

    def composed(kept: Callable[[str], bool]) -> Any:
        weights = {n: v for n, v in load_file(file).items() if kept(n)}
        save_file(weights, file, {"format": "pt"})
        return compose(TrainConfig(vision_tower=str(tmp_path / "tower"), **options), ["a"])

    file = tmp_path / "tower" / "model.safetensors"
    composed(lambda name: "pooler" not in name)
    with pytest.raises(OptionError, match=r"--vision-tower: .*: 16 weights are missing"):
        composed(lambda name: "layer.1" not in name and "layers.1" not in name)


def test_an_adapter_that_does_not_fit_is_refused(shards: Path, tmp_path: Path) -> None:
    out = run(config(shards, tmp_path / "run", max_steps=1))
    file = out / "adapter" / "adapter_model.safetensors"
    weights = load_file(file)
    save_file(dict(list(weights.items())[1:]), file, {"format": "pt"})
    model = models.load(str(out / "base"), torch.float32).model
    with pytest.raises(OptionError, match=r"--adapter: .*Found missing adapter keys"):
        put_on(model, out / "adapter")
    save_file({n: v[:, :5].clone() for n, v in weights.items()}, file, {"format": "pt"})
    model = models.load(str(out / "base"), torch.float32).model
    with pytest.raises(OptionError, match=r"--adapter: .*size mismatch"):
        put_on(model, out / "adapter")


def test_an_adapter_of_another_family_is_refused(shards: Path, tmp_path: Path) -> None:
    """The layers of both have the same names and sizes."""
    adapter = run(config(shards, tmp_path / "run", max_steps=1, model="tiny:internvl")) / "adapter"
    base = run(config(shards, tmp_path / "base", max_steps=1, model="tiny:qwen2_5_vl")) / "base"
    options = {"shards": shards, "model": str(base), "adapter": adapter, "out": tmp_path / "e"}
    with pytest.raises(OptionError, match=r"--adapter: .*has a InternVL.*expected a Qwen2_5"):
        evaluate(EvalConfig(**options))


def test_a_loss_that_is_no_number_stops_the_run(shards: Path, whole: Path, tmp_path: Path) -> None:
    name = changed(whole, tmp_path / "model", lambda w: w | {LAYER: w[LAYER] * float("nan")})
    with pytest.raises(VqaDataError, match=r"step 1, question \d+, .*: the loss is nan"):
        run(config(shards, tmp_path / "run", model=name))
    assert not (tmp_path / "run" / "run.json").exists()


def test_targets_that_are_no_expression_are_refused(shards: Path, tmp_path: Path) -> None:
    for targets in ("(", "nothing.*"):
        with pytest.raises(OptionError, match=r"--lora-targets"):
            run(config(shards, tmp_path / "run", lora_targets=targets))
    assert not (tmp_path / "run").exists()
