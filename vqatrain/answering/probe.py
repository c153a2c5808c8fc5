"""Holds two builds of one model against each other, on made pictures with a question."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from vqatrain.answering.greedy import greedy
from vqatrain.batches.batch import Batcher
from vqatrain.data import Example
from vqatrain.models.family import Loaded


class Difference(BaseModel):
    """How far two builds are apart where they name the next token."""

    model_config = ConfigDict(frozen=True)

    logits: float = Field(description="Largest difference of a logit.")
    probability: float = Field(description="Largest difference of a probability.")


def probes() -> list[Example]:
    """A question about each of four made pictures: colour ramps of several shapes."""
    from PIL import Image

    ramp = Image.linear_gradient("L")
    sizes = ((64, 64), (96, 64), (64, 96), (224, 160))
    pictures = [
        Image.merge("RGB", [ramp.rotate(90 * (number + band)) for band in range(3)]).resize(size)
        for number, size in enumerate(sizes)
    ]
    return [Example("probe", [picture], "What is in the picture?", None) for picture in pictures]


def logits(loaded: Loaded) -> Any:
    """Logits of the next token on the probes, of shape (probes, vocabulary)."""
    model: Any = loaded.model.eval()
    made = greedy(model, Batcher(loaded).prompts(probes()), 1, output_logits=True)
    return made.logits[0].float().cpu()


def difference(one: Any, other: Any) -> Difference:
    """How far the logits of two builds are apart."""
    apart = (one - other).abs().max()
    unlike = (one.softmax(-1) - other.softmax(-1)).abs().max()
    return Difference(logits=float(apart), probability=float(unlike))
