"""Random predictions and answers that are made to hit every rule of the evaluation codes."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from vqatrain.scoring.answer_text import (
    ARTICLES,
    COMMA_IN_NUMBER,
    CONTRACTIONS,
    NUMBER_WORDS,
    PUNCTUATION,
)

WORDS = ("yes", "no", "cat", "red", "dog's", "New York", "left-right", "Müller", "İ", "白", "x")
NUMBERS = ("0", "2", "10", "3.5", "1,000", "1,,2", "5.", ".5", "12:30", "$5", "100%", "1.2.3")
ODD = (
    "ANSWER: ", "answer:no", '"', "'s", "'", "a.m.", "U.S.", "." * 40, "\t", "\n", "\r", " ",
    "\xa0", "\u2028", "\x1f", "&", "#", ":", "*", "~", "",
)  # fmt: skip
CAPITALS = ("Im", "Ive", "Id've", "I'dve", "let's", "she's")
FAMILIES: tuple[tuple[str, ...], ...] = (
    WORDS, NUMBERS, ODD, CAPITALS, tuple(PUNCTUATION), tuple(sorted(CONTRACTIONS)),
    tuple(NUMBER_WORDS), tuple(sorted(ARTICLES)),
)  # fmt: skip
"""Kinds of pieces; each kind is as likely as another."""

CHANGES: tuple[Callable[[str], str], ...] = (
    str.upper, str.capitalize, lambda text: text + ".", lambda text: f" {text}\n",
    lambda text: f"the {text}", lambda text: text.replace(" ", ", "),
    lambda text: f"Answer: {text}", lambda text: text.replace("'", ""), lambda text: f'"{text}"',
)  # fmt: skip
"""What may befall a text and leaves it the same to some codes, and another to others."""


class Case(NamedTuple):
    """A prediction and what the annotators said."""

    prediction: str
    answers: list[str]
    ids: bool
    """Whether the answers have ids."""

    def record(self) -> dict[str, Any]:
        """The answers as a record has them."""
        ids = [{"answer_id": str(n)} if self.ids else {} for n in range(len(self.answers))]
        pairs = zip(self.answers, ids, strict=True)
        return {"answers": [{"answer": text, **more} for text, more in pairs]}


def cases(count: int, seed: int) -> Iterator[Case]:
    """Made-up cases, mostly with ten answers; a quarter is unanimous, a quarter has no ids."""
    chance = random.Random(seed)
    for _ in range(count):
        pool = [text(chance) for _ in range(chance.choice((1, 2, 2, 3)))]
        pool += [
            chance.choice(CHANGES)(chance.choice(pool)) for _ in range(chance.choice((0, 1, 2)))
        ]
        most = 1 if chance.random() < 0.25 else len(pool)
        number = 10 if chance.random() < 0.9 else chance.randint(2, 9)
        answers = [chance.choice(pool[:most]) for _ in range(number)]
        said = chance.choice(pool)
        if chance.random() < 0.5:
            said = chance.choice(CHANGES)(said)
        yield Case(said, answers, chance.random() < 0.75)


def text(chance: random.Random) -> str:
    """One to four pieces, with or without a space between them."""
    pieces = [chance.choice(chance.choice(FAMILIES)) for _ in range(chance.choice((1, 1, 2, 3, 4)))]
    return chance.choice(("", " ", " ", ", ")).join(pieces)


def hits(made: Iterable[Case]) -> Counter[str]:
    """In how many cases each rule has something to do."""
    rules = (*PUNCTUATION, *CONTRACTIONS, *NUMBER_WORDS, *ARTICLES)
    found: Counter[str] = Counter(dict.fromkeys(rules, 0))
    for case in made:
        texts = [case.prediction, *set(case.answers)]
        whole, words = "\n".join(texts), set(" ".join(texts).split())
        found.update(mark for mark in PUNCTUATION if mark in whole)
        low = {word.lower() for word in words}
        found.update(low & (CONTRACTIONS.keys() | NUMBER_WORDS.keys() | ARTICLES))
        found["comma between digits"] += COMMA_IN_NUMBER.search(whole) is not None
        found["over 32 periods"] += whole.count(".") > 32
        found["unanimous"] += len(set(case.answers)) == 1
        found["without ids"] += not case.ids
        found["not ten answers"] += len(case.answers) != 10
    return found
