"""A model family: what the trainer must know of an architecture, and a tiny build of it.

One file a family in ``families/``; the folder is the list. Everything that a processor does
(pictures, placeholders, chat template) stays with the real processor of transformers.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from vqadata.discover import find, names
from vqadata.errors import OptionError
from vqatrain import families

if TYPE_CHECKING:
    from transformers import PreTrainedModel, ProcessorMixin

LINEAR_LAYERS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
"""Linear layers of a Llama-like block, the usual targets of LoRA (Hu et al. 2021)."""


class Loaded(NamedTuple):
    """A model with its processor."""

    model: PreTrainedModel
    processor: ProcessorMixin


class Family(ABC):
    """One architecture of vision-language models."""

    model_types: ClassVar[tuple[str, ...]]
    """``config.model_type`` of the models of the family."""
    vision_tower: ClassVar[str]
    """Dotted name of the vision tower in the model."""
    projector: ClassVar[str]
    """Dotted name of what maps vision features to the language model."""
    language_model: ClassVar[str]
    """Dotted name of the language model."""

    @classmethod
    def lora_targets(cls) -> str:
        """Regular expression of the modules that LoRA adapts by default.

        ``all-linear`` would also hit vision tower and projector.
        """
        layers = "|".join(LINEAR_LAYERS)
        return rf"(.*\.)?{re.escape(cls.language_model)}\..*\.({layers})"

    @abstractmethod
    def tiny(self, corpus: Iterable[str]) -> Loaded:
        """Build a small random model with its real processor.

        Args:
            corpus: Texts that the tokenizer is made from.

        Returns:
            A model of about a million parameters for 64x64 pictures; the weights come from torch's
            random state.
        """


def family_names() -> list[str]:
    """Names of the families, as in ``tiny:NAME``."""
    return [name.replace("-", "_") for name in names(families)]


def family_named(name: str) -> Family:
    """The family of a file name.

    Raises:
        OptionError: There is none of that name.
    """
    known = family_names()
    if name not in known:
        shown = ", ".join(f"tiny:{each}" for each in known)
        raise OptionError(f"--model tiny:{name}", "no such family", f"one of {shown}")
    kind: type[Family] = find(families, Family, name.replace("_", "-"))  # type: ignore[type-abstract]
    return kind()


def family_of(model: Any) -> Family:
    """The family of a loaded model.

    Raises:
        OptionError: No family knows the model's type.
    """
    found = {kind: family for name in family_names() for family in [family_named(name)]
             for kind in family.model_types}  # fmt: skip
    model_type = model.config.model_type
    if model_type not in found:
        raise OptionError(
            "--model", f"a model of type {model_type}", f"one of {', '.join(sorted(found))}",
            "Add a file to vqatrain/families/; see CONTRIBUTING.md.",
        )  # fmt: skip
    return found[model_type]
