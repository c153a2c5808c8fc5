"""Turns results into text for a terminal."""

from __future__ import annotations

from vqatrain.evaluation import Scores
from vqatrain.family import family_named, family_names
from vqatrain.metric import all_metrics


def scores(found: Scores) -> str:
    """A table of scores: overall, then by answer type."""
    metrics = all_metrics()
    lines = [f"{'':24}" + "".join(f"{metric.title:>16}" for metric in metrics.values())]
    lines.append(_line(f"all {found.questions:,} questions", found.overall, list(metrics)))
    for kind, means in found.by_answer_type.items():
        lines.append(_line(f"  {kind}", means, list(metrics)))
    if found.unanswered_in_data:
        lines.append(f"{found.unanswered_in_data:,} questions have no known answer; not scored")
    return "\n".join(lines)


def families() -> str:
    """A line a family: its tiny build, and the model types that it knows."""
    rows = [(name, family_named(name)) for name in family_names()]
    return "\n".join(f"tiny:{name:16} {', '.join(kind.model_types)}" for name, kind in rows)


def _line(label: str, means: dict[str, float | None], metrics: list[str]) -> str:
    return f"{label:24}" + "".join(f"{_percent(means[name]):>16}" for name in metrics)


def _percent(score: float | None) -> str:
    return "-" if score is None else f"{score:.2%}"
