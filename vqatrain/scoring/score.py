"""Scores a file of predictions, ours or another tool's, against shards with the answers."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from vqadata.errors import OptionError, VqaDataError
from vqatrain.config import ScoreConfig
from vqatrain.data import Questions
from vqatrain.scoring.intervals import Interval
from vqatrain.scoring.metric import choose_metrics
from vqatrain.scoring.predictions import read_predictions, write_upload
from vqatrain.scoring.scoring import Answered, Scores, compare, summarise


class Scored(NamedTuple):
    """What a file of predictions is worth."""

    rows: list[Answered]
    """The rows that were scored, in the order of the shards."""
    scores: Scores
    without: int
    """Questions without a prediction."""
    unknown: int
    """Predictions for questions that are not among the chosen rows."""
    gains: dict[str, Interval]
    """By metric, how much better the other run is; empty without another."""


def score(config: ScoreConfig) -> Scored:
    """Score predictions.

    Args:
        config: Which predictions, which rows, which metrics.

    Raises:
        VqaDataError: A file cannot be read, or questions lack a prediction and that is refused.
    """
    questions = Questions(config)
    metrics = choose_metrics(config.metric)
    said = read_predictions(config.predictions)
    rows, without = _matched(config, questions, config.predictions, said)
    scores = summarise(rows, metrics, str(config.predictions), questions.shards.digest)
    gains = {}
    if config.against is not None:
        others = read_predictions(config.against)
        theirs, lacking = _matched(config, questions, config.against, others)
        if [row.record for row in rows] != [row.record for row in theirs]:
            raise OptionError(
                "--against", f"{config.against} lacks {lacking} of the questions",
                "the same questions", "Use --missing wrong to compare all of them.",
            )  # fmt: skip
        gains = compare(rows, theirs, metrics)
    if config.upload is not None:
        _upload(config.upload, questions, rows)
    unknown = len(said) - (len(questions) - without)
    return Scored(rows, scores, without, unknown, gains)


def _matched(
    config: ScoreConfig, questions: Questions, path: Path, said: dict[str, str]
) -> tuple[list[Answered], int]:
    """The chosen rows with their predictions, and how many have none."""
    records = list(questions.records())
    lacking = [r["question_id"] for r in records if r["question_id"] not in said]
    if len(lacking) == len(records):
        known = f"questions such as {records[0]['question_id']!r}"
        found = f"predictions for others, such as {next(iter(said))!r}"
        raise VqaDataError(str(path), found, known, "Check which predictions belong to the shards.")
    if lacking and config.missing == "refuse":
        raise VqaDataError(
            str(path), f"no prediction for {len(lacking):,} of {len(records):,} questions, first "
            f"{lacking[0]}", "one for each", "Use --missing wrong or --missing skip.",
        )  # fmt: skip
    kept = [r for r in records if config.missing == "wrong" or r["question_id"] in said]
    return [Answered(r, said.get(r["question_id"], "")) for r in kept], len(lacking)


def _upload(path: Path, questions: Questions, rows: list[Answered]) -> None:
    forms = [entry.form for entry in questions.shards.manifest.inputs if entry.form is not None]
    numbers = any(form.types.get("question_id") == "integer" for form in forms)
    whole = all(row.record["question_id"].isdecimal() for row in rows)
    answers = ((row.record["question_id"], row.prediction) for row in rows)
    write_upload(path, answers, numbers and whole)
