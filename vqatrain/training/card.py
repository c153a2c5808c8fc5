"""The run card: what was trained on what, how it went, and what was shown of it.

``card.md`` and ``card.json`` lie in the run folder, with ``curves.svg``. They are made of the
files beside them and say no more than these: a gate that nobody ran is "not run".
"""

from __future__ import annotations

import html
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from vqatrain.training import curves, gates
from vqatrain.training.gates import Gate

MARKDOWN, JSON, CURVES = "card.md", "card.json", "curves.svg"


class Card(BaseModel):
    """The run card; ``card.json`` is this model."""

    model_config = ConfigDict(frozen=True)

    run: str = Field(description="Name of the run folder.")
    facts: dict[str, Any] = Field(description="run.json without data and versions.")
    data: dict[str, Any] = Field(
        description="Digest of the manifest, account of the ledger, rows, licences that are stated."
    )
    configuration: dict[str, Any]
    versions: dict[str, str]
    gates: list[Gate]
    scores: dict[str, float] = Field(
        description="Last scores of the rows that were held out, as eval_NAME; and scores of "
        "vqatrain prove with the own pictures, as NAME. 0 to 1."
    )
    curves: list[dict[str, float]] = Field(description="The log, an entry a line.")


def write(folder: Path) -> Card:
    """Write the card of a finished run.

    Args:
        folder: The run folder.
    """
    card = of(folder)
    (folder / JSON).write_text(card.model_dump_json(indent=1) + "\n", encoding="utf-8")
    (folder / CURVES).write_text(curves.draw(card.curves), encoding="utf-8")
    (folder / MARKDOWN).write_text(text(card), encoding="utf-8")
    return card


def of(folder: Path) -> Card:
    """The card of a run, from the files of its folder."""
    record, labels = _read(folder / "run.json"), _read(folder / "labels.json")
    log = log_of(folder)
    losses = [entry["loss"] for entry in log if "loss" in entry]
    return Card(
        run=folder.name,
        facts={name: record[name] for name in record if name not in ("data", "versions")},
        data=record["data"],
        configuration=_read(folder / "config.json"),
        versions=record["versions"],
        gates=gates.judge(record, labels, losses, gates.read(folder)),
        scores=_scores(folder, log),
        curves=log,
    )


def log_of(folder: Path) -> list[dict[str, Any]]:
    """The lines of the log of a run."""
    lines = (folder / "log.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def _read(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document


def _scores(folder: Path, log: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    found = {name: v for entry in log for name, v in entry.items() if name.startswith("eval_")}
    path = folder / gates.FOLDER / "own" / "scores.json"
    if gates.read(folder) is not None and path.is_file():
        overall = _read(path)["overall"]
        found |= {n: one["score"] for n, one in overall.items() if one["score"] is not None}
    return found


def text(card: Card) -> str:
    """The card as Markdown."""
    return "\n".join([f"# {_plain(card.run)}", "", *_lines(card)]) + "\n"


def _lines(card: Card) -> Iterator[str]:
    yield from _table(("", ""), _facts(card))
    yield from ("", "## Data", "")
    yield from _table(("", ""), _data(card.data))
    yield from ("", "## Gates", "")
    yield from _table(("gate", "", "found"), [(g.name, g.state, g.found) for g in card.gates])
    yield from ("", "## Scores", "")
    scores = [(name, f"{score:.2%}") for name, score in card.scores.items()]
    yield from _table(("", ""), scores) if scores else ["None here; see `vqatrain prove`."]
    yield from ("", f"![Loss, accuracy and learning rate]({CURVES})", "", "## Configuration", "")
    options = [(n, json.dumps(v)) for n, v in card.configuration.items() if v not in (None, [], "")]
    yield from _table(("option", ""), options)
    yield from ("", "## Versions", "")
    yield from _table(("", ""), list(card.versions.items()))


def _facts(card: Card) -> list[tuple[str, str]]:
    facts, parameters = card.facts, card.facts["parameters"]
    trained = f"{parameters['trained']:,} of {parameters['all']:,}"
    return [
        ("base model", str(facts["base_model"])),
        ("vision tower", str(card.configuration.get("vision_tower") or "its own")),
        ("tuning", str(card.configuration["tuning"])),
        ("parameters trained", trained),
        ("steps", f"{facts['steps']:,}"),
        ("mean loss", f"{facts['loss']:.4f}"),
        ("seconds", str(facts["seconds"])),
        ("device", str(facts["device"])),
    ]


def _data(data: Mapping[str, Any]) -> list[tuple[str, str]]:
    account = data["account"]
    sums = ", ".join(f"{account[name]:,} {name}" for name in account if name != "adds_up")
    licences = [f"{name}: {rows:,} rows" for name, rows in data["licences"].items()]
    return [
        ("manifest", data["digest"]),
        ("rows", f"{data['rows_chosen']:,} chosen of {data['rows_in_shards']:,}"),
        ("examples seen", f"{data['examples_seen']:,}"),
        ("account", sums + ("; adds up" if account["adds_up"] else "; does NOT add up")),
        ("licences stated", "; ".join(licences)),
    ]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    for cells in (head, ["---"] * len(head), *rows):
        yield f"| {' | '.join(_plain(cell) for cell in cells)} |"


def _plain(value: str) -> str:
    """What others wrote, without the power to be markup."""
    shown = html.escape(" ".join(value.split()), quote=False)
    return "".join(f"\\{c}" if c in "|[]`*_\\" else c for c in shown)
