"""Answers the questions of a data set with a model, and scores the answers."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator, Mapping
from typing import Any

from vqadata.errors import OptionError
from vqatrain import contract
from vqatrain import model as models
from vqatrain.batch import Batcher, placed
from vqatrain.config import EvalConfig
from vqatrain.data import Questions
from vqatrain.family import Loaded
from vqatrain.metric import Metric, choose_metrics
from vqatrain.scoring import Answered, Scores, summarise

log = logging.getLogger(__name__)

SAY_EVERY = 10.0
"""Seconds between two lines that say how far an evaluation is."""

PREDICTIONS, SCORES = "predictions.jsonl", "scores.json"
COPIED = ("question_id", "image_path", "text", "answer", "answers", "answer_type", "question_type")
"""Record columns that stand beside each prediction."""


def evaluate(config: EvalConfig) -> Scores:
    """Answer and score.

    Args:
        config: Which model, which rows.

    Returns:
        The scores, which also lie in ``scores.json`` beside ``predictions.jsonl``.

    Raises:
        VqaDataError: The shards, the model or an option cannot be used.
    """
    models.prepare_libraries()
    if config.out.exists():
        raise OptionError("--out", f"{config.out} exists", "a new folder", "Choose another name.")
    questions = Questions(config)
    metrics = choose_metrics(config.metric)
    rows = min(len(questions), config.limit or len(questions))
    answered = list(_predictions(config, questions, rows))
    scores = summarise(answered, metrics, config.model, questions.shards.digest)
    config.out.mkdir(parents=True)
    with (config.out / PREDICTIONS).open("w", encoding="utf-8") as file:
        lines = (_scored(row, metrics) for row in answered)
        file.writelines(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    (config.out / SCORES).write_text(scores.model_dump_json(indent=1) + "\n", encoding="utf-8")
    return scores


def _predictions(config: EvalConfig, questions: Questions, rows: int) -> Iterator[Answered]:
    """Answer the first ``rows`` questions greedily, in batches, in their order."""
    import torch

    if config.threads is not None:
        torch.set_num_threads(config.threads)
    loaded, suffix = _load(config)
    model: Any = loaded.model.to("cuda" if torch.cuda.is_available() else "cpu").eval()
    batcher = Batcher(loaded, suffix)
    records = questions.records()
    said = time.monotonic()
    for start in range(0, rows, config.batch_size):
        batch = [questions.example(i) for i in range(start, min(start + config.batch_size, rows))]
        inputs = batcher.prompts(batch)
        with torch.inference_mode():
            given = placed(inputs, model)
            ids = model.generate(**given, max_new_tokens=config.max_new_tokens, do_sample=False)
        answers = batcher.decode(ids[:, inputs["input_ids"].shape[1] :])
        for _, answer, record in zip(batch, answers, records, strict=False):
            yield Answered(record, answer)
        if time.monotonic() - said > SAY_EVERY:
            said = time.monotonic()
            log.info("%d of %d questions answered", start + len(batch), rows)


def _load(config: EvalConfig) -> tuple[Loaded, str]:
    """The model, set as it was in training, and the prompt suffix.

    Raises:
        VqaDataError: The preprocessing would be another than in training.
    """
    trained = models.find_trained(config.model, config.adapter)
    dtype = models.choose_dtype(config.precision)
    loaded = models.load_trained(trained, dtype, config.quantise)
    agreed = contract.read(trained.folder)
    suffix = config.prompt_suffix
    if suffix is None:
        suffix = agreed.prompt_suffix if agreed else ""
    contract.compare(agreed, contract.settle(loaded, config, suffix, agreed), trained.folder)
    return loaded, suffix


def _scored(row: Answered, metrics: Mapping[str, Metric]) -> dict[str, Any]:
    """What stands of a row in the file of predictions."""
    scores = {name: metric.score(row.prediction, row.record) for name, metric in metrics.items()}
    return {name: row.record[name] for name in COPIED} | {
        "prediction": row.prediction,
        "scores": scores,
    }
