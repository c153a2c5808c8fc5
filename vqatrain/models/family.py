"""A model family: what the trainer must know of an architecture, and a tiny build of it.

One file a family in ``families/``; the folder is the list. Everything that a processor does
(pictures, placeholders, chat template) stays with the real processor of transformers.
"""

from __future__ import annotations

import copy
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, TypeAlias

from vqadata.discover import find, names
from vqadata.errors import OptionError
from vqatrain import families
from vqatrain.models import tiny
from vqatrain.models.tokenizer import learn_tokenizer

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, ProcessorMixin

Part: TypeAlias = Literal["vision", "projector", "language", "head"]
"""A part of a model: vision tower, what maps its features, language model, output layer."""

LINEAR_LAYERS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
"""Linear layers of a Llama-like block, the usual targets of LoRA (Hu et al. 2021)."""

HEAD = "lm_head"
WRAPPER = "base_model.model."
"""What peft puts before every name."""


class Loaded(NamedTuple):
    """A model with its processor."""

    model: PreTrainedModel
    processor: ProcessorMixin
    origin: PreTrainedModel | None = None
    """A random model as it was built, which lies nowhere else; only for tiny builds."""

    @property
    def family(self) -> Family:
        """The family of the model."""
        return family_of(self.model)


class Family(ABC):
    """One architecture of vision-language models."""

    model_types: ClassVar[tuple[str, ...]]
    """``config.model_type`` of the models of the family."""
    vision_tower: ClassVar[str]
    """Dotted name of the vision tower in the model."""
    projector: ClassVar[tuple[str, ...]]
    """Dotted names of what maps vision features to the language model."""
    language_model: ClassVar[str]
    """Dotted name of the language model."""
    tiled: ClassVar[bool] = False
    """Whether a picture is cut into tiles, each of which costs the same number of tokens."""
    answer_type: ClassVar[int] = 0
    """Token type of an answer, for processors that give token types."""
    packs: ClassVar[bool] = False
    """Whether several rows can stand in one sequence without seeing each other."""

    chat_template: ClassVar[str]
    """Jinja template of the tiny build, and of checkpoints that come without one."""
    special_tokens: ClassVar[list[str]]
    """Tokens of the tiny tokenizer that are never split."""
    token_roles: ClassVar[dict[str, str]]
    """Roles of special tokens: ``eos_token`` and ``pad_token`` at least."""

    @classmethod
    def lora_targets(cls) -> str:
        """Regular expression of the modules that LoRA adapts by default.

        ``all-linear`` would also hit vision tower and projector.
        """
        layers = "|".join(LINEAR_LAYERS)
        return rf"(.*\.)?{re.escape(cls.language_model)}\..*\.({layers})"

    @classmethod
    def prefixes(cls) -> dict[Part, tuple[str, ...]]:
        """Dotted names of each part; a projector may lie inside the vision tower."""
        return {
            "projector": cls.projector,
            "vision": (cls.vision_tower,),
            "head": (HEAD,),
            "language": (cls.language_model,),
        }

    @classmethod
    def part_of(cls, name: str) -> Part:
        """The part that a module or parameter belongs to, by its name, also under peft."""
        inner = name.removeprefix(WRAPPER) + "."
        for part, starts in cls.prefixes().items():
            if inner.startswith(tuple(f"{start}." for start in starts)):
                return part
        return "language"

    def process(self, processor: Any, **inputs: Any) -> dict[str, torch.Tensor]:
        """Have the processor make a batch.

        Args:
            processor: The real processor of the model.
            inputs: Its arguments: texts, pictures, padding.

        Raises:
            ValueError: It refuses them.
        """
        return dict(processor(**inputs, return_tensors="pt"))

    def positions(self, model: Any, batch: dict[str, Any]) -> Any:  # noqa: ARG002
        """Positions of the tokens of unpacked rows, each counted from its own beginning.

        Args:
            model: The model, of which only the configuration is looked at.
            batch: Rows of tokens; shape (rows, tokens).

        Returns:
            Shape (kinds of positions, rows, tokens); without meaning where a row is padded.
        """
        return (batch["attention_mask"].cumsum(1) - 1)[None]

    def pictures_in_one_row(self, batch: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002
        """Inputs that change where the rows of a batch become one; none where pictures are flat."""
        return {}

    def smallest_picture(self, processor: Any) -> int:
        """Pixels of a tile, or of the smallest picture that the model sees; here, the one size."""
        size = processor.image_processor.size
        return int(size["height"] * size["width"])

    @abstractmethod
    def limit_pixels(self, loaded: Loaded, pixels: int) -> None:
        """See to it that no picture is shown to the model with more than ``pixels`` pixels.

        Args:
            loaded: Its processor is changed, and its model's configuration where that repeats it.
            pixels: Not less than :meth:`smallest_picture`. An overview of a picture that is cut
                into tiles does not count.
        """

    @abstractmethod
    def tiny_config(self, tokenizer: Any) -> Any:
        """Configuration of a model of less than a million parameters for 64x64 pictures."""

    @abstractmethod
    def tiny_processor(self, tokenizer: Any) -> ProcessorMixin:
        """The real processor, for 64x64 pictures."""

    def tiny(self, corpus: Iterable[str]) -> Loaded:
        """Build a small random model with its real processor.

        Args:
            corpus: Texts that the tokenizer is made from.

        Returns:
            A model whose weights come from torch's random state.
        """
        from transformers import AutoModelForImageTextToText, GenerationConfig

        tokenizer = learn_tokenizer(corpus, self.special_tokens, **self.token_roles)
        processor = self.tiny_processor(tokenizer)
        model = AutoModelForImageTextToText.from_config(self.tiny_config(tokenizer))
        tiny.wake(model)
        roles = {f"{role}_id" for role in self.token_roles} & set(vars(GenerationConfig()))
        ids = {role: getattr(tokenizer, role) for role in sorted(roles)}
        model.generation_config = GenerationConfig(**ids)
        return Loaded(model, processor, copy.deepcopy(model))


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
    return family_of_type(model.config.model_type)()


def families_of_types() -> dict[str, type[Family]]:
    """The families by the ``config.model_type`` of their models."""
    return {
        kind: type(family)
        for family in map(family_named, family_names())
        for kind in family.model_types
    }


def family_of_type(model_type: str) -> type[Family]:
    """The family of a ``config.model_type``.

    Raises:
        OptionError: No family knows it.
    """
    families_of_type = families_of_types()
    if model_type not in families_of_type:
        raise OptionError(
            "--model", f"a model of type {model_type}",
            f"one of {', '.join(sorted(families_of_type))}",
            "Add a file to vqatrain/families/; see CONTRIBUTING.md.",
        )  # fmt: skip
    return families_of_type[model_type]
