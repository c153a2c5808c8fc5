"""How sure a model is of its answers, and whether it is right as often."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import vqatrain
from vqatrain import EvalConfig, TrainConfig, evaluate
from vqatrain.config import DataOptions
from vqatrain.reports.reporting import report
from vqatrain.scoring.calibration import calibrate
from vqatrain.scoring.evaluation import PREDICTIONS


def test_the_error_is_the_mean_distance_over_the_bins() -> None:
    found = calibrate("exact-match", [(0.95, 1.0), (1.0, 0.0), (0.15, 0.0), (0.0, 0.0)])
    assert [one.rows for one in found.bins] == [1, 1, 0, 0, 0, 0, 0, 0, 0, 2]
    assert found.error == pytest.approx((2 * (0.975 - 0.5) + 0.15 + 0.0) / 4)
    assert found.sure == pytest.approx(2.1 / 4)


def test_who_is_right_as_often_as_sure_has_no_error() -> None:
    assert calibrate("m", [(0.75, 1.0)] * 3 + [(0.75, 0.0)]).error == 0.0


@pytest.fixture(scope="module")
def run(shards: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("sure") / "run"
    return vqatrain.run(
        TrainConfig(shards=shards, model="tiny:smolvlm", out=out, batch_size=2, max_steps=2)
    )


def test_probabilities_are_those_of_the_answer_and_its_end(
    run: Path, shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options: dict[str, Any] = {"shards": shards, "model": str(run), "max_new_tokens": 3, "limit": 7}
    evaluate(EvalConfig(**options, out=tmp_path / "plain"))
    scores = evaluate(EvalConfig(**options, out=tmp_path / "sure", calibration=True, batch_size=3))
    plain, sure = (
        [json.loads(line) for line in (tmp_path / n / PREDICTIONS).read_text().splitlines()]
        for n in ("plain", "sure")
    )
    assert [one["prediction"] for one in sure] == [one["prediction"] for one in plain]
    assert "probability" not in plain[0]
    example = vqatrain.data.Questions(DataOptions(shards=shards)).example(0)
    expected = forced(vqatrain.answering.answerer.Answerer(EvalConfig(**options)), example)
    assert sure[0]["probability"] == pytest.approx(expected, rel=1e-3)
    assert scores.calibration is not None
    assert scores.calibration.rows == 7
    page = report(tmp_path / "sure", DataOptions(shards=shards), None, []).read_text()
    assert "Is it right as often as it is sure?" in page


def forced(answerer: Any, example: Any) -> float:
    """The probability of a greedy answer, by one pass over prompt and answer, without a cache."""
    import torch

    inputs = answerer._batcher.prompts([example])
    length = inputs["input_ids"].shape[1]
    with torch.inference_mode():
        ids = answerer._model.generate(**inputs, max_new_tokens=3, do_sample=False)
        whole = {**inputs, "input_ids": ids, "attention_mask": torch.ones_like(ids)}
        logs = answerer._model(**whole).logits.log_softmax(-1)[0]
    tokens = ids[0, length:].tolist()
    ends = [place for place, token in enumerate(tokens) if token in answerer._ends]
    kept = tokens[: ends[0] + 1] if ends else tokens
    return float(sum(logs[length - 1 + n, token] for n, token in enumerate(kept)).exp())
