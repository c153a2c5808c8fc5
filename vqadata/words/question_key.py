"""What a question asks, without how it is put: its words of content, in order, in one spelling.

"What colour is the cat?" and "what is the color of the cat" have the same key. The order is kept,
because "left of the dog" and "the dog left of" are two questions; so are negations, numbers and
question words. Pictures have some five questions, hence keys are compared inside one picture only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vqadata.words.check import plain

if TYPE_CHECKING:
    import polars as pl

FILLERS = """
a an the is are was were be been am do does did of there this that these those it its please can
could you see shown show visible present any some image picture photo photograph photos pictures
images in following 的 吗 呢 啊 了 是 请 问 图 中 里
""".split()  # noqa: SIM905 - a list of words is read, not of strings
"""Words that carry no content of a question about a picture."""

NEGATIONS = ["no", "not", "never", "without", "none", "不", "没", "无"]

SPELLINGS = {
    r"\b(col|fav|harb|neighb|tum|od|behavi|vap|hum)our": "${1}or",
    r"\bgrey": "gray",
    r"\b(cent|theat|met|lit|fib)re(s?)\b": "${1}er${2}",
    r"(\w{3,})is(e|ed|es|ing|ation)\b": "${1}iz${2}",
    r"\b(o|f)e(dema|sophag|tus|tal)": "e${2}",
    r"aem(ia|ic|at|or)": "em${1}",
    r"\bcan[’']?t\b|\bcannot\b": "can not",  # noqa: RUF001 - both apostrophes are written
    r"n[’']?t\b": " not",  # noqa: RUF001
    r"[’']s\b": "",  # noqa: RUF001
}
"""Spellings of one word, British and American: what is written, and what the key holds."""

WORD = r"[\p{Han}\p{Hiragana}\p{Katakana}]|[\p{Latin}\p{Greek}\p{Cyrillic}\p{Arabic}\p{Hebrew}\p{Hangul}\p{Thai}\p{Devanagari}\p{M}\p{N}]+"  # noqa: E501


def content_words(text: pl.Expr) -> pl.Expr:
    """The words of a question that carry its content, in their order, as a column expression.

    Returns:
        Lists of words, lower case, in one spelling, without a plural's s.

    >>> import polars as pl
    >>> texts = pl.Series(["What colour is the cat?", "what is the color of the cats"])
    >>> pl.select(content_words(pl.lit(texts))).to_series().to_list()
    [['what', 'color', 'cat'], ['what', 'color', 'cat']]
    """
    import polars as pl

    text = text.str.to_lowercase()
    for written, key in SPELLINGS.items():
        text = text.str.replace_all(written, key)
    kept = pl.element().filter(~pl.element().is_in(FILLERS))
    singular = kept.str.replace(r"([^s]{2})s$", "$1")
    return text.str.extract_all(WORD).list.eval(singular)


def with_content_words(table: pl.DataFrame) -> pl.DataFrame:
    """A table with ``words``, the :func:`content_words` of its text, and ``asked``, its plain form.

    What is asked of one picture is asked of many: each distinct text is taken apart once.
    """
    import polars as pl

    text = pl.col("text")
    told = table.select(text.unique()).with_columns(words=content_words(text), asked=plain(text))
    return table.join(told, on="text", how="left", maintain_order="left")


def negations(words: pl.Expr) -> pl.Expr:
    """How many words of each list deny."""
    import polars as pl

    return words.list.eval(pl.element().is_in(NEGATIONS)).list.sum()


def without_negations(words: pl.Expr) -> pl.Expr:
    """The words of each list that do not deny."""
    import polars as pl

    return words.list.eval(pl.element().filter(~pl.element().is_in(NEGATIONS)))
