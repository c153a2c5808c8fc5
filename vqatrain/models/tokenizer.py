"""The tokenizer of a tiny model: byte-level BPE learnt from the training text itself."""

from __future__ import annotations

import string
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

VOCABULARY = 512
"""Tokens, special ones and the 256 bytes included."""

ROLES = ["user\n", "assistant\n", "User:", "Assistant:"]
"""What chat templates write around the turns; learnt so that they cost one or two tokens."""

USUAL_ROLES = ("bos_token", "eos_token", "pad_token", "unk_token")
"""Roles that every tokenizer has."""


def learn_tokenizer(
    corpus: Iterable[str], special_tokens: list[str], **roles: str
) -> PreTrainedTokenizerFast:
    """Learn a byte-level BPE tokenizer (Sennrich et al. 2016, in the form of GPT-2).

    Args:
        corpus: Texts to learn from.
        special_tokens: Tokens that are never split; they get the first ids, in this order.
        roles: Roles of special tokens, such as ``eos_token="<|im_end|>"``; a role that only some
            families know, such as ``boi_token``, becomes an attribute of the tokenizer as well.

    Returns:
        The same tokenizer for the same corpus.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=special_tokens,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    texts = sorted(set(corpus))
    tokenizer.train_from_iterator([*texts, *ROLES * 100, string.printable], trainer)
    usual = {role: roles.pop(role) for role in USUAL_ROLES if role in roles}
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, **usual, extra_special_tokens=roles or None
    )
