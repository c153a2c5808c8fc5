"""PaliGemma 2 and PaliGemma: SigLIP, one linear layer, Gemma; the whole prompt sees itself.

Papers: https://arxiv.org/abs/2412.03555 and https://arxiv.org/abs/2407.07726. Weights:
google/paligemma2-* (Gemma licence). The checkpoints have no chat template: the processor writes the
picture, the beginning of the text, the prompt and a line end. Prompt tokens attend to each other in
both directions; the answer, whose token type is 1, is causal. A picture has one size.
"""

from __future__ import annotations

from typing import Any, ClassVar

from vqatrain.models import tiny
from vqatrain.models.family import Family, Loaded


class PaliGemma(Family):
    """PaliGemma 2 and PaliGemma."""

    model_types: ClassVar[tuple[str, ...]] = ("paligemma",)
    vision_tower: ClassVar[str] = "model.vision_tower"
    projector: ClassVar[tuple[str, ...]] = ("model.multi_modal_projector",)
    language_model: ClassVar[str] = "model.language_model"
    answer_type: ClassVar[int] = 1
    chat_template: ClassVar[str] = (
        "{% for message in messages %}{% for part in message['content'] %}"
        "{% if part['type'] == 'image' %}<image>{% else %}{{ part['text'] }}{% endif %}"
        "{% endfor %}{% endfor %}"
    )
    special_tokens: ClassVar[list[str]] = ["<pad>", "<eos>", "<bos>", "<image>"]
    token_roles: ClassVar[dict[str, str]] = {
        "bos_token": "<bos>", "eos_token": "<eos>", "pad_token": "<pad>", "image_token": "<image>",
    }  # fmt: skip

    def limit_pixels(self, loaded: Loaded, pixels: int) -> None:
        """Nothing to do: a picture has one size, which is no larger."""

    def tiny_processor(self, tokenizer: Any) -> Any:
        """64 tokens a picture; it adds 1,152 tokens of places and segments to the tokenizer."""
        from transformers import PaliGemmaProcessor, SiglipImageProcessor

        size = {"height": tiny.IMAGE, "width": tiny.IMAGE}
        images = SiglipImageProcessor(size=size, image_seq_length=(tiny.IMAGE // tiny.PATCH) ** 2)
        return PaliGemmaProcessor(images, tokenizer, chat_template=self.chat_template)

    def tiny_config(self, tokenizer: Any) -> Any:
        """0.5 million parameters."""
        from transformers import PaliGemmaConfig

        head = tiny.WIDTH // tiny.HEADS
        text = tiny.text(
            tokenizer, model_type="gemma2", head_dim=head, query_pre_attn_scalar=head,
            sliding_window=512,
        )  # fmt: skip
        return PaliGemmaConfig(
            vision_config=tiny.vision(model_type="siglip_vision_model", vision_use_head=False),
            text_config=text,
            projection_dim=tiny.WIDTH,
            hidden_size=tiny.WIDTH,
            vocab_size=len(tokenizer),
            tie_word_embeddings=True,
            **tiny.ids(tokenizer, image_token_index="<image>"),
        )
