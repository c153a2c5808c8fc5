"""VQA v1 and v2: open questions about COCO pictures, ten answers each.

Origin: Antol et al., ICCV 2015 (https://arxiv.org/abs/1505.00468), Goyal et al., CVPR 2017
(https://arxiv.org/abs/1612.00837); https://visualqa.org/download.html.
Licence: questions and annotations CC BY 4.0; COCO pictures under their Flickr licences.
TextVQA and VizWiz in the same layout, with string ids, are read too, and the abstract scenes of
VQA v1, whose pictures are called ``abstract_v002_train2015_000000011779.png``.

One raw question and annotation::

    {"image_id": 458752, "question": "What is this photo taken looking through?",
     "question_id": 458752000}
    {"question_type": "what is this", "multiple_choice_answer": "net", "image_id": 458752,
     "answers": [{"answer": "net", "answer_confidence": "maybe", "answer_id": 1}, ...],
     "answer_type": "other", "question_id": 458752000}
"""

from __future__ import annotations

from typing import ClassVar

from vqadata.converting.look import FileLook, Look
from vqadata.layouts.vqa_pairs import says_ok_vqa
from vqadata.layouts.vqa_source import VqaSource


class CocoVqa(VqaSource):
    """VQA v1/v2, and TextVQA or VizWiz in VQA layout: a questions and an annotations file."""

    example: ClassVar[str] = (
        "vqadata convert coco-vqa --questions q.json --annotations a.json --image-root train2014 "
        "-o shards"
    )

    @classmethod
    def fits(cls, questions: FileLook, look: Look) -> bool:  # noqa: ARG003
        """Whether it is not OK-VQA, which shares the layout."""
        return not says_ok_vqa(look)
