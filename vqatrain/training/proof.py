"""Proof of the label mask: what of the first examples is trained on, counted and shown."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from vqadata.errors import VqaDataError
from vqatrain.batches.batch import IGNORED, Batcher
from vqatrain.data import Example

FILE = "labels.json"


class LabelProof(BaseModel):
    """What the loss is taken over; ``labels.json`` is this model."""

    model_config = ConfigDict(frozen=True)

    examples: int = Field(description="Examples that were looked at: the first of the run.")
    tokens: int = Field(description="Tokens of these, without padding.")
    supervised: int = Field(description="Of those, tokens that carry a label.")
    picture_tokens: int = Field(description="Of those, tokens that stand for pictures.")
    supervised_picture_tokens: int = Field(description="Of those, tokens that carry a label: 0.")
    question_id: str = Field(description="The example that is shown.")
    shown: str = Field(description="Its tokens as text; a run of picture tokens is counted.")
    shown_labels: str = Field(description="Its tokens that carry a label, as text.")

    @property
    def share(self) -> float:
        """Share of supervised tokens."""
        return self.supervised / self.tokens


def prove(batcher: Batcher, examples: Sequence[Example], picture_token: int) -> LabelProof:
    """Count what carries a label.

    Args:
        batcher: Makes the batches of the run.
        examples: Some examples; at least one.
        picture_token: Id of the token that stands for a piece of a picture.

    Raises:
        VqaDataError: A picture token carries a label, or an example has no label at all.
    """
    batch = batcher(examples)
    ids, labels = batch["input_ids"], batch["labels"]
    answers = ids[:, -labels.shape[1] :]
    on, pictures = labels != IGNORED, ids == picture_token
    supervised_pictures = int((on & (answers == picture_token)).sum())
    if supervised_pictures or not on.any(dim=1).all():
        raise VqaDataError(
            f"question {examples[0].question_id} and the next {len(examples) - 1}",
            f"{supervised_pictures} picture tokens with a label, "
            f"{int((~on.any(dim=1)).sum())} rows without one",
            "labels on the answers alone", "This is a defect; please report it.",
        )  # fmt: skip
    tokenizer: Any = batcher.processor.tokenizer
    present = batch["attention_mask"].bool()
    picture = tokenizer.convert_ids_to_tokens(picture_token)
    return LabelProof(
        examples=len(examples),
        tokens=int(present.sum()),
        supervised=int(on.sum()),
        picture_tokens=int((pictures & present).sum()),
        supervised_picture_tokens=supervised_pictures,
        question_id=examples[0].question_id,
        shown=_counted(tokenizer.decode(ids[0][present[0]]), picture),
        shown_labels=tokenizer.decode(answers[0][on[0]]),
    )


def say(proof: LabelProof) -> str:
    """The proof in two lines."""
    return (
        f"labels: {proof.supervised} of {proof.tokens} tokens of {proof.examples} examples "
        f"({proof.share:.1%}), {proof.supervised_picture_tokens} of {proof.picture_tokens} "
        f"picture tokens\nfirst example: {proof.shown!r}, trained on {proof.shown_labels!r}"
    )


def write(proof: LabelProof, folder: Path) -> None:
    """Write the proof into the run folder."""
    (folder / FILE).write_text(proof.model_dump_json(indent=1) + "\n", encoding="utf-8")


def _counted(text: str, token: str) -> str:
    """``text`` with runs of ``token`` written as a count: ``<image>*64``."""
    run = re.compile(rf"(?:{re.escape(token)}){{2,}}")
    return run.sub(lambda found: f"{token}*{len(found[0]) // len(token)}", text)
