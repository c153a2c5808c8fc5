"""What was said before a question: the earlier turns of its conversation, with their answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import polars as pl

NUMBER = "dialog_number"
"""Column that tells which conversation a row belongs to; null for a question of its own."""


class Turn(NamedTuple):
    """A turn that was answered."""

    question: str
    answer: str


class Dialogs:
    """The conversations of some rows.

    Turns are told apart by ``dialog_id`` within a row of pictures, since data sets that were put
    together may repeat an id.

    Args:
        table: All rows, also those that are not chosen: a turn needs the ones before it.
    """

    def __init__(self, table: pl.DataFrame) -> None:
        """Gather the turns of each conversation."""
        import polars as pl

        key = ["picture_row", "dialog_id"]
        whole = table.filter(pl.col("dialog_id").is_not_null()).sort("turn", maintain_order=True)
        self._turns = whole.group_by(key, maintain_order=True).agg("turn", "text", "answer")
        numbers = self._turns.select(key).with_row_index(NUMBER)
        self.table = table.join(numbers, on=key, how="left", maintain_order="left")
        """The rows, with the column :data:`NUMBER`."""

    def before(self, record: dict[str, Any]) -> tuple[Turn, ...]:
        """The turns before a row, the first one first; those without an answer are left out."""
        if record[NUMBER] is None:
            return ()
        turns = self._turns.row(record[NUMBER], named=True)
        said = zip(turns["turn"], turns["text"], turns["answer"], strict=True)
        now = record["turn"] or 0
        return tuple(Turn(q, a) for turn, q, a in said if (turn or 0) < now and a is not None)
