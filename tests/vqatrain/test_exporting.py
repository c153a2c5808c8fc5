"""A run is written for others: plain transformers and ONNX Runtime answer as PyTorch does."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path
from typing import Any

import pytest

import vqatrain
from tests.conftest import encoded
from vqadata.errors import OptionError
from vqatrain import EvalConfig, ExportConfig, TrainConfig, evaluate, export
from vqatrain.batches.contract import read

SUFFIX = "\nAnswer with one word."


@pytest.fixture(scope="module")
def run(shards: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two steps with an adapter: it answers, if only nonsense."""
    out = tmp_path_factory.mktemp("export") / "run"
    options: dict[str, Any] = {"batch_size": 2, "max_steps": 2, "prompt_suffix": SUFFIX}
    return vqatrain.run(TrainConfig(shards=shards, model="tiny:smolvlm", out=out, **options))


def answers(shards: Path, model: Path, out: Path) -> list[str]:
    """Greedy answers on all rows, in batches that do not divide them evenly."""
    evaluate(EvalConfig(shards=shards, model=str(model), out=out, batch_size=5, max_new_tokens=8))
    lines = (out / "predictions.jsonl").read_text().splitlines()
    return [json.loads(line)["prediction"] for line in lines]


@pytest.fixture(scope="module")
def said(run: Path, shards: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    return answers(shards, run, tmp_path_factory.mktemp("said") / "out")


def test_a_folder_answers_in_plain_transformers(
    run: Path, shards: Path, said: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = export(ExportConfig(model=str(run), out=tmp_path / "hf"))
    assert done.difference.logits < 1e-4
    assert answers(shards, tmp_path / "hf", tmp_path / "again") == said
    assert (agreed := read(tmp_path / "hf")) is not None
    assert agreed.prompt_suffix == SUFFIX
    (code,) = re.findall(r"```py\n(.*?)```", (tmp_path / "hf/README.md").read_text(), re.DOTALL)
    assert "vqatrain" not in code
    (tmp_path / "hf/red.png").write_bytes(encoded("red", (64, 48)))
    monkeypatch.chdir(tmp_path / "hf")
    names: dict[str, Any] = {}
    exec(code, names)  # the lines that the folder gives to its users
    expected = vqatrain.load(run).answer("red.png", "What colour is it?")
    assert names["answer"]("red.png", "What colour is it?") == expected


@pytest.mark.slow
def test_graphs_answer_like_the_model(
    run: Path, shards: Path, said: list[str], tmp_path: Path
) -> None:
    pytest.importorskip("onnxscript", reason="onnx is not installed")
    out = tmp_path / "onnx"
    done = export(ExportConfig(model=str(run), format="onnx", out=out))
    assert done.difference.logits < 1e-4
    assert {"vision.onnx", "projector.onnx", "language.onnx", "head.onnx"} < set(done.files)
    assert not list(out.rglob("*.safetensors"))
    assert answers(shards, out, tmp_path / "again") == said
    model = vqatrain.load(out)
    assert model.answer(encoded("red", (64, 48)), "What?") == vqatrain.load(run).answer(
        encoded("red", (64, 48)), "What?"
    )
    with pytest.raises(OptionError, match=r"Nowhere.*not in this ONNX Runtime"):
        vqatrain.load(out, provider=["Nowhere"])
    with pytest.raises(OptionError, match="graphs without weights"):
        vqatrain.run(TrainConfig(shards=shards, model=str(out), out=tmp_path / "more"))
    with pytest.raises(OptionError, match="Export it after merging"):
        vqatrain.load(out, quantise=["language"])


def test_packed_attention_keeps_pictures_apart() -> None:
    """One attention with a mask gives what an attention for each picture gives."""
    import torch

    from vqatrain.delivering.graph_export import masked_attention

    torch.manual_seed(0)
    query, key, value = torch.randn(3, 1, 2, 12, 4)
    ends = torch.tensor([0, 5, 6, 12])
    found, _ = masked_attention(None, query, key, value, None, scaling=0.5, cu_seq_lens_q=ends)
    for start, stop in itertools.pairwise(ends):
        alone = [part[:, :, start:stop] for part in (query, key, value)]
        expected = torch.nn.functional.scaled_dot_product_attention(*alone, scale=0.5)
        assert torch.allclose(found[:, start:stop], expected.transpose(1, 2), atol=1e-6)


@pytest.mark.parametrize("family", ["llava_onevision"])
def test_weights_outside_of_the_parts_are_refused(family: str) -> None:
    from vqatrain.delivering.graph_export import parts
    from vqatrain.models.family import family_named

    built = family_named(family).tiny(["what"])
    with pytest.raises(OptionError, match=r"weights outside .*image_newline"):
        list(parts(built.model, built.family))


def test_what_is_there_is_not_written_over(run: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="a new folder"):
        export(ExportConfig(model=str(run), out=tmp_path))
    with pytest.raises(OptionError, match="--format: 'gguf'"):
        export(ExportConfig(model=str(run), format="gguf", out=tmp_path / "out"))
    with pytest.raises(OptionError, match="bf16 with --format onnx"):
        export(ExportConfig(model=str(run), format="onnx", precision="bf16", out=tmp_path / "out"))
