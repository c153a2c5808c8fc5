"""Vision towers on their own, and what becomes of one that is put before a language model."""

from __future__ import annotations

import importlib.util
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from vqadata.errors import MissingExtraError, OptionError
from vqatrain.composing.language import IMAGE_TOKEN, Language, made
from vqatrain.families.perception_lm import TIMM, VIDEO_TOKEN, tiny_tower
from vqatrain.models import model as models
from vqatrain.models import tiny
from vqatrain.models.family import families_of_types

if TYPE_CHECKING:
    import torch

LAYER = -2
"""Hidden states that the language model sees: the last but one, as in LLaVA 1.5."""

FAILURES = (TypeError, ValueError, AttributeError, RuntimeError, IndexError)
"""What models raise that are no encoder of single pictures."""


class Tower(ABC):
    """A vision tower, tried on a blank picture.

    Args:
        name: What it was asked for as, for messages.
        model: The tower.
        images: Its image processor: one size, nothing cut away, colours as the tower knows them.
        side: Height and width of a picture, in pixels.
        patch: Height and width of a patch, in pixels.

    Raises:
        OptionError: It gives no features by patch.
    """

    marks: ClassVar[Mapping[str, str]] = {}
    """Tokens that the processor asks the tokenizer for, by their names there."""

    def __init__(self, name: str, model: Any, images: Any, side: int, patch: int) -> None:
        """Try it."""
        import torch

        self.model, self.images, self.patch = model, images, patch
        blank = torch.zeros(1, 3, side, side, dtype=model.dtype, device=model.device)
        try:
            with torch.inference_mode():
                seen = self._features(blank)
        except FAILURES as error:
            raise unfit(name, str(error).partition("\n")[0][:200]) from None
        if seen.ndim != 3 or seen.shape[2] != self._width():
            raise unfit(name, f"features of shape {tuple(seen.shape)}")
        self.tokens = int(seen.shape[1])
        """Features of a picture."""
        self.added = self.tokens - (side // patch) ** 2
        """Features that stand for no patch: the first is of the whole picture."""
        if self.added < 0:
            raise unfit(name, f"{self.tokens} features of a picture, fewer than patches")

    @abstractmethod
    def _features(self, pictures: torch.Tensor) -> torch.Tensor:
        """What the language model will see; shape (pictures, features, width)."""

    @abstractmethod
    def _width(self) -> int:
        """Width of a feature."""

    @abstractmethod
    def config(self, speaks: Language) -> Any:
        """Configuration of the tower before a language model."""

    @abstractmethod
    def processor(self, speaks: Language) -> Any:
        """Its processor."""


class LlavaTower(Tower):
    """An encoder of transformers, which becomes the tower of a LLaVA."""

    def _features(self, pictures: torch.Tensor) -> torch.Tensor:
        hidden: torch.Tensor = self.model(pictures, output_hidden_states=True).hidden_states[LAYER]
        return hidden

    def _width(self) -> int:
        return int(self.model.config.hidden_size)

    @property
    def _strategy(self) -> str:
        return "default" if self.added else "full"

    def config(self, speaks: Language) -> Any:
        """A LLaVA that sees the last layer but one, without the feature of the whole picture."""
        from transformers import LlavaConfig

        return LlavaConfig(
            vision_config=self.model.config,
            text_config=speaks.model.config,
            image_token_index=speaks.token_id(IMAGE_TOKEN),
            image_seq_length=self.tokens - bool(self.added),
            vision_feature_layer=LAYER,
            vision_feature_select_strategy=self._strategy,
            tie_word_embeddings=speaks.model.config.tie_word_embeddings,
        )

    def processor(self, speaks: Language) -> Any:
        """A token for each feature."""
        from transformers import LlavaProcessor

        return LlavaProcessor(
            image_processor=self.images,
            tokenizer=speaks.tokenizer,
            patch_size=self.patch,
            vision_feature_select_strategy=self._strategy,
            num_additional_image_tokens=self.added,
            chat_template=speaks.chat_template,
        )


class TimmTower(Tower):
    """A vision transformer of timm, such as EVA, which becomes the tower of a PerceptionLM."""

    marks: ClassVar[Mapping[str, str]] = {"image_token": IMAGE_TOKEN, "video_token": VIDEO_TOKEN}

    def __init__(self, name: str, model: Any, images: Any, side: int, patch: int) -> None:
        """Try it; its configuration gets what a PerceptionLM reads there."""
        width = model.timm_model.embed_dim
        model.config.model_args = {**(model.config.model_args or {}), "embed_dim": width}
        model.config.do_pooling = False  # one feature of the whole picture, which nobody reads
        super().__init__(name, model, images, side, patch)
        if self.added > 1:
            raise unfit(
                name, f"{self.added} features before those of the patches, one at most fits"
            )

    def _features(self, pictures: torch.Tensor) -> torch.Tensor:
        seen: torch.Tensor = self.model(pictures).last_hidden_state
        return seen

    def _width(self) -> int:
        return int(self.model.timm_model.embed_dim)

    def config(self, speaks: Language) -> Any:
        """A PerceptionLM that sees the last layer, a feature a patch."""
        from transformers import PerceptionLMConfig

        return PerceptionLMConfig(
            vision_config=self.model.config,
            text_config=speaks.model.config,
            vision_use_cls_token=bool(self.added),
            image_token_id=speaks.token_id(IMAGE_TOKEN),
            video_token_id=speaks.token_id(VIDEO_TOKEN),
            tie_word_embeddings=speaks.model.config.tie_word_embeddings,
        )

    def processor(self, speaks: Language) -> Any:
        """A token for each patch."""
        from transformers import PerceptionLMProcessor, PerceptionLMVideoProcessor

        return PerceptionLMProcessor(
            video_processor=PerceptionLMVideoProcessor(size=dict(self.images.size)),
            image_processor=self.images,
            tokenizer=speaks.tokenizer,
            patch_size=self.patch,
            pooling_ratio=1,
            chat_template=speaks.chat_template,
        )


def find_tower(name: str, dtype: torch.dtype, weights: bool) -> Tower:
    """Load a tower, or take that of a pair of encoders or of a vision-language model.

    Args:
        name: Folder, hub id, or ``tiny:TYPE``.
        dtype: Type of the weights.
        weights: Without, only the outline is made.

    Raises:
        MissingExtraError: It is one of timm, which is not installed.
        OptionError: It cannot be loaded, or is no encoder of single pictures.
    """
    model, known = _encoder(name, dtype, weights)
    if model.config.model_type == TIMM:
        return _timm_tower(name, model)
    side = _side(known, model.config)
    return LlavaTower(name, model, _images(known, side), side, _one(model.config.patch_size))


def _encoder(name: str, dtype: torch.dtype, weights: bool) -> tuple[Any, Any]:
    """The encoder of pictures, and the image processor that it comes with; timm has none."""
    if name.startswith(models.TINY):
        return _tiny_encoder(name, dtype, weights)
    from transformers import AutoModel

    try:
        kind = models.model_type(name)
    except ImportError:
        raise MissingExtraError("--vision-tower", "timm", "timm") from None
    if kind in families_of_types():
        loaded = models.load(name, dtype) if weights else models.outline(name)
        whole: Any = loaded.model.get_submodule(loaded.family.vision_tower)
        known = loaded.processor.image_processor
    else:
        whole = made(AutoModel, name, dtype, weights, "--vision-tower")
        known = None if kind == TIMM else _image_processor(name)
    return getattr(whole, "vision_model", whole), known


def _image_processor(name: str) -> Any:
    from transformers import AutoImageProcessor

    try:
        return AutoImageProcessor.from_pretrained(name)
    except (OSError, ValueError):
        raise unfit(name, "no image processor beside it (preprocessor_config.json)") from None


def _tiny_encoder(name: str, dtype: torch.dtype, weights: bool) -> tuple[Any, Any]:
    import torch
    from transformers import AutoConfig, AutoModel, SiglipImageProcessor

    kind = name.removeprefix(models.TINY)
    if kind == TIMM and importlib.util.find_spec("timm") is None:
        raise MissingExtraError("--vision-tower", "timm", "timm")
    try:
        sizes = tiny_tower() if kind == TIMM else tiny.vision(num_hidden_layers=3)
        config = AutoConfig.for_model(kind, **sizes)
        with torch.device("cpu" if weights else "meta"):
            model = AutoModel.from_config(config).to(dtype)
    except ValueError as error:
        raise unfit(name, str(error).partition(".")[0][:200]) from None
    size = {"height": tiny.IMAGE, "width": tiny.IMAGE}
    return model, SiglipImageProcessor(size=size)


def _timm_tower(name: str, model: Any) -> TimmTower:
    """A tower of timm, which says itself what pictures it was trained with."""
    from timm.data.config import resolve_data_config
    from transformers import PerceptionLMImageProcessor
    from transformers.image_utils import PILImageResampling

    inner = model.timm_model
    if not hasattr(inner, "embed_dim") or not hasattr(inner, "patch_embed"):
        raise unfit(name, f"a {type(inner).__name__} of timm, which cuts no patches")
    side, patch = _one(inner.patch_embed.img_size), _one(inner.patch_embed.patch_size)
    trained = resolve_data_config(
        pretrained_cfg=getattr(model.config, "pretrained_cfg", None), model=inner
    )
    images = PerceptionLMImageProcessor(
        size={"height": side, "width": side},
        tile_size=side,
        max_num_tiles=1,
        vision_input_type="vanilla",
        resample=PILImageResampling[str(trained["interpolation"]).upper()],
        image_mean=list(trained["mean"]),
        image_std=list(trained["std"]),
    )
    return TimmTower(name, model, images, side, patch)


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


def unfit(name: str, found: str) -> OptionError:
    """A tower that does not fit."""
    expected = "an encoder of single pictures, such as CLIP, SigLIP, DINOv2, ViT, or EVA of timm"
    return OptionError("--vision-tower", f"{name}: {found}", expected)
