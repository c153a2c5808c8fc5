"""OK-VQA: questions about COCO pictures that need outside knowledge, ten answers each.

Origin: Marino et al., CVPR 2019 (https://arxiv.org/abs/1906.00067);
https://okvqa.allenai.org/download.html. Licence: CC BY 4.0; COCO pictures under their own.
The ten answers are those of five annotators, each twice. ``answer`` is stemmed, ``raw_answer`` is
what was written; both are kept.

One raw question and annotation of the official files::

    {"image_id": 51606, "question": "What is the hairstyle of the blond called?",
     "question_id": 516065}
    {"image_id": 51606, "question_id": 516065, "question_type": "four", "answer_type": "other",
     "answers": [{"answer_id": 1, "raw_answer": "pony tail", "answer_confidence": "yes",
                  "answer": "pony tail"}, ...], "confidence": 3}

A plain list with ten strings a row, questions and answers together, circulates as well; it is read
as the questions file alone, or as the annotations of the official questions::

    {"image_id": 339761, "question": "Name the type of plant this is?", "question_id": 3397615,
     "answers": ["vine", "vine", "vine", "vine", "climbing", "climbing", ...]}
"""

from __future__ import annotations

from typing import ClassVar

from vqadata.converting.look import FileLook, Look
from vqadata.layouts.vqa_pairs import says_ok_vqa
from vqadata.layouts.vqa_source import VqaSource


class OkVqa(VqaSource):
    """OK-VQA: the official two files, or one list with ten plain answers a question."""

    example: ClassVar[str] = (
        "vqadata convert ok-vqa --questions OpenEnded_mscoco_val2014_questions.json "
        "--annotations mscoco_val2014_annotations.json --image-root val2014 -o shards"
    )

    @classmethod
    def fits(cls, questions: FileLook, look: Look) -> bool:  # noqa: ARG003
        """Whether it is OK-VQA by what the files say."""
        return says_ok_vqa(look)
