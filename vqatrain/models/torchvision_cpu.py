"""Makes torchvision usable beside a CPU build of torch.

The torchvision of the package index is a CUDA build: beside CPU torch its compiled operators do not
load, and its import fails because ``torchvision::nms`` is not known. The processors of transformers
need only its resizing, which is written in Python; so the missing operators are declared, and its
picture decoder, which transformers calls for data URIs, is replaced by Pillow.
"""

from __future__ import annotations

import contextlib
import sys
from typing import Any

_NMS = "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_libraries: list[Any] = []  # torch drops the declarations with the object that made them


def prepare() -> None:
    """Declare what is missing; do nothing beside CUDA torch, or where torchvision is loaded."""
    import torch

    if torch.version.cuda is not None or "torchvision" in sys.modules:
        return
    library: Any = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
    for operator in (_NMS, _NMS.replace("nms", "qnms", 1)):
        # A build that fits torch has declared them itself.
        with contextlib.suppress(RuntimeError):
            library.define(operator)
    _libraries.append(library)
    _replace_decoder()


def _replace_decoder() -> None:
    import torchvision

    torchvision.io.decode_image = _decode_image
    torchvision.io.image.decode_image = _decode_image


def _decode_image(data: Any, *_: Any, **__: Any) -> Any:
    """Decode a picture to a uint8 tensor of shape (3, height, width)."""
    import io

    import numpy as np
    import torch
    from PIL import Image

    raw = bytes(data.numpy().tobytes()) if isinstance(data, torch.Tensor) else data
    with Image.open(io.BytesIO(raw) if isinstance(raw, bytes) else raw) as picture:
        pixels = np.array(picture.convert("RGB"))
    return torch.from_numpy(pixels).permute(2, 0, 1).contiguous()
