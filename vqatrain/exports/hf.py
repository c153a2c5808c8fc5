"""A folder for plain transformers: weights, processor with its chat template, contract.

Source: https://huggingface.co/docs/transformers (``save_pretrained``). The processor holds the
limit of pixels that the model was trained with, so any tool that reads the folder scales pictures
as training did. What no file of transformers can say - how odd pictures become RGB, what stands
after each question - is in ``preprocessing.json`` and in the README of the folder.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vqatrain.delivering.exporting import ModelExport
from vqatrain.models import model as models
from vqatrain.models.family import Loaded

USAGE = """# Use

```sh
pip install torch torchvision transformers pillow num2words  # the last for SmolVLM alone
```

```py
import torch
from PIL import Image, ImageOps
from transformers import AutoModelForImageTextToText, AutoProcessor

folder = "."
processor = AutoProcessor.from_pretrained(folder)
model = AutoModelForImageTextToText.from_pretrained(folder, dtype="auto").eval()

SUFFIX = {suffix!r}


def answer(path: str, question: str) -> str:
    picture = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
    content = [{{"type": "image"}}, {{"type": "text", "text": question + SUFFIX}}]
    messages = [{{"role": "user", "content": content}}]
    prompt = processor.apply_chat_template(messages, add_generation_prompt=True)
    inputs = processor(text=[prompt], images=[[picture]], return_tensors="pt").to(model.dtype)
    with torch.inference_mode():
        ids = model.generate(**inputs, max_new_tokens=16, do_sample=False)
    said = ids[:, inputs["input_ids"].shape[1] :]
    return processor.batch_decode(said, skip_special_tokens=True)[0].strip()
```

`preprocessing.json` says how pictures and texts became tensors in training. `vqatrain infer` and
`vqatrain serve` hold to all of it; the lines above do so for common pictures.
"""


class Hf(ModelExport):
    """Weights, processor and contract for plain transformers."""

    def write(self, loaded: Loaded, folder: Path) -> None:
        """Write what ``save_pretrained`` writes, as safetensors."""
        models.save(loaded, folder)

    def read(self, folder: Path, dtype: Any) -> Loaded:
        """Load the weights."""
        return models.load(str(folder), dtype)

    def usage(self, suffix: str) -> str:
        """The lines of Python that ask the model."""
        return USAGE.format(suffix=suffix)
