"""From examples to tensors: the prompt as in inference, then the answer, labels on the answer only.

The prompt goes through the processor exactly as it does when the model answers; the answer's tokens
are appended to it. So training and inference see equal prompts by construction, no picture token
and no question token can carry a label, and there is no re-tokenisation at the border.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from vqatrain.data import Example

if TYPE_CHECKING:
    import torch
    from transformers import ProcessorMixin

IGNORED = -100
"""Label of a token that carries no loss (torch.nn.CrossEntropyLoss)."""


class Batcher:
    """Makes batches for one processor.

    Args:
        processor: The model's processor.
        prompt_suffix: Text after every question.
    """

    def __init__(self, processor: ProcessorMixin, prompt_suffix: str = "") -> None:
        """Take the special tokens from the processor's tokenizer."""
        self._processor = processor
        self._suffix = prompt_suffix
        tokenizer: Any = processor.tokenizer
        self._end: list[int] = [tokenizer.eos_token_id]
        self._pad: int = tokenizer.pad_token_id
        self._special = sorted(
            {str(token) for token in tokenizer.added_tokens_decoder.values()}, key=len, reverse=True
        )

    def prompts(self, examples: Sequence[Example]) -> dict[str, torch.Tensor]:
        """The model's inputs for answering: prompts padded on the left.

        Returns:
            ``input_ids`` and ``attention_mask`` of shape (examples, tokens), and what else the
            family's processor gives (pixel values, grids, token types).
        """
        with_pictures = any(example.pictures for example in examples)
        inputs = self._processor(
            text=[self._prompt(example) for example in examples],
            images=[example.pictures for example in examples] if with_pictures else None,
            return_tensors="pt",
            padding=True,
            padding_side="left",
        )
        return dict(inputs)

    def __call__(self, examples: Sequence[Example]) -> dict[str, torch.Tensor]:
        """A training batch: prompts, answers and labels.

        Returns:
            As :meth:`prompts`, with the answers appended and padded on the right, and ``labels`` of
            the shape of ``input_ids``.
        """
        import torch

        inputs = self.prompts(examples)
        answers = [self._answer_ids(example.answer or "") for example in examples]
        longest = max(map(len, answers))
        ids = torch.tensor([a + [self._pad] * (longest - len(a)) for a in answers])
        present = torch.tensor([[1] * len(a) + [0] * (longest - len(a)) for a in answers])
        prompt_ids = inputs["input_ids"]
        labels = torch.cat(
            [torch.full_like(prompt_ids, IGNORED), ids.masked_fill(present == 0, IGNORED)], dim=1
        )
        for name, values in inputs.items():
            if values.shape == prompt_ids.shape:
                tail = {"input_ids": ids, "attention_mask": present}.get(name)
                if tail is None:  # token types: an answer is text, type 0
                    tail = torch.zeros_like(ids)
                inputs[name] = torch.cat([values, tail.to(values.dtype)], dim=1)
        return inputs | {"labels": labels}

    def decode(self, ids: torch.Tensor) -> list[str]:
        """Answers as text, from generated tokens of shape (examples, tokens)."""
        texts = self._processor.batch_decode(ids, skip_special_tokens=True)
        return [text.strip() for text in texts]

    def _prompt(self, example: Example) -> str:
        pictures = [{"type": "image"} for _ in example.pictures]
        text = {"type": "text", "text": self._plain(example.question) + self._suffix}
        messages = [{"role": "user", "content": [*pictures, text]}]
        return str(self._processor.apply_chat_template(messages, add_generation_prompt=True))

    def _answer_ids(self, answer: str) -> list[int]:
        tokenizer: Any = self._processor.tokenizer
        text = self._plain(answer)
        return list(tokenizer(text, add_special_tokens=False)["input_ids"]) + self._end

    def _plain(self, text: str) -> str:
        """Break special tokens that a user wrote, so that none becomes a picture slot or an end."""
        for token in self._special:
            if token in text:
                text = text.replace(token, f"{token[0]} {token[1:]}")
        return text
