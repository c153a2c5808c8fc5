"""What a run must show before it is believed, and what it did show: passed, failed, or not run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

FILE, FOLDER = "gates.json", "gates"

MARGIN = 0.1
"""Share by which the loss on dealt-out answers must be above that of the run."""


class Fall(BaseModel):
    """How much of the score is lost with other pictures, with its 95 % interval."""

    model_config = ConfigDict(frozen=True)

    score: float = Field(description="Score with the other pictures, 0 to 1.")
    lost: float = Field(description="Score with the own pictures, minus that.")
    low: float
    high: float


class Control(BaseModel):
    """A short run on answers that were dealt out anew."""

    model_config = ConfigDict(frozen=True)

    steps: int
    loss: float = Field(description="Mean loss of its last quarter.")
    loss_of_run: float = Field(description="Mean loss of the run at the same steps.")


class Gates(BaseModel):
    """What ``vqatrain prove`` found; ``gates.json`` is this model."""

    model_config = ConfigDict(frozen=True)

    data_digest: str = Field(description="Digest of the manifest of the shards.")
    split: str | None
    where: str | None
    rows: int = Field(description="Rows that were answered thrice.")
    metric: str
    own: float = Field(description="Score with the own pictures, 0 to 1.")
    blank: Fall
    shuffled: Fall
    control: Control | None


class Gate(BaseModel):
    """One gate, as the card shows it."""

    model_config = ConfigDict(frozen=True)

    name: str
    state: Literal["passed", "failed", "not run"]
    found: str = Field(description="What it rests on, in a line.")


def read(folder: Path) -> Gates | None:
    """What was found of the run in ``folder``; ``None`` if nobody looked."""
    path = folder / FILE
    return Gates.model_validate_json(path.read_text(encoding="utf-8")) if path.is_file() else None


def judge(
    record: Mapping[str, Any],
    labels: Mapping[str, Any],
    losses: Sequence[float],
    found: Gates | None,
) -> list[Gate]:
    """The gates of a run.

    Args:
        record: ``run.json``.
        labels: ``labels.json``.
        losses: As logged, in their order.
        found: What ``vqatrain prove`` found.
    """
    account = record["data"]["account"]
    sums = ", ".join(f"{account[name]:,} {name}" for name in ("kept", "dropped", "quarantined"))
    on_pictures = labels["supervised_picture_tokens"]
    said = (
        f"{labels['supervised']:,} of {labels['tokens']:,} tokens of {labels['examples']} examples"
    )
    course = f"{losses[0]:.4f} at first, {losses[-1]:.4f} at last" if losses else ""
    return [
        _gate("the account of the data adds up", account["adds_up"], sums),
        _gate("no picture token carries a label", not on_pictures, f"labels on {said}"),
        _gate("the loss fell", losses[-1] < losses[0], course)
        if len(losses) > 1
        else _not_run("the loss fell", "more steps, or --logging-steps 1"),
        *_of_pictures(found),
        _of_answers(found),
    ]


def _of_pictures(found: Gates | None) -> list[Gate]:
    names = {
        "blank": "blank pictures are answered worse",
        "shuffled": "pictures of other questions are answered worse",
    }
    if found is None:
        return [_not_run(name, "vqatrain prove") for name in names.values()]
    falls = [(found.blank, names["blank"]), (found.shuffled, names["shuffled"])]
    return [_gate(name, fall.low > 0, _lost(found, fall)) for fall, name in falls]


def _lost(found: Gates, fall: Fall) -> str:
    return (
        f"{found.metric} {found.own:.1%} to {fall.score:.1%} on {found.rows:,} rows; "
        f"lost {100 * fall.lost:.1f} points ({100 * fall.low:.1f} to {100 * fall.high:.1f})"
    )


def _of_answers(found: Gates | None) -> Gate:
    name = "answers dealt out anew are learnt worse"
    if found is None or found.control is None:
        return _not_run(name, "vqatrain prove --control-steps")
    one = found.control
    said = f"loss {one.loss:.4f} against {one.loss_of_run:.4f} up to step {one.steps:,}"
    return _gate(name, one.loss > (1 + MARGIN) * one.loss_of_run, said)


def _gate(name: str, passed: bool, found: str) -> Gate:
    return Gate(name=name, state="passed" if passed else "failed", found=found)


def _not_run(name: str, command: str) -> Gate:
    return Gate(name=name, state="not run", found=f"run {command}")
