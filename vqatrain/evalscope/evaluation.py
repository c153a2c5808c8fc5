"""Has EvalScope evaluate a served model, and scores what it was answered.

EvalScope pins other releases than we do, so it is started in an environment of its own, in the
folder that :mod:`vqatrain.evalscope.task` writes for it. There it leaves its ``outputs``, read as
its release 1.14.1 writes them; ``predictions.jsonl`` and ``scores.json`` beside them are ours of
the same answers, as those of ``vqatrain eval``.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from vqadata.errors import OptionError, VqaDataError
from vqatrain.data import Questions
from vqatrain.evalscope.config import EvalScopeConfig
from vqatrain.evalscope.task import BENCHMARK, OUTPUTS, SUBSET, TASK, write_once
from vqatrain.scoring.evaluation import SCORES, write
from vqatrain.scoring.metric import choose_metrics
from vqatrain.scoring.scoring import Answered, Scores, summarise
from vqatrain.serving.server import API_KEY

PROGRAM = f'from evalscope import run_task; run_task("{TASK}")'
EVALSCOPE_KEY = "EVALSCOPE_API_KEY"
"""Variable from which EvalScope takes the key; it must hold something."""

NO_KEY = "none"

REFUSED = ("model_length", "content_filter")
"""Why there is no answer but the message of an error, in EvalScope's words."""

PATIENCE = 10.0
"""Seconds in which the server must say which models it has."""


class Bridged(NamedTuple):
    """What was written, and what came of it."""

    command: str
    """Runs EvalScope, in a shell of its environment."""
    questions: int
    unanswered_in_data: int
    """Questions without a known answer, which are left out."""
    scores: Scores | None
    """Ours of EvalScope's answers; ``None`` before it has run."""
    theirs: dict[str, float]
    """EvalScope's own, 0 to 1."""


def bridge(config: EvalScopeConfig) -> Bridged:
    """Write data and task, run EvalScope if that is asked for, and score its answers if it has run.

    Args:
        config: Which server, which rows.

    Raises:
        VqaDataError: The shards or an option cannot be used, the folder holds something else, the
            server does not know the model, or EvalScope failed.
    """
    metrics = choose_metrics(config.metric)
    questions = Questions(config)
    asked = list(questions.records())[: config.limit]
    rows = [number for number, record in enumerate(asked) if record["answer"] is not None]
    if not rows:
        raise VqaDataError(questions.shards.where, "no answers", "questions with known answers")
    write_once(config, questions, rows)
    if config.run is not None:
        _refuse_finished(config.out)
        _check_server(config)
        _run(config.run, config.out)
    written = Bridged(_command(config.out), len(rows), len(asked) - len(rows), None, {})
    predictions = _result(config.out, "predictions", f"{BENCHMARK}_{SUBSET}.jsonl")
    if predictions is None:
        return written
    said = _answers(predictions, len(rows))
    answered = [Answered(asked[row], one) for row, one in zip(rows, said, strict=True)]
    scores = summarise(answered, metrics, config.model, questions.shards.digest)
    write(config.out, answered, metrics, scores)
    return written._replace(scores=scores, theirs=_theirs(config.out))


def _command(folder: Path) -> str:
    """The line of a shell that runs EvalScope."""
    key = f'{EVALSCOPE_KEY}="${{{API_KEY}:-{NO_KEY}}}"'
    return f"cd {shlex.quote(str(folder))} && {key} python -c {shlex.quote(PROGRAM)}"


def _refuse_finished(folder: Path) -> None:
    """Refuse to run what has run: EvalScope would give its old answers again.

    Raises:
        OptionError: The folder holds scores.
    """
    if (folder / SCORES).exists():
        raise OptionError(
            "--run", f"{folder} holds a finished evaluation", "a new folder",
            "Choose another name, or leave --run away to score its answers again.",
        )  # fmt: skip


