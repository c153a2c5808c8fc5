"""What the peers should find, written by :mod:`peers.make_exports`; standard library alone."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

SETS = ("everything", "easy-vqa", "given")
"""Data sets that are looked for: one that holds every case, a real one, and one that was given."""


class Export(NamedTuple):
    """One export of one data set."""

    name: str
    folder: Path
    questions: dict[str, dict[str, Any]]
    """By id, those that were not left out: ``answer``, ``text``, ``split`` (as exported)."""
    changed: set[str]
    """Ids of those whose texts had to be changed: a token in them is broken up by a space."""

    def splits(self) -> list[str]:
        """Names of the splits that hold something."""
        return sorted({question["split"] for question in self.questions.values()})


def exports(out: str, name: str) -> list[Export]:
    """All data sets in the format of one export."""
    return [_read(Path(out) / each, name) for each in SETS if (Path(out) / each / name).is_dir()]


def check(export: Export, found: Iterable[tuple[str, str, int]]) -> None:
    """Compare what a peer read with the shards, and say so.

    Args:
        export: What it read.
        found: Id, answer, and number of opened pictures of each question.
    """
    rows = list(found)
    answers = {identity: answer for identity, answer, _ in rows}
    expected = {identity: each["answer"] for identity, each in export.questions.items()}
    if len(rows) != len(answers):
        raise SystemExit(f"{export.folder}: {len(rows) - len(answers)} questions were read twice")
    for identity in export.changed & answers.keys():
        answers[identity] = answers[identity].replace("< ", "<")
    if answers != expected:
        wrong = [i for i in answers.keys() | expected if answers.get(i) != expected.get(i)]
        raise SystemExit(f"{export.folder}: {len(wrong)} questions differ, such as {wrong[:5]}")
    pictures = sum(count for _, _, count in rows)
    print(f"{export.folder}: {len(rows)} questions and answers as in the shards, "
          f"{pictures} pictures opened")  # fmt: skip


def run(command: list[str], **variables: str) -> str:
    """Run a program of the peer; show the end of what it says if it fails."""
    import os

    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, **variables}
    )
    text = done.stdout + done.stderr
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\n{text[-4000:]}")
    return text


def program(name: str) -> str:
    """A program of the running environment."""
    return str(Path(sys.executable).with_name(name))


def _read(folder: Path, name: str) -> Export:
    remarks = folder / name / "remarks.jsonl"
    gone = {r["question_id"] for r in _lines(remarks) if r["action"] == "left-out"}
    changed = {r["question_id"] for r in _lines(remarks) if r["action"] == "changed"}
    names = {
        entry["split"]: entry["name"]
        for entry in json.loads((folder / name / "export.json").read_text())["splits"]
    }
    questions = {
        row["question_id"]: {**row, "split": names[row["split"]]}
        for row in _lines(folder / "questions.jsonl")
        if row["question_id"] not in gone
    }
    return Export(name, folder / name, questions, changed)


def _lines(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
