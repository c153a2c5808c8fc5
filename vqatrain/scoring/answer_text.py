r"""How evaluation codes bring answers into one form before they compare them.

:func:`normalise` is the official one, of ``vqaEval.py`` in https://github.com/GT-Vision-Lab/VQA at
commit a013f00, with its quirks:

* Any comma between digits changes how every punctuation mark of the text is treated.
* The pattern for periods has a slip (``(?!<=\d)`` for ``(?<!\d)``) and so removes every period
  that no digit follows, and of those the first 32 only (a flag is passed as the count).
* Contractions with capitals are never met, because the text is lower case by then.

:func:`eval_ai` is the one of ``EvalAIAnswerProcessor`` in https://github.com/facebookresearch/mmf
(``mmf/utils/m4c_evaluators.py``, commit 2dc099a), which TextVQA's scores and lmms-eval use.
"""

from __future__ import annotations

import re

PUNCTUATION = ';/[]"{}()=+\\_-><@`,?!'
"""Marks that are removed, or replaced by a space, one after the other in this order."""

PERIOD = re.compile(r"(?!<=\d)(\.)(?!\d)")
COMMA_IN_NUMBER = re.compile(r"(\d)(\,)(\d)")
PERIODS_REMOVED = int(re.UNICODE)

NUMBER_WORDS = {
    word: str(value)
    for value, words in enumerate(
        ("none zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
    )
    for word in words.split()
}
ARTICLES = frozenset({"a", "an", "the"})

ONE_APOSTROPHE = """
    ain't aren't can't could've couldn't didn't doesn't don't hadn't hasn't haven't he'd he's how'd
    how'll how's isn't it'd it'll ma'am mightn't might've mustn't must've needn't not've o'clock
    oughtn't shan't should've shouldn't somebody'll somebody's someone'd someone'll someone's
    something'd something'll that's there'd there're there's they'd they'll they're they've 'twas
    wasn't we've weren't what'll what're what's what've when's where'd where's where've who'd who'll
    who's who've why'll why're why's won't would've wouldn't y'all you'd you'll you're you've
"""
"""Contractions that are met without their apostrophe: "dont" is read as "don't"."""

TWO_APOSTROPHES = """
    couldn't've hadn't've he'd've it'd've mightn't've she'd've shouldn't've somebody'd've
    someone'd've something'd've there'd've they'd've we'd've who'd've wouldn't've y'all'll you'd've
"""
"""Contractions that are met with one of the two missing: "couldn'tve" and "couldnt've"."""


def _contractions() -> dict[str, str]:
    table = {word.replace("'", ""): word for word in ONE_APOSTROPHE.split()}
    for word in TWO_APOSTROPHES.split():
        first, second = (at for at, letter in enumerate(word) if letter == "'")
        table[word[:first] + word[first + 1 :]] = word
        table[word[:second] + word[second + 1 :]] = word
    for without in ("ow's'at", "'ows'at", "'ow'sat"):
        table[without] = "'ow's'at"
    for without in ("yall'd've", "y'alld've", "y'all'dve"):
        table[without] = "y'all'd've"
    # The one entry that takes an apostrophe away.
    return table | {"somebody'd": "somebodyd"}


CONTRACTIONS = _contractions()


def normalise(
    text: str, period: re.Pattern[str] = PERIOD, comma: re.Pattern[str] = COMMA_IN_NUMBER
) -> str:
    """An answer as the official code compares it, or with other patterns for periods and commas.

    >>> normalise("The two dogs, dont!")
    "2 dogs don't"
    """
    plain = unpunctuated(text, period, comma)
    words = (NUMBER_WORDS.get(word, word) for word in plain.lower().split())
    return " ".join(CONTRACTIONS.get(word, word) for word in words if word not in ARTICLES)


def eval_ai(text: str) -> str:
    """An answer as EvalAI's processor makes it: a possessive is a word of its own.

    >>> eval_ai("The Dog's, dont?")
    "dog 's don't"
    """
    words = text.lower().replace(",", "").replace("?", "").replace("'s", " 's")
    return normalise(one_line(words))


def one_line(text: str) -> str:
    r"""Without line breaks, tabs and outer spaces.

    >>> one_line(" a\tcat\n")
    'a cat'
    """
    return text.replace("\n", " ").replace("\t", " ").strip()


def unpunctuated(
    text: str, period: re.Pattern[str] = PERIOD, comma: re.Pattern[str] = COMMA_IN_NUMBER
) -> str:
    """A text without punctuation, as the official code takes it away.

    >>> unpunctuated("left-right, yes.")
    'left right yes'
    """
    has_comma = comma.search(text) is not None
    out = text
    for mark in PUNCTUATION:
        glued = has_comma or f"{mark} " in text or f" {mark}" in text
        out = out.replace(mark, "" if glued else " ")
    return period.sub("", out, count=PERIODS_REMOVED)