def _check_server(config: EvalScopeConfig) -> None:
    """Ask which models there are: EvalScope would try each question several times.

    Raises:
        OptionError: No server answers, or it has no model of that name.
    """
    from urllib.request import Request, urlopen

    key = {"Authorization": f"Bearer {os.environ.get(API_KEY, NO_KEY)}"}
    request = Request(f"{config.url.rstrip('/')}/models", headers=key)  # noqa: S310 - http alone
    try:
        with urlopen(request, timeout=PATIENCE) as answer:  # noqa: S310
            names = [entry["id"] for entry in json.load(answer)["data"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise OptionError(
            "--url", f"{config.url}: {error}", "a server of OpenAI's API",
            f"Start one with: vqatrain serve RUN. Its key goes into {API_KEY}.",
        ) from None  # fmt: skip
    if config.model not in names:
        raise OptionError("--model", f"{config.model!r}", f"one of {', '.join(names)}")


def _run(python: str, folder: Path) -> None:
    """Run EvalScope in its environment; what it says is shown.

    Raises:
        OptionError: It cannot be started, or fails.
    """
    program = str(Path(python).absolute()) if os.sep in python else python
    key = {EVALSCOPE_KEY: os.environ.get(API_KEY, NO_KEY)}
    words = [program, "-c", PROGRAM]
    try:
        done = subprocess.run(words, cwd=folder, check=False, env={**os.environ, **key})  # noqa: S603
    except OSError as error:
        found = f"{python}: {error.strerror}"
        raise OptionError("--run", found, "the Python of an environment with EvalScope") from None
    if done.returncode:
        raise OptionError(
            "--run", f"EvalScope ended with status {done.returncode}", "an evaluation to its end",
            f"See what it says above, and {folder / OUTPUTS / 'logs'}; the same command goes on.",
        )  # fmt: skip


def _result(folder: Path, kind: str, name: str) -> Path | None:
    """A file that EvalScope wrote for the one model of the folder."""
    return next((folder / OUTPUTS / kind).glob(f"*/{name}"), None)


def _answers(path: Path, rows: int) -> list[str]:
    """What EvalScope was answered, in the order of the questions.

    Raises:
        VqaDataError: Some are not answered.
    """
    said = {entry["index"]: _text(path, entry) for entry in _entries(path)}
    if sorted(said) != list(range(rows)):
        raise VqaDataError(
            str(path), f"answers to {len(said):,} questions", f"answers to all {rows:,}",
            "Run EvalScope again; it goes on.",
        )  # fmt: skip
    return [said[row] for row in range(rows)]


def _entries(path: Path) -> Iterator[dict[str, Any]]:
    """The lines of a file; one that was cut off is left out, as EvalScope does."""
    for line in path.read_text(encoding="utf-8", errors="replace").split("\n"):
        with suppress(ValueError):
            yield json.loads(line)


def _text(path: Path, entry: dict[str, Any]) -> str:
    """The answer in an entry, which may come in parts.

    Raises:
        VqaDataError: It is the message of an error, which EvalScope takes for an answer.
    """
    choice = entry["model_output"]["choices"][0]
    content = choice["message"]["content"]
    if not isinstance(content, str):
        content = "".join(part["text"] for part in content if part["type"] == "text")
    if choice["stop_reason"] in REFUSED:
        where = f"{path}: question {entry['index']}"
        raise VqaDataError(where, f"{choice['stop_reason']}: {content}", "an answer")
    return str(content)


def _theirs(folder: Path) -> dict[str, float]:
    """EvalScope's own scores by its own names."""
    path = _result(folder, "reports", f"{BENCHMARK}.json")
    if path is None:
        return {}
    report = json.loads(path.read_text(encoding="utf-8"))
    return {_name(metric["identity"]): metric["score"] for metric in report["metrics"]}


def _name(identity: dict[str, Any]) -> str:
    """A metric's name, such as ``rouge 2 f1``."""
    kinds = identity["dimensions"]
    ordered = sorted(kinds, key=lambda kind: kind == "statistic")
    return " ".join([identity["name"], *(str(kinds[kind]) for kind in ordered)])
