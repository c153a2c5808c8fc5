"""One picture, four ways: training, evaluation, asking and serving show the model equal tensors."""

from __future__ import annotations

import base64
import hashlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from PIL import Image

from tests.vqatrain.test_training import config
from vqadata import convert
from vqadata.errors import VqaDataError
from vqadata.sources.coco_vqa import CocoVqa
from vqatrain import evaluate
from vqatrain.answering import greedy
from vqatrain.answering.answerer import Answerer
from vqatrain.answering.infer import Model
from vqatrain.batches import contract
from vqatrain.batches.batch import Batcher
from vqatrain.config import AnswerOptions, DataOptions, EvalConfig, PictureOptions, ServeConfig
from vqatrain.data import Item, Questions
from vqatrain.models import model as models
from vqatrain.training import training

QUESTION = "What is in the picture?"


def pictures() -> dict[str, bytes]:
    """Pictures that careless preprocessing shows otherwise."""
    png, ramp = {"format": "PNG"}, Image.linear_gradient("L").resize((90, 40))
    noise = Image.effect_noise((1700, 1300), 60)
    turned = Image.Exif()
    turned[0x0112] = 6
    clear = Image.merge("RGBA", [ramp, ramp.rotate(180), ramp, ramp])
    deep = np.arange(3600, dtype=np.uint16).reshape(60, 60) * 9
    kinds: dict[str, tuple[Image.Image, dict[str, Any]]] = {
        "rotated": (ramp.convert("RGB"), {"format": "JPEG", "exif": turned}),
        "alpha": (clear, png),
        "palette": (clear.quantize(16), png),
        "deep": (Image.fromarray(deep), png),
        "cmyk": (Image.merge("CMYK", [ramp, ramp.rotate(180), ramp, ramp]), {"format": "JPEG"}),
        "huge": (noise.convert("RGB"), {"format": "JPEG"}),
        "tiny": (ramp.resize((3, 2)), png),
        "animated": (ramp, {"format": "GIF", "save_all": True, "append_images": [clear]}),
    }
    written = {}
    for name, (picture, options) in kinds.items():
        buffer = io.BytesIO()
        picture.save(buffer, **options)
        written[name] = buffer.getvalue()
    return written


PICTURES = pictures()


class Trained(NamedTuple):
    """A model folder with its contract, and a data set of odd pictures."""

    folder: Path
    shards: Path


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("odd")
    questions, annotations = [], []
    for number, (name, data) in enumerate(PICTURES.items()):
        (folder / f"{number:012d}.png").write_bytes(data)
        questions.append({"question_id": name, "image_id": number, "question": QUESTION})
        annotations.append({"question_id": name, "answers": [{"answer": "a", "answer_id": 1}]})
    (folder / "q.json").write_text(json.dumps({"questions": questions}))
    (folder / "a.json").write_text(json.dumps({"annotations": annotations}))
    source = CocoVqa(questions=folder / "q.json", annotations=folder / "a.json",
                     image_root=[folder], image_name="{image_id:0>12}.png")  # fmt: skip
    assert convert(source, folder / "shards").questions == len(PICTURES)
    return folder / "shards"


@pytest.fixture(scope="module", params=["smolvlm", "qwen2_5_vl", "internvl", "llava"])
def trained(
    request: pytest.FixtureRequest, odd: Path, tmp_path_factory: pytest.TempPathFactory
) -> Trained:
    folder = tmp_path_factory.mktemp(request.param)
    torch.manual_seed(0)
    loaded = models.load(f"tiny:{request.param}", torch.float32, [QUESTION])
    agreed = contract.settle(loaded, PictureOptions(max_pixels=4 * 4096), " Say.")
    models.save(loaded, folder)
    contract.write(agreed, folder)
    return Trained(folder, odd)


