"""The blind guess against the same guess made row by row, and what the figures say."""

from __future__ import annotations

from collections import Counter

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vqadata.words.priors import PREFIX_WORDS, priors

QUESTIONS = st.lists(
    st.tuples(st.lists(st.sampled_from("ab"), min_size=1, max_size=4), st.sampled_from("xyz")),
    min_size=1,
    max_size=12,
)


def guessed(rows: list[tuple[list[str], str]], own: int) -> float:
    """How likely the guess for one question is right, straight from the definition."""
    words, answer = rows[own]
    others = [row for number, row in enumerate(rows) if number != own]
    for length in range(PREFIX_WORDS, -1, -1):
        alike = Counter(a for w, a in others if w[:length] == words[:length])
        if alike:
            best = [a for a, n in alike.items() if n == max(alike.values())]
            return (answer in best) / len(best)
    return 0.0


@settings(deadline=None)
@given(QUESTIONS)
def test_the_blind_guess_is_that_of_the_definition(rows: list[tuple[list[str], str]]) -> None:
    # Shorter questions than the prefix have their own text as prefix, as in the definition.
    texts, answers = [" ".join(words) for words, _ in rows], [answer for _, answer in rows]
    found = priors(pl.DataFrame({"text": texts, "answer": answers}))
    right = sum(guessed(rows, own) for own in range(len(rows)))
    assert found is not None
    assert found.blind == pytest.approx(right / len(rows))


def test_yes_share_templates_and_entropy() -> None:
    texts = ["Is there 1 cat?", "is there 2 cat", "Is it wet?", "What is it?"]
    found = priors(pl.DataFrame({"text": texts, "answer": ["Yes", "no", "yes", "cat"]}))
    assert found is not None
    assert (found.yes, found.templates, found.majority) == (pytest.approx(2 / 3), 0.5, 0.5)
    assert found.entropy == pytest.approx(1.5)
    assert [(t.text, t.questions) for t in found.top_templates] == [("is there # cat", 2)]
    first = found.top_prefixes[0]
    assert (first.prefix, first.questions, first.answer, first.share) == ("is it wet", 1, "yes", 1)


def test_without_answers_there_is_no_prior() -> None:
    assert (
        priors(pl.DataFrame({"text": ["a"], "answer": [None]}).cast({"answer": pl.String})) is None
    )
