"""Do the scores of a model depend on how it was asked: batch size, threads, stops?

``python -m tests.vqatrain.repeating`` asks tiny models of all families about pictures of many
sizes: one at a time, in batches of several sizes, and with stops in between. Their weights are
random (the same each time), which is the hardest case: nothing makes one token much likelier than
the next. The tests ask two families.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tests.conftest import encoded
from vqadata import convert
from vqadata.discover import names
from vqadata.sources.custom import Custom
from vqatrain import families
from vqatrain.config import EvalConfig
from vqatrain.data import Questions
from vqatrain.scoring.evaluation import evaluate

ROWS = 24
WAYS: dict[str, dict[str, Any]] = {
    "batches of 3": {"batch_size": 3},
    "batches of 16": {"batch_size": 16},
    "all at once": {"batch_size": ROWS},
    "two threads": {"batch_size": 5, "threads": 2},
    "stops": {"batch_size": 4},
}


class Outcome(NamedTuple):
    """How one way of asking compares with one question at a time."""

    model: str
    way: str
    answers: int
    """Answers that differ."""
    scores: bool
    """Whether the scores differ."""


def data(folder: Path) -> Path:
    """Questions of many lengths about pictures of many sizes."""
    chance = random.Random(0)
    lines = []
    for number in range(ROWS):
        size = chance.randint(20, 200), chance.randint(20, 200)
        colour = chance.choice(("red", "blue", "green", "white"))
        (folder / f"{number}.png").write_bytes(encoded(colour, size))
        question = "What colour is it? " + "Look well. " * chance.randint(0, 6)
        lines.append({"question": question, "image": f"{number}.png", "answer": colour})
    (folder / "rows.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    fields = ["question=question", "image=image", "answer=answer"]
    convert(Custom(data=folder / "rows.jsonl", field=fields), folder / "shards")
    return folder / "shards"


def outcomes(folder: Path, models: list[str]) -> Iterator[Outcome]:
    """Ask each model in every way."""
    shards = data(folder)
    for model in models:
        alone = asked(shards, folder / f"{model[5:]}-alone", model, batch_size=1)
        for way, options in WAYS.items():
            out = folder / f"{model[5:]}-{way}"
            if way == "stops":
                stopped(shards, out, model, options)
            found = asked(shards, out, model, **options)
            differing = sum(one != other for one, other in zip(alone[0], found[0], strict=True))
            yield Outcome(model, way, differing, alone[1] != found[1])


def asked(shards: Path, out: Path, model: str, **options: Any) -> tuple[list[str], str]:
    """Answers and scores of one evaluation."""
    import torch

    torch.manual_seed(0)
    usual: dict[str, Any] = {"threads": 1, "max_new_tokens": 8, "precision": "fp32"}
    evaluate(EvalConfig(shards=shards, out=out, model=model, **usual | options))
    text = (out / "predictions.jsonl").read_text(encoding="utf-8")
    said = [json.loads(line)["prediction"] for line in text.split("\n") if line]
    return said, (out / "scores.json").read_text()


def stopped(shards: Path, out: Path, model: str, options: dict[str, Any]) -> None:
    """Stop the evaluation at three places, one after the other."""
    real = Questions.example
    for place in (5, 6, 17):

        def stops(self: Questions, row: int, last: int = place) -> Any:
            if row == last:
                raise KeyboardInterrupt
            return real(self, row)

        Questions.example = stops  # type: ignore[method-assign]
        try:
            asked(shards, out, model, **options)
        except KeyboardInterrupt:
            pass
        finally:
            Questions.example = real  # type: ignore[method-assign]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", action="append", help="by default the tiny one of each family")
    chosen = parser.parse_args()
    models = chosen.model or [f"tiny:{name.replace('-', '_')}" for name in names(families)]
    with tempfile.TemporaryDirectory() as folder:
        wrong = 0
        for one in outcomes(Path(folder), models):
            same = "differ" if one.scores else "equal"
            print(f"{one.model}, {one.way}: {one.answers} of {ROWS} answers differ, scores {same}")
            wrong += bool(one.answers or one.scores)
    raise SystemExit(bool(wrong))


if __name__ == "__main__":
    main()
