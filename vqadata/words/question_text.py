"""When two questions, or two answers, are the same text."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa


def normalised(text: str) -> str:
    """A text without case, spacing and closing punctuation.

    >>> normalised("Is  this a Cat ?")
    'is this a cat'
    """
    return " ".join(text.casefold().split()).rstrip(" ?!.")


def normalised_column(texts: pa.StringArray) -> pa.DictionaryArray:
    """Texts normalised, each distinct one once: equal texts have equal indices, nulls have none.

    >>> import pyarrow as pa
    >>> normalised_column(pa.array(["A cat?", "a dog", "a CAT", None])).indices.to_pylist()
    [0, 1, 0, None]
    """
    import pyarrow as pa

    written = texts.dictionary_encode()
    plain = pa.array(map(normalised, written.dictionary.to_pylist()), pa.string())
    plain = plain.dictionary_encode()
    indices = plain.indices.take(written.indices)
    return pa.DictionaryArray.from_arrays(indices, plain.dictionary)
