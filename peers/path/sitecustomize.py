"""Found by every Python process of a peer: lets torchvision be imported beside CPU torch.

See ``vqatrain/models/torchvision_cpu.py``; here it must happen before code that is not ours
imports it.
"""

from __future__ import annotations

import contextlib
import importlib.abc
import sys
from typing import Any

_NMS = "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_libraries: list[Any] = []  # torch drops the declarations with the object that made them


class _BeforeTorchvision(importlib.abc.MetaPathFinder):
    """Declares the operators that torchvision's import asks for, then steps aside."""

    def find_spec(self, name: str, *_: Any) -> None:
        """Find nothing; act when torchvision is looked for."""
        if name != "torchvision":
            return
        sys.meta_path.remove(self)
        import torch

        if torch.version.cuda is not None:
            return
        library = torch.library.Library("torchvision", "FRAGMENT")
        for operator in (_NMS, _NMS.replace("nms", "qnms", 1)):
            with contextlib.suppress(RuntimeError):
                library.define(operator)
        _libraries.append(library)


sys.meta_path.insert(0, _BeforeTorchvision())
