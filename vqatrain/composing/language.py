"""Language models on their own, with tokens that stand for pictures."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from vqadata.errors import OptionError
from vqatrain.families.llava import Llava
from vqatrain.families.perception_lm import PerceptionLm
from vqatrain.models import model as models
from vqatrain.models.family import families_of_types
from vqatrain.models.weights import read, unreadable

if TYPE_CHECKING:
    import torch

IMAGE_TOKEN = "<image>"  # noqa: S105 - a mark in a text

COMPOSED = (*Llava.model_types, *PerceptionLm.model_types)
"""Types of models whose language model can be taken out."""

FLATTENED = (
    "{%- set flat = namespace(messages=[]) -%}{%- for message in messages -%}"
    "{%- set text = namespace(all='') -%}{%- for part in message['content'] -%}"
    "{%- set text.all = text.all + ('<image>\n' if part['type'] == 'image' else part['text']) -%}"
    "{%- endfor -%}"
    "{%- set flat.messages = flat.messages + [{'role': message['role'], 'content': text.all}] -%}"
    "{%- endfor -%}{%- set messages = flat.messages -%}"
)
"""Stands before the template of a language model, which knows texts and no pictures."""


NOT_READ = ("pooler", "head", "classifier")
"""What some towers have behind the features that are taken."""


class Language(NamedTuple):
    """A language model on its own."""

    model: Any
    head: Any
    tokenizer: Any
    chat_template: str
    generation: Any

    def token_id(self, token: str) -> int:
        """The id of a token that stands for a picture."""
        return int(self.tokenizer.convert_tokens_to_ids(token))


def find_language(
    name: str, dtype: torch.dtype, corpus: Iterable[str], weights: bool, marks: Mapping[str, str]
) -> Language:
    """Load a language model, or take that of a composed model.

    Args:
        name: Folder, hub id or ``tiny:FAMILY``.
        dtype: Type of the weights.
        corpus: Texts that a tiny tokenizer is learnt from.
        weights: Without, only the outline is made.
        marks: Tokens that the processor asks the tokenizer for, by their names there; a token for
            pictures is added in any case.

    Raises:
        OptionError: It cannot be loaded, or has no place for pictures.
    """
    if name.startswith(models.TINY) or models.model_type(name) in families_of_types():
        return _of_composed(name, dtype, corpus, weights, marks)
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = made(AutoModelForCausalLM, name, dtype, weights, "--model")
    if not hasattr(model.base_model, "embed_tokens"):
        found = f"{name}: a {type(model).__name__}"
        raise OptionError("--model", found, "a language model with embed_tokens, as Llama has")
    tokenizer = _with_marks(AutoTokenizer.from_pretrained(name), marks)
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    _make_room(model, tokenizer)
    own = tokenizer.chat_template
    template = FLATTENED + own if own else Llava.chat_template
    tokenizer.chat_template = None  # the processor has it
    head = model.get_output_embeddings()
    return Language(model.base_model, head, tokenizer, template, model.generation_config)


def _of_composed(
    name: str, dtype: torch.dtype, corpus: Iterable[str], weights: bool, marks: Mapping[str, str]
) -> Language:
    """The language model of a LLaVA or PerceptionLM."""
    loaded = models.load(name, dtype, corpus) if weights else models.outline(name, corpus)
    whole: Any = loaded.model
    processor: Any = loaded.processor
    kind = whole.config.model_type
    if kind not in COMPOSED:
        expected = "a language model, or a LLaVA"
        raise OptionError("--model", f"a {kind} with --vision-tower", expected)
    tokenizer = _with_marks(processor.tokenizer, marks)
    _make_room(whole, tokenizer)
    inner, template = whole.model.language_model, processor.chat_template
    return Language(inner, whole.lm_head, tokenizer, template, whole.generation_config)


def _with_marks(tokenizer: Any, marks: Mapping[str, str]) -> Any:
    """The tokenizer with tokens for pictures, under the names by which processors ask for them."""
    from transformers import AutoTokenizer

    tokenizer.add_tokens([IMAGE_TOKEN, *marks.values()], special_tokens=True)
    if all(hasattr(tokenizer, name) for name in marks):
        return tokenizer
    # Only a tokenizer that is read learns new names.
    with tempfile.TemporaryDirectory() as folder:
        tokenizer.save_pretrained(folder)
        return AutoTokenizer.from_pretrained(folder, extra_special_tokens=dict(marks))


def _make_room(model: Any, tokenizer: Any) -> None:
    if len(tokenizer) > model.get_input_embeddings().num_embeddings:
        model.resize_token_embeddings(len(tokenizer))


def made(kind: Any, name: str, dtype: torch.dtype, weights: bool, option: str) -> Any:
    """A model of transformers, loaded or in outline.

    Args:
        kind: One of the ``AutoModel`` classes.
        name: Folder or hub id.
        dtype: Type of the weights.
        weights: Without, only the outline is made.
        option: Who asked for it, for the message.

    Raises:
        OptionError: It cannot be loaded.
    """
    import torch
    from transformers import AutoConfig

    try:
        config = AutoConfig.from_pretrained(name)
        # timm writes the number of classes twice, and transformers would hand both to timm.
        (getattr(config, "model_args", None) or {}).pop("num_classes", None)
        if not weights:
            with torch.device("meta"):
                return kind.from_config(config)
    except (OSError, ValueError) as error:
        raise unreadable(option, name, error) from None
    return read(kind, name, option, NOT_READ, config=config, dtype=dtype)
