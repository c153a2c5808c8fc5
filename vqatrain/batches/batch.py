"""From examples to tensors: the prompt as in inference, then the answer, labels on the answer only.

The prompt goes through the processor exactly as it does when the model answers; the answer's tokens
are appended to it. So training and inference see equal prompts by construction, no picture token
and no question token can carry a label, and there is no re-tokenisation at the border. All answers
of a batch stand in its last columns, so logits are asked for there alone: their memory follows the
length of the answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle
from typing import TYPE_CHECKING, Any, NamedTuple

from vqadata.errors import VqaDataError
from vqatrain.data import Example
from vqatrain.models.family import Loaded

if TYPE_CHECKING:
    import torch
    from PIL.Image import Image

IGNORED = -100
"""Label of a token that carries no loss (torch.nn.CrossEntropyLoss)."""

BLANK = (64, 64)
"""Pixels of a blank picture."""

SPECIAL_TOKEN_POLICY = "broken-by-a-space"  # noqa: S105 - the name of a policy
"""What becomes of a special token that a user wrote; recorded beside what was made with it."""


class Chat(NamedTuple):
    """A conversation whose next turn is the model's."""

    messages: list[dict[str, Any]]
    """As chat templates want them: ``role`` and ``content``, a list of parts ``{"type": "text",
    "text": ...}`` and ``{"type": "image"}``."""
    pictures: list[Image]
    """RGB, in the order of their parts."""
    where: str
    """Whose it is, for messages."""


class Batcher:
    """Makes batches for one model.

    Args:
        loaded: The model, of which only the names of tokens are kept, and its processor.
        prompt_suffix: Text after every question.
    """

    def __init__(self, loaded: Loaded, prompt_suffix: str = "") -> None:
        """Take the special tokens from the processor and its tokenizer."""
        self.processor: Any = loaded.processor
        self._suffix = prompt_suffix
        self._tokenizer: Any = self.processor.tokenizer
        self._process = loaded.family.process
        self._answer_type = loaded.family.answer_type
        self._end: list[int] = [self._tokenizer.eos_token_id]
        self._pad: int = self._tokenizer.pad_token_id
        self._special = sorted(special_tokens(self.processor), key=len, reverse=True)
        ids = self._tokenizer.convert_tokens_to_ids(self._special)
        self._special_ids = {each for each in ids if each is not None}

    def prompts(self, examples: Sequence[Example]) -> dict[str, torch.Tensor]:
        """The model's inputs for answering: prompts padded on the left.

        Returns:
            ``input_ids`` and ``attention_mask`` of shape (examples, tokens), and what else the
            family's processor gives (pixel values, grids, token types).

        Raises:
            VqaDataError: The processor refuses a row, such as a picture of 300x1 pixels for Qwen.
        """
        return self.inputs([_asked(example) for example in examples])

    def inputs(self, chats: Sequence[Chat]) -> dict[str, torch.Tensor]:
        """As :meth:`prompts`, of conversations."""
        with_pictures = any(chat.pictures for chat in chats)
        texts = [self._prompt(chat) for chat in chats]
        try:
            inputs = self._process(
                self.processor,
                text=texts,
                images=[chat.pictures for chat in chats] if with_pictures else None,
                padding=True,
                padding_side="left",
            )
        except ValueError as error:
            if len(chats) > 1:  # say which one
                for chat in chats:
                    self.inputs([chat])
            raise _refused(chats[0], error) from None
        # PaliGemma's processor makes labels of its own from what it takes for an answer.
        return {name: values for name, values in inputs.items() if name != "labels"}

    def __call__(self, examples: Sequence[Example]) -> dict[str, Any]:
        """A training batch: prompts, answers and labels.

        Returns:
            As :meth:`prompts`, with the answers appended and padded on the right;
            ``logits_to_keep``, the number of last columns that have to do with answers; and
            ``labels`` of shape (examples, ``logits_to_keep``) for these.
        """
        import torch

        inputs = self.prompts(examples)
        answers = [self.answer_ids(example) for example in examples]
        longest = max(map(len, answers))
        ids = torch.tensor([a + [self._pad] * (longest - len(a)) for a in answers])
        present = torch.tensor([[1] * len(a) + [0] * (longest - len(a)) for a in answers])
        # The logits of the prompt's last token predict the first of the answer.
        before = torch.full((len(answers), 1), IGNORED)
        labels = torch.cat([before, ids.masked_fill(present == 0, IGNORED)], dim=1)
        shape = inputs["input_ids"].shape
        for name, values in inputs.items():
            if values.shape == shape:
                tail = {"input_ids": ids, "attention_mask": present}.get(name)
                if tail is None:  # token types
                    tail = torch.full_like(ids, self._answer_type)
                inputs[name] = torch.cat([values, tail.to(values.dtype)], dim=1)
        return {**inputs, "labels": labels, "logits_to_keep": longest + 1}

    def seeing(self, examples: Sequence[Example]) -> dict[str, Any]:
        """A training batch in which there is a picture.

        A batch without one gets a row with a blank picture and without labels: the loss stays, and
        the vision tower is at work in every process. Else those that share its weights would wait
        for each other.
        """
        if any(example.pictures for example in examples):
            return self(examples)
        from PIL import Image

        blank = Example("blank", [Image.new("RGB", BLANK)], "", "")
        batch = self([*examples, blank])
        batch["labels"][-1] = IGNORED
        return batch

    def decode(self, ids: torch.Tensor | list[list[int]]) -> list[str]:
        """Answers as text, from generated tokens of shape (examples, tokens)."""
        texts = self.processor.batch_decode(ids, skip_special_tokens=True)
        return [text.strip() for text in texts]

    def prompt(self, example: Example) -> str:
        """The prompt as text, with a mark for each picture; the pictures are not looked at."""
        return self._prompt(_asked(example))

    def _prompt(self, chat: Chat) -> str:
        from jinja2 import TemplateError

        *before, last = chat.messages
        messages = [self._message(message, "", chat.where) for message in before]
        messages.append(self._message(last, self._suffix, chat.where))
        try:
            return str(self.processor.apply_chat_template(messages, add_generation_prompt=True))
        except (ValueError, TemplateError) as error:  # it may have no place for a turn
            raise _refused(chat, error) from None

    def _message(self, message: dict[str, Any], suffix: str, where: str) -> dict[str, Any]:
        """The message with plain texts, and the suffix behind the last of them."""
        parts = [dict(part) for part in message["content"]]
        texts = [part for part in parts if "text" in part]
        for part in texts:
            ending = suffix if part is texts[-1] else ""
            part["text"] = self._plain(part["text"] + ending, where)
        return message | {"content": parts}

    def answer_ids(self, example: Example) -> list[int]:
        """Tokens of the answer, with the one that ends it."""
        text = self._plain(example.answer or "", f"question {example.question_id}")
        return self._ids(text) + self._end

    def _ids(self, text: str) -> list[int]:
        return list(self._tokenizer(text, add_special_tokens=False)["input_ids"])

    def _plain(self, text: str, where: str) -> str:
        """Break special tokens that a user wrote, so that none becomes a picture slot or an end.

        Raises:
            VqaDataError: The tokenizer makes a special token of the text all the same.
        """
        for token in self._special:
            if token in text:
                text = text.replace(token, f"{token[0]} {token[1:]}")
        left = self._special_ids.intersection(self._ids(text))
        if left:
            token = self._tokenizer.convert_ids_to_tokens(left.pop())
            raise VqaDataError(
                where, f"the tokenizer reads {token} in {text!r}",
                "text without special tokens", "Change the text, or leave the row out by --where.",
            )  # fmt: skip
        return text


