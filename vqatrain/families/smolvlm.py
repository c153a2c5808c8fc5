"""SmolVLM and SmolVLM2: SigLIP tower, pixel shuffle, Llama (Marafioti et al. 2025).

Paper: https://arxiv.org/abs/2504.05299. Weights: HuggingFaceTB/SmolVLM-* and SmolVLM2-*
(Apache-2.0). Pictures are split into tiles unless ``do_image_splitting`` is off; the tiny build
does not split.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from vqatrain.family import Family, Loaded
from vqatrain.tokenizer import learn_tokenizer

IMAGE, PATCH, SHUFFLE = 64, 8, 2
"""The tiny build: pixels a side, pixels a patch, patches a token and side."""

IMAGE_TOKENS = (IMAGE // PATCH // SHUFFLE) ** 2

SPECIAL_TOKENS = [
    "<|im_start|>", "<end_of_utterance>", "<pad>", "<image>", "<fake_token_around_image>",
    "<global-img>",
]  # fmt: skip

CHAT_TEMPLATE = (
    "<|im_start|>{% for message in messages %}{{ message['role'] | capitalize }}:"
    "{% for part in message['content'] %}{% if part['type'] == 'image' %}{{ '<image>' }}"
    "{% else %}{{ ' ' + part['text'] }}{% endif %}{% endfor %}<end_of_utterance>\n{% endfor %}"
    "{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}"
)
"""The template of SmolVLM-Instruct, for messages whose content is a list of parts."""


class SmolVlm(Family):
    """SmolVLM, SmolVLM2 and their forebear Idefics3."""

    model_types: ClassVar[tuple[str, ...]] = ("smolvlm", "idefics3")
    vision_tower: ClassVar[str] = "model.vision_model"
    projector: ClassVar[str] = "model.connector"
    language_model: ClassVar[str] = "model.text_model"

    def tiny(self, corpus: Iterable[str]) -> Loaded:
        """0.4 million parameters, 16 tokens a 64x64 picture."""
        from transformers import (
            GenerationConfig,
            SmolVLMForConditionalGeneration,
            SmolVLMImageProcessor,
            SmolVLMProcessor,
            SmolVLMVideoProcessor,
        )

        names = {"bos_token": "<|im_start|>", "eos_token": "<end_of_utterance>"}
        tokenizer = learn_tokenizer(corpus, SPECIAL_TOKENS, pad_token="<pad>", **names)
        size = {"longest_edge": IMAGE}
        processor = SmolVLMProcessor(
            image_processor=SmolVLMImageProcessor(
                size=size, max_image_size=size, do_image_splitting=False
            ),
            tokenizer=tokenizer,
            video_processor=SmolVLMVideoProcessor(size=size, max_image_size=size),
            image_seq_len=IMAGE_TOKENS,
            chat_template=CHAT_TEMPLATE,
        )
        model = SmolVLMForConditionalGeneration(_tiny_config(tokenizer))
        model.generation_config = GenerationConfig(
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
        return Loaded(model, processor)


def _tiny_config(tokenizer: object) -> object:
    """A model that learns within minutes on a CPU.

    The initial range is the decisive knob: at the usual 0.02 a width of 64-128 stays on the
    language prior for hundreds of steps, at 0.1 it looks at the picture.
    """
    from transformers import SmolVLMConfig

    ids = tokenizer.convert_tokens_to_ids  # type: ignore[attr-defined]
    special = {"bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 2}
    vision = {
        "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2,
        "num_attention_heads": 4, "image_size": IMAGE, "patch_size": PATCH,
        "initializer_range": 0.1,
    }  # fmt: skip
    text = {
        "model_type": "llama", "vocab_size": len(tokenizer),  # type: ignore[arg-type]
        "hidden_size": 96, "intermediate_size": 256, "num_hidden_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": 4, "max_position_embeddings": 1024,
        "initializer_range": 0.1, "tie_word_embeddings": True, **special,
    }  # fmt: skip
    return SmolVLMConfig(
        vision_config=vision,
        text_config=text,
        image_token_id=ids("<image>"),
        scale_factor=SHUFFLE,
        tie_word_embeddings=True,
        initializer_range=0.1,
        **special,
    )
