"""A model that answers about pictures: the one way in which eval, infer and serve ask it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from vqadata.errors import VqaDataError
from vqatrain.answering import graphs
from vqatrain.answering.greedy import greedy
from vqatrain.answering.spoken import Heard, Spoken
from vqatrain.batches import contract
from vqatrain.batches.batch import Batcher, Chat
from vqatrain.config import AnswerOptions
from vqatrain.data import Example
from vqatrain.models import model as models
from vqatrain.models.family import Loaded


class Said(NamedTuple):
    """The turn of the model in a conversation."""

    text: str
    prompt_tokens: int
    completion_tokens: int
    finish: Literal["stop", "length"]
    """Whether the model ended, or was cut off at the limit."""


class Stated(NamedTuple):
    """An answer, and how sure the model was of it."""

    text: str
    probability: float
    """Of all its tokens and its end, 0 to 1."""


class Answerer:
    """A loaded model, its processor set as it was in training.

    Args:
        options: Which model, and how it answers.

    Raises:
        OptionError: There is no such model.
        VqaDataError: The preprocessing would be another than in training.
    """

    def __init__(self, options: AnswerOptions) -> None:
        """Load the model and settle the contract of preprocessing."""
        import torch

        models.prepare_libraries()
        if options.threads is not None:
            torch.set_num_threads(options.threads)
        loaded, self.contract = _load(options)
        self._model: Any = loaded.model.to("cuda" if torch.cuda.is_available() else "cpu").eval()
        self._batcher = Batcher(loaded, self.contract.prompt_suffix)
        self._length = options.max_new_tokens
        ends = loaded.model.generation_config.eos_token_id
        self._ends = set(ends) if isinstance(ends, list) else {ends}

    def answer(self, examples: Sequence[Example], streamer: Any = None) -> list[str]:
        """Answer some questions greedily, in one batch.

        Args:
            examples: The questions; their answers are not looked at.
            streamer: Takes tokens as they come (``transformers.TextStreamer``), for one question.

        Returns:
            The answers in the order of the questions.
        """
        inputs = self._batcher.prompts(examples)
        made = greedy(self._model, inputs, self._length, streamer=streamer)
        return self._batcher.decode(made.ids)

    def state(self, examples: Sequence[Example]) -> list[Stated]:
        """Answer some questions greedily, in one batch, and say how probable each answer is.

        Args:
            examples: The questions; their answers are not looked at.
        """
        inputs = self._batcher.prompts(examples)
        ids, logits = greedy(self._model, inputs, self._length, output_logits=True)
        logs = [
            step.float().log_softmax(-1).gather(1, ids[:, place, None])[:, 0].tolist()
            for place, step in enumerate(logits)
        ]
        texts = self._batcher.decode(ids)
        ended = [self._end(row) + 1 for row in ids.tolist()]
        sums = [sum(row[:end]) for row, end in zip(zip(*logs, strict=True), ended, strict=True)]
        return [Stated(*pair) for pair in zip(texts, map(math.exp, sums), strict=True)]

    def converse(
        self, chats: Sequence[Chat], limits: Sequence[int], heard: Sequence[Heard | None]
    ) -> list[Said]:
        """Take the next turn of some conversations greedily, in one batch.

        Args:
            chats: The conversations; all have pictures, or none has.
            limits: Most tokens of each answer.
            heard: Who listens to the words of each answer as they are made.

        Raises:
            VqaDataError: A conversation is longer than the model can hold.
        """
        inputs = self._batcher.inputs(chats)
        prompts = inputs["attention_mask"].sum(dim=1).tolist()
        self._refuse_long(chats, prompts, limits)
        spoken = Spoken(self.tokenizer, heard, limits, self._ends)
        streamer = spoken if any(heard) else None
        said = greedy(self._model, inputs, max(limits), streamer=streamer).ids.tolist()
        return [self._said(*one) for one in zip(said, limits, prompts, strict=True)]

    def _said(self, ids: list[int], limit: int, prompt: int) -> Said:
        """An answer without what came behind its end or its limit."""
        whole = self._end(ids)
        kept = ids[: min(whole, limit)]
        ended = whole < len(ids) and whole <= limit
        text = self._batcher.decode([kept])[0]
        return Said(text, prompt, len(kept), "stop" if ended else "length")

    def _end(self, ids: list[int]) -> int:
        """Where an answer ended; behind all its tokens if it was cut off."""
        return next((n for n, token in enumerate(ids) if token in self._ends), len(ids))

    def _refuse_long(
        self, chats: Sequence[Chat], prompts: Sequence[int], limits: Sequence[int]
    ) -> None:
        config = self._model.config
        most = getattr(config.get_text_config(), "max_position_embeddings", None)
        for chat, prompt, limit in zip(chats, prompts, limits, strict=True):
            if most is not None and prompt + limit > most:
                found = f"{prompt:,} tokens and {limit:,} for the answer"
                raise VqaDataError(chat.where, found, f"{most:,} together", "Ask less.")

    @property
    def tokenizer(self) -> Any:
        """The tokenizer, for streamers."""
        return self._batcher.processor.tokenizer


def _load(options: AnswerOptions) -> tuple[Loaded, contract.Contract]:
    """The model, set as it was in training, and how its pictures and texts become tensors.

    Raises:
        VqaDataError: The preprocessing would be another than in training.
    """
    trained = models.find_trained(options.model, options.adapter)
    dtype = models.choose_dtype(options.precision)
    if graphs.is_export(Path(trained.base)):
        loaded = graphs.load(Path(trained.base), options)
    else:
        loaded = models.load_trained(trained, dtype, options.quantise)
    agreed = contract.read(trained.folder)
    suffix = options.prompt_suffix
    if suffix is None:
        suffix = agreed.prompt_suffix if agreed else ""
    settled = contract.settle(loaded, options, suffix, agreed)
    contract.compare(agreed, settled, trained.folder)
    return loaded, settled
