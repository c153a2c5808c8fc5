"""VQA v2 as EvalScope scores it.

Source: ``evalscope/benchmarks/vqav2/vqav2_adapter.py`` of https://github.com/modelscope/evalscope
at commit 09f185a. The answer is taken behind the last "ANSWER:", all punctuation but the colon
becomes space, contractions stay as they are, and ``min(matches / 3, 1)`` leaves nobody out: one
annotator of ten gives 0.333 where the official code gives 0.3. An empty prediction scores 0.
Release 1.14.1 leaves each annotator out in turn, as the official code does; this is not that.
"""

from __future__ import annotations

import re
import string
from collections.abc import Sequence
from typing import ClassVar

from vqatrain.answer_text import ARTICLES, NUMBER_WORDS
from vqatrain.consensus import ENOUGH
from vqatrain.metric import Consensus

ANSWER = re.compile(r"ANSWER:\s*(.*)", re.IGNORECASE)
COMMA = re.compile(r"(?<=\d),(?=\d)")
SPACED = str.maketrans(dict.fromkeys(string.punctuation.replace(":", ""), " "))


class EvalscopeVqav2(Consensus):
    """VQA score of EvalScope's vqav2; needs several answers."""

    title: ClassVar[str] = "EvalScope vqav2"

    def forms(self, prediction: str, answers: Sequence[str]) -> tuple[str, list[str]]:
        """Both in that code's own form; blank answers are left out."""
        return _form(_extracted(prediction)), [_form(text) for text in answers if text.strip()]

    def agreement(self, prediction: str, answers: list[str]) -> float:
        """Equal answers of three, nobody left out; nothing for an empty prediction."""
        return min(1.0, answers.count(prediction) / ENOUGH) if prediction else 0.0


def _extracted(prediction: str) -> str:
    found = ANSWER.findall(prediction)
    return (found[-1] if found else prediction).strip().strip("\"'")


def _form(text: str) -> str:
    line = COMMA.sub("", text.lower().strip().replace("\n", " ").replace("\t", " "))
    words = (NUMBER_WORDS.get(word, word) for word in line.translate(SPACED).split())
    return " ".join(word for word in words if word not in ARTICLES)