def _refused(chat: Chat, error: Exception) -> VqaDataError:
    """What to say of a conversation that the model's processor does not take."""
    return VqaDataError(
        chat.where, f"the model's processor refuses it: {' '.join(str(error).split())[:200]}",
        "pictures and text that the model can take", "Leave it out.",
    )  # fmt: skip


def _asked(example: Example) -> Chat:
    """The conversation up to a question: system prompt, pictures, earlier turns, the question."""
    said = [text for turn in example.before for text in turn]
    messages = [
        {"role": role, "content": [{"type": "text", "text": text}]}
        for role, text in zip(cycle(("user", "assistant")), [*said, example.question], strict=False)
    ]
    messages[0]["content"] = [
        *({"type": "image"} for _ in example.pictures),
        *messages[0]["content"],
    ]
    if example.system is not None:
        told = {"role": "system", "content": [{"type": "text", "text": example.system}]}
        messages.insert(0, told)
    return Chat(messages, example.pictures, f"question {example.question_id}")


def special_tokens(processor: Any) -> set[str]:
    """Tokens that a user's text must not hold.

    Those that the tokenizer calls special, those that the chat template writes, and the marks that
    the processor looks for in the text itself (``image_token``, ``video_token``).
    """
    added = processor.tokenizer.added_tokens_decoder.values()
    template = str(processor.chat_template)
    tokens = {token.content for token in added if token.special or token.content in template}
    marks = [value for name, value in vars(processor).items() if name.endswith("_token")]
    return {token for token in [*tokens, *marks] if isinstance(token, str) and token.strip()}
