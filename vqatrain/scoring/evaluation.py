"""Answers the questions of a data set with a model, and scores the answers.

Answers are written down as they come. The same command after a stop goes on behind the last one;
what was answered under other data, another model or other options is refused.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, TypeAlias

from vqadata.errors import OptionError
from vqatrain.answering.answerer import Answerer
from vqatrain.batches.views import Viewed
from vqatrain.config import EvalConfig
from vqatrain.data import Questions
from vqatrain.models import model as models
from vqatrain.scoring.metric import Metric, choose_metrics
from vqatrain.scoring.scoring import Answered, Scores, summarise

log = logging.getLogger(__name__)

SAY_EVERY = 10.0
"""Seconds between two lines that say how far an evaluation is."""

PREDICTIONS, SCORES = "predictions.jsonl", "scores.json"
UNFINISHED = "predictions.unfinished.jsonl"
"""Answers of an evaluation that has not ended: what it answers, then an answer a line."""

COPIED = ("question_id", "image_path", "text", "answer", "answers", "answer_type", "question_type")
"""Record columns that stand beside each prediction."""

Prediction: TypeAlias = tuple[str, float | None]
"""An answer, and how probable it was to the model if that was asked for."""

FREE = {"out", "batch_size", "threads", "metric"}
"""Options on which no answer depends."""


def evaluate(config: EvalConfig) -> Scores:
    """Answer and score.

    Args:
        config: Which model, which rows.

    Returns:
        The scores, which also lie in ``scores.json`` beside ``predictions.jsonl``.

    Raises:
        VqaDataError: The shards, the model or an option cannot be used, or the folder holds
            another evaluation.
    """
    models.prepare_libraries()
    metrics = choose_metrics(config.metric)
    questions = Questions(config)
    rows = min(len(questions), config.limit or len(questions))
    identity = {"data": questions.shards.digest} | config.model_dump(mode="json", exclude=FREE)
    known = _answered_before(config.out, identity)[:rows]
    if len(known) < rows:
        answerer = Answerer(config)
        with _unfinished(config.out, identity, known) as file:
            for prediction in _predictions(answerer, config, questions, range(len(known), rows)):
                file.write(json.dumps(prediction, ensure_ascii=False) + "\n")
                file.flush()
                known.append(prediction)
    answered = [Answered(record, *one) for record, one in zip(questions.records(), known)]  # noqa: B905 - --limit
    scores = summarise(answered, metrics, config.model, questions.shards.digest)
    write(config.out, answered, metrics, scores)
    (config.out / UNFINISHED).unlink()
    return scores


def _answered_before(folder: Path, identity: dict[str, Any]) -> list[Prediction]:
    """Answers of the same evaluation, if it did not end; a line that was cut off is left out.

    Raises:
        OptionError: The folder holds a finished evaluation, another one, or something else.
    """
    path = folder / UNFINISHED
    if not folder.exists():
        return []
    if not path.is_file():
        raise OptionError("--out", f"{folder} exists", "a new folder", "Choose another name.")
    begun, *lines = path.read_bytes().rpartition(b"\n")[0].split(b"\n")
    if begun != json.dumps(identity).encode():
        raise OptionError(
            "--out", f"{folder} holds an unfinished evaluation of other data, another model or "
            "with other options", "a new folder", "Choose another name, or delete it.",
        )  # fmt: skip
    return [json.loads(line) for line in lines]


@contextmanager
def _unfinished(
    folder: Path, identity: dict[str, Any], known: list[Prediction]
) -> Iterator[IO[str]]:
    """The file of answers under way, holding those that are known."""
    if known:
        log.info("going on behind %d answers", len(known))
    folder.mkdir(parents=True, exist_ok=True)
    path, begun = folder / UNFINISHED, folder / f"{UNFINISHED}.new"
    lines = [json.dumps(identity), *(json.dumps(one, ensure_ascii=False) for one in known)]
    begun.write_text("\n".join(lines) + "\n", encoding="utf-8")
    begun.replace(path)
    with path.open("a", encoding="utf-8") as file:
        yield file


def _predictions(
    answerer: Answerer, config: EvalConfig, questions: Questions, rows: range
) -> Iterator[Prediction]:
    """Answer some questions greedily, in batches, in their order."""
    said, shown = time.monotonic(), Viewed(questions, config.pictures)
    for start in range(rows.start, rows.stop, config.batch_size):
        numbers = range(start, min(start + config.batch_size, rows.stop))
        asked = [shown.example(number) for number in numbers]
        if config.calibration:
            yield from answerer.state(asked)
        else:
            yield from ((text, None) for text in answerer.answer(asked))
        if time.monotonic() - said > SAY_EVERY:
            said = time.monotonic()
            log.info("%d of %d questions answered", numbers.stop, rows.stop)


def write(
    folder: Path, answered: list[Answered], metrics: Mapping[str, Metric], scores: Scores
) -> None:
    """Write predictions and scores: what makes a folder an evaluation."""
    with (folder / PREDICTIONS).open("w", encoding="utf-8") as file:
        lines = (_scored(row, metrics) for row in answered)
        file.writelines(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    (folder / SCORES).write_text(scores.model_dump_json(indent=1) + "\n", encoding="utf-8")


def _scored(row: Answered, metrics: Mapping[str, Metric]) -> dict[str, Any]:
    """What stands of a row in the file of predictions."""
    scores = {name: metric.score(row.prediction, row.record) for name, metric in metrics.items()}
    sure = {} if row.probability is None else {"probability": row.probability}
    return {
        **{name: row.record[name] for name in COPIED},
        "prediction": row.prediction, **sure, "scores": scores,
    }  # fmt: skip
