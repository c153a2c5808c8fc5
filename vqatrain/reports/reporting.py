"""Puts an evaluation on one page: scores, types, answers, worst rows with their pictures.

The page is one file that needs nothing else (:mod:`vqadata.page.shell`). It is made of what the
evaluation wrote, beside which other runs, or the same one with blank pictures, can be laid.
"""

from __future__ import annotations

import base64
import io
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from vqadata.errors import VqaDataError
from vqadata.page.shell import Page, render
from vqatrain.config import DataOptions, ScoreConfig
from vqatrain.data import Questions
from vqatrain.scoring import habit
from vqatrain.scoring.evaluation import PREDICTIONS, SCORES
from vqatrain.scoring.intervals import Interval
from vqatrain.scoring.metric import all_metrics
from vqatrain.scoring.score import score
from vqatrain.scoring.scoring import Score, Scores

PAGE = Page("vqatrain.reports", "evaluation.html", ["evaluation.css"], ["evaluation.js"])
FILE = "report.html"

WORST = 60
"""Rows that the page shows with their picture."""

SIDE = 320
"""Pixels of the long side of a picture on the page."""

COMMON = 15
"""Answers that the page counts."""

Line = Mapping[str, Any]
"""A line of the file of predictions."""


class Beside(NamedTuple):
    """Another evaluation of the same questions."""

    name: str
    scores: dict[str, Score]
    gains: dict[str, Interval]
    """By metric, how much better the one of the page is."""


def report(folder: Path, data: DataOptions, blank: Path | None, against: Sequence[Path]) -> Path:
    """Write the page of an evaluation into its folder.

    Args:
        folder: A finished evaluation.
        data: The rows that it answered.
        blank: The same evaluation with blank pictures, if there is one.
        against: Evaluations of other runs on the same questions.

    Raises:
        VqaDataError: A folder holds no evaluation, or one of other questions.
    """
    scores, lines = _read(folder)
    questions = Questions(data)
    main = next(iter(scores.overall))
    scored = [name for name, one in scores.overall.items() if one.score is not None]
    context = {
        "title": f"{folder.name}: evaluation",
        "name": folder.name,
        "scores": scores,
        "titles": {name: metric.title for name, metric in all_metrics().items()},
        "scored": scored,
        "main": scored[0] if scored else main,
        "types": {"answer type": scores.by_answer_type, "question type": scores.by_question_type},
        "habit": habit.count([line["prediction"] for line in lines]),
        "common": common(lines),
        "worst": list(worst(questions, lines, scored)),
        "blank": _beside(folder, data, blank) if blank else None,
        "others": [_beside(folder, data, other) for other in against],
    }
    path = folder / FILE
    path.write_text(render(PAGE, context, {}), encoding="utf-8")
    return path


def _read(folder: Path) -> tuple[Scores, list[Line]]:
    try:
        scores = Scores.model_validate_json((folder / SCORES).read_text(encoding="utf-8"))
        text = (folder / PREDICTIONS).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        found = str(error).splitlines()[0]
        raise VqaDataError(str(folder), found, "a finished evaluation") from None
    return scores, [json.loads(line) for line in text.split("\n") if line]


def _beside(folder: Path, data: DataOptions, other: Path) -> Beside:
    """Another evaluation, compared question by question."""
    rows = data.model_dump(include=set(DataOptions.model_fields))
    asked = ScoreConfig(
        predictions=other / PREDICTIONS, against=folder / PREDICTIONS, missing="skip",
        metric=list(_read(folder)[0].overall), **rows,
    )  # fmt: skip
    return Beside(other.name, _read(other)[0].overall, score(asked).gains)


def common(lines: Sequence[Line]) -> list[tuple[str, int, int]]:
    """The answers that are said or known most often, with how often they are said and known."""
    said = Counter(line["prediction"].strip().casefold() for line in lines)
    known = Counter((line["answer"] or "").strip().casefold() for line in lines)
    both = sorted(said.keys() | known.keys(), key=lambda one: (-said[one] - known[one], one))
    return [(answer, said[answer], known[answer]) for answer in both if answer][:COMMON]


def worst(questions: Questions, lines: Sequence[Line], scored: Sequence[str]) -> Iterator[Line]:
    """The rows with the lowest scores, spread over the file, with their pictures."""
    ranked = sorted(
        (sum(line["scores"][name] or 0.0 for name in scored), number)
        for number, line in enumerate(lines)
        if any(line["scores"][name] is not None for name in scored)
    )
    lost = [number for total, number in ranked if total < len(scored)]
    lowest = [number for total, number in ranked if total == ranked[0][0]]
    chosen = lowest[:: max(1, len(lowest) // WORST)] if len(lowest) > WORST else lost
    for number in sorted(chosen[:WORST]):
        line = lines[number]
        answers = Counter(answer["answer"] for answer in line["answers"]).most_common()
        yield {
            **line,
            "number": number,
            "counted": answers,
            "pictures": _pictures(questions, number),
        }


def _pictures(questions: Questions, row: int) -> list[str]:
    """The pictures of a row as WebP, in base64."""
    found = []
    for picture in questions.example(row).pictures:
        picture.thumbnail((SIDE, SIDE))
        out = io.BytesIO()
        picture.save(out, "WEBP", quality=70)
        found.append(base64.b64encode(out.getvalue()).decode())
    return found
