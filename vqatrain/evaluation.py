"""Answers the questions of a data set with a model, and scores the answers."""

from __future__ import annotations

import json
import logging
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from vqadata.errors import OptionError
from vqatrain import model as models
from vqatrain import torchvision_cpu
from vqatrain.batch import Batcher
from vqatrain.config import EvalConfig
from vqatrain.data import Questions
from vqatrain.metric import all_metrics

log = logging.getLogger(__name__)

SAY_EVERY = 10.0
"""Seconds between two lines that say how far an evaluation is."""

PREDICTIONS, SCORES = "predictions.jsonl", "scores.json"
COPIED = ("question_id", "image_path", "text", "answer", "answers", "answer_type", "question_type")
"""Record columns that stand beside each prediction."""


class Scores(BaseModel):
    """What an evaluation found; ``scores.json`` is this model."""

    model_config = ConfigDict(frozen=True)

    model: str
    data_digest: str = Field(description="Digest of the manifest of the shards.")
    questions: int = Field(description="Questions that were answered.")
    unanswered_in_data: int = Field(description="Of those, questions without a known answer.")
    overall: dict[str, float | None] = Field(
        description="Mean score, 0 to 1, of each metric; null where no row could be scored."
    )
    scored: dict[str, int] = Field(description="Rows that each metric could score.")
    by_answer_type: dict[str, dict[str, float | None]]
    by_question_type: dict[str, dict[str, float | None]]


def evaluate(config: EvalConfig) -> Scores:
    """Answer and score.

    Args:
        config: Which model, which rows.

    Returns:
        The scores, which also lie in ``scores.json`` beside ``predictions.jsonl``.

    Raises:
        VqaDataError: The shards, the model or an option cannot be used.
    """
    torchvision_cpu.prepare()
    if config.out.exists():
        raise OptionError("--out", f"{config.out} exists", "a new folder", "Choose another name.")
    questions = Questions(config)
    rows = min(len(questions), config.limit or len(questions))
    lines = [_scored(line) for line in _predictions(config, questions, rows)]
    scores = _summary(config, questions, lines)
    config.out.mkdir(parents=True)
    with (config.out / PREDICTIONS).open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    (config.out / SCORES).write_text(scores.model_dump_json(indent=1) + "\n", encoding="utf-8")
    return scores


def _predictions(config: EvalConfig, questions: Questions, rows: int) -> Iterator[dict[str, Any]]:
    """Answer the first ``rows`` questions greedily, in batches, in their order."""
    import torch

    if config.threads is not None:
        torch.set_num_threads(config.threads)
    dtype = models.choose_dtype(config.precision)
    model, processor = models.load_trained(config.model, config.adapter, dtype)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = model.to(device).eval()
    batcher = Batcher(processor, _suffix(config))
    records = questions.records()
    said = time.monotonic()
    for start in range(0, rows, config.batch_size):
        batch = [questions.example(i) for i in range(start, min(start + config.batch_size, rows))]
        inputs = batcher.prompts(batch)
        moved = {
            name: value.to(device, dtype) if value.is_floating_point() else value.to(device)
            for name, value in inputs.items()
        }
        with torch.inference_mode():
            ids = model.generate(**moved, max_new_tokens=config.max_new_tokens, do_sample=False)
        answers = batcher.decode(ids[:, inputs["input_ids"].shape[1] :])
        for _, answer, record in zip(batch, answers, records, strict=False):
            yield {name: record[name] for name in COPIED} | {"prediction": answer}
        if time.monotonic() - said > SAY_EVERY:
            said = time.monotonic()
            log.info("%d of %d questions answered", start + len(batch), rows)


def _scored(line: dict[str, Any]) -> dict[str, Any]:
    scores = {
        name: metric.score(line["prediction"], line) for name, metric in all_metrics().items()
    }
    return line | {"scores": scores}


def _summary(config: EvalConfig, questions: Questions, lines: list[dict[str, Any]]) -> Scores:
    overall = _means(lines)
    return Scores(
        model=config.model,
        data_digest=questions.shards.digest,
        questions=len(lines),
        unanswered_in_data=sum(line["answer"] is None for line in lines),
        overall=overall,
        scored={name: sum(line["scores"][name] is not None for line in lines) for name in overall},
        by_answer_type=_by(lines, "answer_type"),
        by_question_type=_by(lines, "question_type"),
    )


def _by(lines: list[dict[str, Any]], column: str) -> dict[str, dict[str, float | None]]:
    groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for line in lines:
        if line[column] is not None:
            groups[line[column]].append(line)
    return {name: _means(groups[name]) for name in sorted(groups)}


def _means(lines: list[dict[str, Any]]) -> dict[str, float | None]:
    means: dict[str, float | None] = {}
    for name in all_metrics():
        values = [line["scores"][name] for line in lines if line["scores"][name] is not None]
        means[name] = sum(values) / len(values) if values else None
    return means


def _suffix(config: EvalConfig) -> str:
    """The prompt suffix that was asked for, or the one that the run was trained with."""
    if config.prompt_suffix is not None:
        return config.prompt_suffix
    trained = Path(config.model) / "config.json"
    if (Path(config.model) / models.RUN_FILE).is_file() and trained.is_file():
        return str(json.loads(trained.read_text()).get("prompt_suffix", ""))
    return ""
