"""From many answers to the one to train on, a batch at a time.

The policy is an option of every source and is recorded in the manifest. All answers stay in the
record whatever the policy, so another one can be applied later.

Answers of a batch become a matrix of codes, one row a question; counting is then a comparison of
every answer with every other one of its row (n x L x L for n questions of at most L answers).
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    Matrix: TypeAlias = np.ndarray[Any, np.dtype[Any]]

AnswerPolicy = Literal["majority", "first", "most-confident", "soft", "given"]
"""``majority``: the most frequent answer; of tied ones the one that comes first in the source.
``first``: the first answer. ``most-confident``: the majority among the answers with the highest
confidence. ``soft``: the majority, plus soft labels of all distinct answers. ``given``: what the
source itself names as the answer."""

CONFIDENCE_ORDER = {"yes": 2, "maybe": 1, "no": 0}
"""How sure the annotators of VQA v1/v2 said they were; an unknown word counts as ``no``."""

UNANSWERABLE = ("unanswerable", "unsuitable", "unsuitable image")
"""Answers of VizWiz and TextVQA that say that there is none (Gurari et al. 2018, section 3)."""

SOFT_SCORE_STEP = 0.3
"""Soft score an occurrence: the leave-one-out VQA accuracy of an answer (Antol et al. 2015)."""


class _Answers(NamedTuple):
    """The answers of a batch as a matrix; -1 where a question has fewer than the others."""

    codes: Matrix
    """int32, shape (questions, most answers)."""
    counts: Matrix
    """Occurrences of each answer in its row, of that shape; 0 where there is none."""
    texts: pa.Array
    """The text of each code."""


def settle(batch: pa.RecordBatch, policy: AnswerPolicy) -> pa.RecordBatch:
    """Choose the training answers of a batch of records, and say how far the annotators agree.

    Args:
        batch: Records with ``answers`` and ``given_answer``.
        policy: How to choose; see :data:`AnswerPolicy`.

    Returns:
        The batch with ``answer``, ``unanswerable``, ``agreement`` and ``soft_labels`` filled.
        ``answer`` is ``given_answer`` where there are no answers; null where there is neither.
    """
    answers = _matrix(batch.column("answers"))
    answer = _chosen(batch, answers, policy)
    columns = {
        "answer": answer,
        "unanswerable": _unanswerable(answer),
        "agreement": _agreement(answers, batch.schema.field("agreement").type),
    }
    if policy == "soft":
        columns["soft_labels"] = _soft_labels(answers, batch.schema.field("soft_labels").type)
    for name, column in columns.items():
        place = batch.schema.get_field_index(name)
        batch = batch.set_column(place, batch.schema.field(name), column)
    return batch


def _matrix(answers: pa.ListArray) -> _Answers:
    import numpy as np
    import pyarrow.compute as pc

    lengths = pc.fill_null(pc.list_value_length(answers), 0).to_numpy()
    texts = pc.struct_field(pc.list_flatten(answers), "answer").dictionary_encode()
    rows = np.repeat(np.arange(len(lengths)), lengths)
    places = np.arange(len(rows)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    # Column by column in memory: what follows goes through one answer of all questions at a time.
    codes = np.full((len(lengths), max(int(lengths.max(initial=0)), 1)), -1, np.int32, order="F")
    codes[rows, places] = texts.indices.to_numpy()
    return _Answers(codes, _counted(codes), texts.dictionary)


def _counted(codes: Matrix) -> Matrix:
    """How often each cell's code stands in its row; 0 for an empty cell."""
    import numpy as np

    counts = np.zeros_like(codes)
    for place in range(codes.shape[1]):
        counts += codes == codes[:, place, None]
    return np.where(codes < 0, 0, counts)


def _chosen(batch: pa.RecordBatch, answers: _Answers, policy: AnswerPolicy) -> pa.Array:
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    given = batch.column("given_answer")
    if policy == "given":
        return given
    counts = answers.counts
    if policy == "first":
        counts = np.where(answers.codes < 0, 0, 1)
    elif policy == "most-confident":
        counts = _counted(_most_confident(batch.column("answers"), answers.codes))
    best = counts.argmax(1)  # of equal counts the first
    codes = answers.codes[np.arange(len(best)), best]
    picked = answers.texts.take(pa.array(codes, mask=codes < 0))
    return pc.if_else(pa.array(codes < 0), given, picked)


def _unanswerable(answers: pa.Array) -> pa.Array:
    """Whether each answer says that there is none; null where there is no answer."""
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = answers.dictionary_encode()
    words = pc.utf8_trim_whitespace(pc.utf8_lower(texts.dictionary))
    return pc.is_in(words, pa.array(UNANSWERABLE)).take(texts.indices)


def _most_confident(answers: pa.ListArray, codes: Matrix) -> Matrix:
    """The codes without the answers that are less sure than the surest of their row."""
    import numpy as np
    import pyarrow.compute as pc

    words = pc.struct_field(pc.list_flatten(answers), "confidence").dictionary_encode()
    order = [CONFIDENCE_ORDER.get(word, 0) for word in words.dictionary.to_pylist()]
    levels = np.full(codes.shape, -1)
    known = pc.fill_null(words.indices, len(order)).to_numpy()
    levels[codes >= 0] = np.array([*order, 0])[known]
    return np.where(levels == levels.max(1, keepdims=True), codes, -1)


def _agreement(answers: _Answers, kind: pa.StructType) -> pa.StructArray:
    import numpy as np
    import pyarrow as pa

    codes, counts, texts = answers
    present = codes >= 0
    number = np.maximum(present.sum(1), 1)
    most = counts.max(1)
    share = np.where(present, counts, 1) / number[:, None]
    surprise = np.where(present, -np.log2(share), 0)
    columns = {
        "distinct": np.rint((present / np.maximum(counts, 1)).sum(1)).astype(np.int64),
        "majority_share": most / number,
        "entropy": (surprise.sum(1) / number).round(6) + 0.0,
        "tie": ((counts == most[:, None]) & present).sum(1) > most,
        "contradiction": _said(codes, texts, "yes") & _said(codes, texts, "no"),
    }
    few = pa.array(present.sum(1) < 2)
    arrays = [pa.array(columns[field.name]) for field in kind.fields]
    return pa.StructArray.from_arrays(arrays, fields=kind.fields, mask=few)


def _said(codes: Matrix, texts: pa.Array, word: str) -> Matrix:
    """Whether each row has an answer that is ``word`` in any case."""
    import numpy as np
    import pyarrow.compute as pc

    is_word = pc.equal(pc.utf8_lower(texts), word).to_numpy(zero_copy_only=False)
    return np.asarray(np.append(is_word, False)[codes].any(axis=1))  # -1 is the False at the end


def _soft_labels(answers: _Answers, kind: pa.ListType) -> pa.ListArray:
    import pyarrow as pa

    texts = answers.texts.to_pylist()
    labels = [
        [
            {"answer": texts[code], "score": min(1.0, round(SOFT_SCORE_STEP * count, 1))}
            for code, count in Counter(code for code in row if code >= 0).most_common()
        ]
        for row in answers.codes.tolist()
    ]
    return pa.array(labels, kind)
