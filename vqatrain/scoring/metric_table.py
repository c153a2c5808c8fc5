"""Where metrics disagree, and why: on answers of a run, and on cases made to show it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from vqatrain.scoring.metric import F1, Consensus, Metric
from vqatrain.scoring.scoring import Answered

REFERENCE = "vqa-accuracy"
"""What the other metrics are compared with: numbers in papers are made with it."""

SHOWN = 3
"""Examples of a disagreement that are shown."""

CASES = (
    ("cat", "1 cat, 9 dog"),
    ("cat", "2 cat, 8 dog"),
    ("cat", "3 cat, 7 dog"),
    ("Yes", "10 yes"),
    ("Black.", "10 black"),
    ("Black.", "9 black, 1 gray"),
    ("5.", "9 5, 1 6"),
    ("1,,2", "9 12, 1 3"),
    ("two", "9 two, 1 three"),
    ("dont", "9 don't, 1 do"),
    ("a.m.", "9 am, 1 pm"),
    ("100%", "9 100, 1 10"),
    ("dog's", "9 dog 's, 1 cat"),
    ("Answer: cat", "9 cat, 1 dog"),
    ("", "5 a, 5 the"),
)
"""A prediction, and how often each answer was given."""


class Disagreement(NamedTuple):
    """Rows that a metric scores otherwise than the reference does."""

    metric: str
    rows: int
    """How many rows both could score."""
    higher: int
    """Rows that it scores higher."""
    lower: int
    """Rows that it scores lower."""
    examples: list[str]
    """What was compared, a line each."""


def disagreements(
    rows: Sequence[Answered], metrics: Mapping[str, Metric], reference: str = REFERENCE
) -> list[Disagreement]:
    """Compare each metric with the reference, row by row; those that never differ are left out.

    F1 is the score of a set of rows, and is not compared.
    """
    own = [metrics[reference].score(row.prediction, row.record) for row in rows]
    found = []
    for name, metric in metrics.items():
        if isinstance(metric, F1):
            continue
        other = [metric.score(row.prediction, row.record) for row in rows]
        pairs = [
            (n, a, b)
            for n, (a, b) in enumerate(zip(own, other, strict=True))
            if a is not None and b is not None
        ]
        apart = [(n, a, b) for n, a, b in pairs if abs(a - b) > 1e-9]
        if apart:
            examples = [_example(rows[n], a, b, metric) for n, a, b in apart[:SHOWN]]
            higher = sum(b > a for _, a, b in apart)
            found.append(Disagreement(name, len(pairs), higher, len(apart) - higher, examples))
    return found


def difference_table(metrics: Mapping[str, Metric]) -> str:
    """Scores of :data:`CASES` by every metric that counts annotators, as a Markdown table."""
    shown = {n: m for n, m in metrics.items() if isinstance(m, Consensus)}
    order = [REFERENCE, *(name for name in shown if name != REFERENCE)]
    lines = [
        f"| prediction | answers | {REFERENCE} | without ids | {' | '.join(order[1:])} |",
        f"| --- | --- |{' ---: |' * (len(order) + 1)}",
    ]
    for prediction, answers in CASES:
        row = _case(prediction, answers)
        bare = _case(prediction, answers, ids=False)
        scores = [shown[REFERENCE].score(prediction, r.record) for r in (row, bare)]
        scores += [shown[name].score(prediction, row.record) for name in order[1:]]
        cells = " | ".join("-" if score is None else f"{score:.3f}" for score in scores)
        lines.append(f"| `{prediction or ' '}` | {answers} | {cells} |")
    return "\n".join(lines)


def _case(prediction: str, answers: str, ids: bool = True) -> Answered:
    parts = [part.partition(" ") for part in answers.split(", ")]
    texts = [text for count, _, text in parts for _ in range(int(count))]
    given = [
        {"answer": text} | ({"answer_id": str(number)} if ids else {})
        for number, text in enumerate(texts)
    ]
    return Answered({"answers": given, "answer": texts[0]}, prediction)


def _example(row: Answered, reference: float, score: float, metric: Metric) -> str:
    answers = [answer["answer"] for answer in row.record["answers"]]
    said, given = row.prediction, answers or [row.record["answer"]]
    if isinstance(metric, Consensus):
        said, given = metric.forms(row.prediction, answers)
    counted = ", ".join(f"{times} x {text!r}" for text, times in Counter(given).most_common(SHOWN))
    return (
        f"question {row.record['question_id']}: {reference:.3f} -> {score:.3f}, "
        f"compares {said!r} with {counted}"
    )
