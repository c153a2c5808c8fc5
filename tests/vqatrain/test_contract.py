"""The contract of preprocessing: one knob over all families, kept, and held in evaluation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from tests.vqatrain.test_training import config
from vqadata.errors import VqaDataError
from vqatrain import EvalConfig, evaluate, run
from vqatrain.batches import contract
from vqatrain.batches.batch import Batcher
from vqatrain.config import PictureOptions
from vqatrain.data import Example
from vqatrain.models import model as models
from vqatrain.models.family import Loaded, family_names


def built(family: str) -> Loaded:
    torch.manual_seed(0)
    loaded = models.load(f"tiny:{family}", torch.float32, ["what?"])
    if family == "llava_onevision":
        grids = [[64, 64], [64, 128], [128, 64], [128, 128]]
        loaded.processor.image_processor.image_grid_pinpoints = grids
        loaded.model.config.image_grid_pinpoints = grids
    return loaded


def seen(batch: dict[str, torch.Tensor]) -> int:
    """Pixels that a batch of one picture shows to the model, the overview not counted."""
    pixels = batch["pixel_values"]
    if "image_grid_thw" in batch:
        return pixels.shape[0] * 8 * 8
    tiles = pixels.numel() // (3 * 64 * 64)
    return max(1, tiles - 1) * 64 * 64


@pytest.mark.parametrize("tiles", [1, 2, 4])
@pytest.mark.parametrize("family", family_names())
def test_no_picture_is_larger_than_the_limit(family: str, tiles: int) -> None:
    loaded = built(family)
    limit = tiles * 64 * 64
    contract.settle(loaded, PictureOptions(max_pixels=limit), "")
    picture = Image.effect_noise((800, 300), 60).convert("RGB")
    batch = Batcher(loaded)([Example("1", [picture], "what?", "this")])
    assert seen(batch) <= limit
    if family not in ("llava", "paligemma"):  # these have one size
        assert seen(batch) >= limit / 2
    with torch.inference_mode():
        assert loaded.model(**batch).loss.isfinite()


def test_tiles_are_pixels_counted_in_tiles() -> None:
    settled = [
        contract.settle(built("internvl"), PictureOptions(**options), "")
        for options in ({"max_tiles": 3}, {"max_pixels": 3 * 64 * 64})
    ]
    assert settled[0] == settled[1]
    assert settled[0].pictures["max_patches"] == 3


@pytest.fixture(scope="module", params=["llava_onevision", "qwen2_5_vl"])
def trained(
    request: pytest.FixtureRequest, shards: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    out = tmp_path_factory.mktemp("contract") / "run"
    options = {"model": f"tiny:{request.param}", "max_pixels": 4096, "prompt_suffix": " Say."}
    return run(config(shards, out, **options))


def score(shards: Path, trained: Path, out: Path, **options: Any) -> None:
    evaluate(EvalConfig(shards=shards, model=str(trained), limit=2, out=out, **options))


def test_contract_lies_beside_the_weights(shards: Path, trained: Path, tmp_path: Path) -> None:
    kept = contract.read(trained / "adapter")
    assert kept is not None
    assert kept.max_pixels == 4096
    assert kept.normalisation.startswith("exif-applied")
    assert (kept.special_tokens, kept.prompt_suffix) == ("broken-by-a-space", " Say.")
    score(shards, trained, tmp_path / "a")
    score(shards, trained, tmp_path / "b", max_pixels=4096)


def changed(trained: Path, file: str, key: str, value: Any) -> None:
    path = trained / "adapter" / file
    document = json.loads(path.read_text())
    inner = document["image_processor"] if file.startswith("processor") else document
    inner[key] = value
    path.write_text(json.dumps(document))


@pytest.mark.parametrize(
    ("file", "key", "value", "said"),
    [
        ("processor_config.json", "image_mean", [0.1, 0.5, 0.5], "pictures.image_mean is [0.1, "),
        ("processor_config.json", "resample", 0, "pictures.resample is 0, trained with 3"),
        ("preprocessing.json", "normalisation", "none", 'rgb", trained with "none"'),
        ("preprocessing.json", "chat_template", "a1", 'chat_template is "'),
        ("preprocessing.json", "special_tokens", "kept", 'broken-by-a-space", trained with "kept"'),
    ],
)
def test_changed_contract_is_refused_by_name(
    file: str, key: str, value: Any, said: str, shards: Path, trained: Path, tmp_path: Path
) -> None:
    before = (trained / "adapter" / file).read_bytes()
    changed(trained, file, key, value)
    try:
        with pytest.raises(VqaDataError) as refused:
            score(shards, trained, tmp_path / "e")
    finally:
        (trained / "adapter" / file).write_bytes(before)
    assert said in str(refused.value)
    assert not (tmp_path / "e").exists()


def test_other_size_of_pictures_is_refused(shards: Path, tmp_path: Path) -> None:
    out = run(config(shards, tmp_path / "run", model="tiny:qwen3_vl", max_pixels=2048))
    with pytest.raises(VqaDataError, match=r"pictures\.size is .*4096.*trained with .*2048"):
        score(shards, out, tmp_path / "e", max_pixels=4096)


def test_damaged_contract_is_told(tmp_path: Path) -> None:
    (tmp_path / contract.FILE).write_text("{}")
    with pytest.raises(VqaDataError, match="expected a contract"):
        contract.read(tmp_path)


def odd_pictures() -> dict[str, bytes]:
    """Pictures that careless preprocessing shows otherwise."""
    import io

    png = {"format": "PNG"}
    turned = Image.Exif()
    turned[0x0112] = 6
    ramp = Image.linear_gradient("L").resize((90, 40))
    clear = Image.merge("RGBA", [ramp, ramp, ramp, ramp])
    pictures: dict[str, tuple[Image.Image, dict[str, Any]]] = {
        "rotated": (ramp.convert("RGB"), {"format": "JPEG", "exif": turned}),
        "clear": (clear, png),
        "deep": (Image.fromarray(np.arange(3600, dtype=np.uint16).reshape(60, 60) * 9), png),
        "print": (ramp.convert("CMYK"), {"format": "JPEG"}),
        "huge": (ramp.resize((3000, 50)), png),
        "tiny": (ramp.resize((1, 1)), png),
        "moving": (ramp, {"format": "GIF", "save_all": True, "append_images": [clear]}),
    }
    written = {}
    for name, (picture, options) in pictures.items():
        buffer = io.BytesIO()
        picture.save(buffer, **options)
        written[name] = buffer.getvalue()
    return written


@pytest.mark.parametrize("family", family_names())
def test_reloaded_processor_gives_equal_tensors(family: str, tmp_path: Path) -> None:
    from vqadata.images.decode import to_rgb

    loaded = built(family)
    contract.settle(loaded, PictureOptions(max_pixels=4096), "")
    models.save(loaded, tmp_path)
    again = models.load(str(tmp_path), torch.float32)
    for name, data in odd_pictures().items():
        if family.startswith("qwen") and name in ("huge", "tiny"):
            continue  # their processor refuses an aspect ratio above 200, and a side below a patch
        examples = [Example(name, [to_rgb(data)], "what?", "this")]
        tensors = [Batcher(each)(examples)["pixel_values"] for each in (loaded, again)]
        assert torch.equal(*tensors), name