def digest(batch: dict[str, Any]) -> str:
    """Of all that comes from pictures, with its shape and type."""
    texts = ("input_ids", "attention_mask", "token_type_ids", "mm_token_type_ids")
    found = hashlib.sha256()
    for name in sorted(name for name, value in batch.items() if isinstance(value, torch.Tensor)):
        if name not in texts and name != "labels":
            value = batch[name]
            found.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
            found.update(value.numpy().tobytes())
    return found.hexdigest()


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What reaches the model when it answers."""
    seen: list[dict[str, Any]] = []
    known = greedy.placed

    def spy(inputs: dict[str, torch.Tensor], model: Any) -> dict[str, torch.Tensor]:
        seen.append(dict(inputs))
        return known(inputs, model)

    monkeypatch.setattr(greedy, "placed", spy)
    return seen


def in_training(trained: Trained, row: int) -> dict[str, Any]:
    loaded = models.load(str(trained.folder), torch.float32)
    options = config(
        trained.shards, Path("unused"), model=str(trained.folder), prompt_suffix=" Say."
    )
    contract.settle(loaded, options, " Say.", contract.read(trained.folder))
    example = Questions(DataOptions(shards=trained.shards)).example(row)
    batcher = Batcher(loaded, " Say.")
    return dict(training.collator(options, batcher, loaded)([Item(0, [example])]))


def answering(
    trained: Trained, odd_data: bytes, name: str, tmp_path: Path
) -> dict[str, Callable[[], Any]]:
    """The ways in which a model is asked, by name."""
    from vqatrain.serving.request import parse
    from vqatrain.serving.room import Room

    options = {"model": str(trained.folder), "max_new_tokens": 1, "threads": 1}
    asked = {"shards": trained.shards, "where": f"question_id = '{name}'", "out": tmp_path / "e"}
    file = tmp_path / "picture.bin"
    file.write_bytes(odd_data)
    url = f"data:image/png;base64,{base64.b64encode(odd_data).decode()}"
    parts = [{"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": QUESTION}]
    body = {"model": "m", "messages": [{"role": "user", "content": parts}]}

    def serve() -> None:
        config = ServeConfig(model="unused")
        room = Room(config.max_waiting_pixels)
        request = parse(json.dumps(body).encode(), config, "m", room)
        Answerer(AnswerOptions(**options)).converse([request.chat], [1], [None])

    return {
        "eval": lambda: evaluate(EvalConfig(**options, **asked)),
        "infer": lambda: Model(AnswerOptions(**options)).answer(file, QUESTION),
        "serve": serve,
    }


@pytest.mark.parametrize("name", PICTURES)
def test_all_ways_show_the_same(
    name: str, trained: Trained, shown: list[dict[str, Any]], tmp_path: Path
) -> None:
    ways = answering(trained, PICTURES[name], name, tmp_path)
    batch = in_training(trained, list(PICTURES).index(name))
    for way in ways.values():
        way()
    assert [digest(inputs) for inputs in shown] == [digest(batch)] * 3
    width = shown[0]["input_ids"].shape[1]
    for inputs in shown:
        assert torch.equal(inputs["input_ids"], batch["input_ids"][:, :width])


def test_pictures_are_told_apart(odd: Path) -> None:
    batcher = Batcher(models.load("tiny:smolvlm", torch.float32, [QUESTION]))
    questions = Questions(DataOptions(shards=odd))
    found = {digest(batcher.prompts([questions.example(row)])) for row in range(len(PICTURES))}
    assert len(found) == len(PICTURES)


def test_every_way_refuses_another_contract_by_name(trained: Trained, tmp_path: Path) -> None:
    path = trained.folder / contract.FILE
    before = path.read_bytes()
    document = json.loads(before)
    document["pictures"]["image_std"] = [0.1, 0.2, 0.3]
    path.write_text(json.dumps(document))
    try:
        for way in answering(trained, PICTURES["alpha"], "alpha", tmp_path).values():
            with pytest.raises(VqaDataError, match=r"pictures\.image_std is .*trained with"):
                way()
    finally:
        path.write_bytes(before)
