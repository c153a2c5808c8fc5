"""Composes a vision tower and a language model that never met, through a new projector.

The result is LLaVA as transformers knows it (Liu et al. 2023, https://arxiv.org/abs/2304.08485):
it is saved, loaded and served like any other model. The projector knows nothing yet, so it is
trained first, alone (``--tuning projector``), or together with everything (``--tuning full``).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from vqadata.errors import OptionError
from vqatrain import model as models
from vqatrain import tiny
from vqatrain.config import TrainConfig
from vqatrain.families.llava import Llava
from vqatrain.family import Loaded, families_of_types

if TYPE_CHECKING:
    import torch

LAYER = -2
"""Hidden states that the language model sees: the last but one, as in LLaVA 1.5."""

IMAGE_TOKEN = "<image>"  # noqa: S105 - a mark in a text

FLATTENED = (
    "{%- set flat = namespace(messages=[]) -%}{%- for message in messages -%}"
    "{%- set text = namespace(all='') -%}{%- for part in message['content'] -%}"
    "{%- set text.all = text.all + ('<image>\n' if part['type'] == 'image' else part['text']) -%}"
    "{%- endfor -%}"
    "{%- set flat.messages = flat.messages + [{'role': message['role'], 'content': text.all}] -%}"
    "{%- endfor -%}{%- set messages = flat.messages -%}"
)
"""Stands before the template of a language model, which knows texts and no pictures."""


class Language(NamedTuple):
    """A language model on its own."""

    model: Any
    head: Any
    tokenizer: Any
    chat_template: str
    generation: Any


class Tower(NamedTuple):
    """A vision tower on its own."""

    model: Any
    images: Any
    """Image processor: one size, nothing cut away, colours as the tower knows them."""
    patch: int
    tokens: int
    """Features of a picture."""

    @property
    def added(self) -> int:
        """Features that stand for no patch: the first is of the whole picture."""
        return self.tokens - int(self.images.size["height"] // self.patch) ** 2


def compose(config: TrainConfig, corpus: Iterable[str] = (), weights: bool = True) -> Loaded:
    """Put a vision tower before a language model.

    ``model`` names a language model, or a LLaVA whose tower is replaced. ``vision_tower`` names a
    tower, a pair of encoders (CLIP, SigLIP), or a vision-language model whose tower is taken.

    Args:
        config: Names both.
        corpus: Texts that a tiny tokenizer is learnt from.
        weights: Without, only the outline is made.

    Raises:
        OptionError: One of them cannot be loaded, or they cannot be put together.
    """
    models.prepare_libraries()
    if config.adapters or config.vision_tower is None:
        raise OptionError(
            "--tuning", f"{config.tuning} with --vision-tower, whose projector knows nothing yet",
            "projector or full", "Train the projector first, then adapters on that run.",
        )  # fmt: skip
    dtype = models.choose_dtype(config.precision)
    speaks = _language(models.base_of(config.model), dtype, corpus, weights)
    sees = _tower(models.base_of(config.vision_tower), dtype, weights)
    return Loaded(_joined(speaks, sees, dtype, weights), _processor(speaks, sees))


def _joined(speaks: Language, sees: Tower, dtype: torch.dtype, weights: bool) -> Any:
    """The model, with a projector of random weights."""
    import torch
    from transformers import LlavaConfig, LlavaForConditionalGeneration

    config = LlavaConfig(
        vision_config=sees.model.config,
        text_config=speaks.model.config,
        image_token_index=speaks.tokenizer.convert_tokens_to_ids(IMAGE_TOKEN),
        image_seq_length=sees.tokens - bool(sees.added),
        vision_feature_layer=LAYER,
        vision_feature_select_strategy=_strategy(sees),
        tie_word_embeddings=speaks.model.config.tie_word_embeddings,
    )
    with torch.device("meta"):
        model = LlavaForConditionalGeneration(config)
    inner: Any = model.model
    if type(inner.vision_tower) is not type(sees.model):
        found = type(sees.model).__name__
        raise OptionError("--vision-tower", found, f"a {type(inner.vision_tower).__name__}")
    with torch.device("cpu" if weights else "meta"):
        inner.multi_modal_projector = type(inner.multi_modal_projector)(config).to(dtype)
    inner.vision_tower, inner.language_model = sees.model, speaks.model
    model.lm_head = speaks.head
    model.tie_weights()
    model.generation_config = speaks.generation
    return model.eval()


def _strategy(sees: Tower) -> str:
    return "default" if sees.added else "full"


def _processor(speaks: Language, sees: Tower) -> Any:
    from transformers import LlavaProcessor

    return LlavaProcessor(
        image_processor=sees.images,
        tokenizer=speaks.tokenizer,
        patch_size=sees.patch,
        vision_feature_select_strategy=_strategy(sees),
        num_additional_image_tokens=sees.added,
        chat_template=speaks.chat_template,
    )


def _language(name: str, dtype: torch.dtype, corpus: Iterable[str], weights: bool) -> Language:
    """The language model, with a token for pictures."""
    if name.startswith(models.TINY) or models.model_type(name) in families_of_types():
        return _of_llava(name, dtype, corpus, weights)
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = _made(AutoModelForCausalLM, name, dtype, weights, "--model")
    if not hasattr(model.base_model, "embed_tokens"):
        found = f"{name}: a {type(model).__name__}"
        raise OptionError("--model", found, "a language model with embed_tokens, as Llama has")
    tokenizer = AutoTokenizer.from_pretrained(name)
    tokenizer.add_tokens(IMAGE_TOKEN, special_tokens=True)
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    if len(tokenizer) > model.get_input_embeddings().num_embeddings:
        model.resize_token_embeddings(len(tokenizer))
    own = tokenizer.chat_template
    template = FLATTENED + own if own else Llava.chat_template
    tokenizer.chat_template = None  # the processor has it
    head = model.get_output_embeddings()
    return Language(model.base_model, head, tokenizer, template, model.generation_config)


def _of_llava(name: str, dtype: torch.dtype, corpus: Iterable[str], weights: bool) -> Language:
    """The language model of a LLaVA."""
    loaded = models.load(name, dtype, corpus) if weights else models.outline(name, corpus)
    whole, processor = loaded.model, loaded.processor
    kind = whole.config.model_type
    if kind not in Llava.model_types:
        expected = "a language model, or a LLaVA"
        raise OptionError("--model", f"a {kind} with --vision-tower", expected)
    inner, tokenizer = whole.model.language_model, processor.tokenizer
    template = processor.chat_template
    return Language(inner, whole.lm_head, tokenizer, template, whole.generation_config)


def _tower(name: str, dtype: torch.dtype, weights: bool) -> Tower:
    """The tower, tried on a blank picture."""
    import torch

    model, images = _encoder(name, dtype, weights)
    patch = _one(model.config.patch_size)
    blank = torch.zeros(
        1, 3, images.size["height"], images.size["width"], dtype=dtype, device=model.device
    )
    try:
        with torch.inference_mode():
            seen = model(blank, output_hidden_states=True).hidden_states[LAYER]
    except (TypeError, ValueError, AttributeError, RuntimeError, IndexError) as error:
        raise _unfit(name, str(error).partition("\n")[0][:200]) from None
    if seen.ndim != 3 or seen.shape[2] != model.config.hidden_size:
        raise _unfit(name, f"features of shape {tuple(seen.shape)}")
    sees = Tower(model, images, patch, seen.shape[1])
    if sees.added < 0:
        raise _unfit(name, f"{sees.tokens} features of a picture, fewer than patches")
    return sees


def _unfit(name: str, found: str) -> OptionError:
    expected = "an encoder of single pictures, such as CLIP, SigLIP, DINOv2 or ViT"
    return OptionError("--vision-tower", f"{name}: {found}", expected)


def _encoder(name: str, dtype: torch.dtype, weights: bool) -> tuple[Any, Any]:
    """The encoder of pictures, and how pictures are prepared for it."""
    if name.startswith(models.TINY):
        return _tiny_encoder(name, dtype, weights)
    from transformers import AutoImageProcessor, AutoModel

    kind = models.model_type(name)
    if kind in families_of_types():
        loaded = models.load(name, dtype) if weights else models.outline(name)
        whole: Any = loaded.model.get_submodule(loaded.family.vision_tower)
        known = loaded.processor.image_processor
    else:
        whole = _made(AutoModel, name, dtype, weights, "--vision-tower")
        known = AutoImageProcessor.from_pretrained(name)
    model = getattr(whole, "vision_model", whole)
    return model, _images(known, _side(known, model.config))


def _tiny_encoder(name: str, dtype: torch.dtype, weights: bool) -> tuple[Any, Any]:
    import torch
    from transformers import AutoConfig, AutoModel, SiglipImageProcessor

    kind = name.removeprefix(models.TINY)
    try:
        config = AutoConfig.for_model(kind, **tiny.vision(num_hidden_layers=3))
        with torch.device("cpu" if weights else "meta"):
            model = AutoModel.from_config(config).to(dtype)
    except ValueError as error:
        raise _unfit(name, str(error).partition(".")[0][:200]) from None
    return model, _images(SiglipImageProcessor(), tiny.IMAGE)


def _side(known: Any, config: Any) -> int:
    """Height and width of the pictures that the tower was trained on."""
    cut = getattr(known, "crop_size", None) if getattr(known, "do_center_crop", False) else None
    size = cut or known.size
    return int(size["height"]) if "height" in size else _one(config.image_size)


def _one(sides: Any) -> int:
    """A length that some configurations give once, and some for height and width."""
    return int(sides if isinstance(sides, int) else sides[0])


def _images(known: Any, side: int) -> Any:
    """Pictures of one size: the whole picture is seen, where towers' own processors cut."""
    from transformers import SiglipImageProcessor

    return SiglipImageProcessor(
        size={"height": side, "width": side},
        resample=known.resample,
        image_mean=known.image_mean,
        image_std=known.image_std,
    )


def _made(kind: Any, name: str, dtype: torch.dtype, weights: bool, option: str) -> Any:
    """A model of transformers, loaded or in outline.

    Raises:
        OptionError: It cannot be loaded.
    """
    import torch
    from transformers import AutoConfig

    try:
        if weights:
            return kind.from_pretrained(name, dtype=dtype, use_safetensors=True)
        with torch.device("meta"):
            return kind.from_config(AutoConfig.from_pretrained(name))
    except (OSError, ValueError) as error:
        problem = " ".join(str(error).split())[:300]
        raise OptionError(option, f"{name!r} cannot be loaded: {problem}", "a model") from None
