"""The contract of preprocessing: how pictures and texts became tensors when a model was trained.

It lies beside the weights as ``preprocessing.json``. An evaluation settles its own and compares: a
model that was trained with one size of pictures and asked with another answers worse, in silence.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from vqadata.errors import OptionError, VqaDataError
from vqatrain.batches.batch import SPECIAL_TOKEN_POLICY
from vqatrain.config import PictureOptions
from vqatrain.data import PICTURE_POLICY
from vqatrain.models.family import Loaded

FILE = "preprocessing.json"

FREE = ("max_pixels", "prompt_suffix")
"""Fields that are kept and not compared: the one shows in ``pictures``, the other is an option."""


class Contract(BaseModel):
    """How a model was shown its data; ``preprocessing.json`` is this model."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    family: str = Field(description="File name of the family.")
    max_pixels: int | None = Field(description="Limit that was asked for; null: the processor's.")
    pictures: dict[str, Any] = Field(
        description="Settings of the image processor: sizes, tiles, mean and deviation, class."
    )
    normalisation: str = Field(
        description="Policy by which EXIF orientation, transparency, deep grey, palettes and "
        "animations become RGB."
    )
    chat_template: str = Field(description="SHA-256 of the chat template.")
    special_tokens: str = Field(description="Policy for special tokens that users wrote.")
    prompt_suffix: str = Field(description="Text after every question.")


def settle(
    loaded: Loaded, options: PictureOptions, suffix: str, trained: Contract | None = None
) -> Contract:
    """Set the processor as the options, or the contract, want it, and say how it stands.

    Args:
        loaded: Its processor is changed, and its configuration where that repeats a setting.
        options: The limit of pixels or tiles.
        suffix: Text after every question.
        trained: Contract that the model was trained under; gives the limit if no option does.

    Raises:
        OptionError: The limit does not fit the family.
    """
    limit = _limit(loaded, options) or (trained.max_pixels if trained else None)
    if limit is not None:
        loaded.family.limit_pixels(loaded, limit)
    processor: Any = loaded.processor
    return Contract(
        family=type(loaded.family).__module__.rpartition(".")[2],
        max_pixels=limit,
        pictures=_settings(processor),
        normalisation=PICTURE_POLICY,
        chat_template=hashlib.sha256(str(processor.chat_template).encode()).hexdigest(),
        special_tokens=SPECIAL_TOKEN_POLICY,
        prompt_suffix=suffix,
    )


def _settings(processor: Any) -> dict[str, Any]:
    """What the image processor is set to; the processor's own defaults win over its own."""
    settings: dict[str, Any] = json.loads(processor.image_processor.to_json_string())
    return settings | dict(getattr(processor, "images_kwargs", {}))


def _limit(loaded: Loaded, options: PictureOptions) -> int | None:
    """The limit in pixels."""
    smallest = loaded.family.smallest_picture(loaded.processor)
    if options.max_tiles is not None:
        if options.max_pixels is not None:
            raise OptionError("--max-tiles", "given together with --max-pixels", "one of them")
        if not loaded.family.tiled:
            kind = loaded.model.config.model_type
            raise OptionError("--max-tiles", f"{kind} cuts no tiles", "--max-pixels")
        return options.max_tiles * smallest
    if options.max_pixels is not None and options.max_pixels < smallest:
        found = f"found {options.max_pixels}"
        raise OptionError("--max-pixels", found, f"{smallest} or more with this model")
    return options.max_pixels


def write(contract: Contract, folder: Path) -> None:
    """Write the contract beside the weights in ``folder``."""
    (folder / FILE).write_text(contract.model_dump_json(indent=1) + "\n", encoding="utf-8")


def read(folder: Path) -> Contract | None:
    """The contract in a folder; ``None`` without one, as with models that others trained.

    Raises:
        VqaDataError: The file is damaged.
    """
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        return Contract.model_validate_json(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise VqaDataError(str(path), str(error).splitlines()[0], "a contract") from None


def compare(trained: Contract | None, now: Contract, folder: Path) -> None:
    """Refuse to go on under another contract.

    Args:
        trained: What the model was trained under; ``None`` fits everything.
        now: What would be done.
        folder: Where ``trained`` lies, for the message.

    Raises:
        VqaDataError: They differ; every difference is named.
    """
    if trained is not None and (said := differences(trained, now)):
        raise VqaDataError(
            str(folder / FILE), said, "the preprocessing of training",
            "Leave --max-pixels and --max-tiles away, and use the processor of the run.",
        )  # fmt: skip


def differences(trained: Contract, now: Contract) -> str:
    """What differs, by name; empty if nothing does."""
    found, expected = dict(_flat(now)), dict(_flat(trained))
    return "; ".join(
        f"{key} is {_shown(found.get(key))}, trained with {_shown(expected.get(key))}"
        for key in sorted(found.keys() | expected.keys())
        if found.get(key) != expected.get(key)
    )


def _flat(contract: Contract) -> Iterator[tuple[str, Any]]:
    for name, value in contract.model_dump(mode="json", exclude=set(FREE)).items():
        if isinstance(value, dict):
            yield from ((f"{name}.{key}", inner) for key, inner in value.items())
        else:
            yield name, value


def _shown(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) < 80 else f"{text[:76]}..."
