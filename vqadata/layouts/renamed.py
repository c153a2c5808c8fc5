"""Records of a known layout under other names of their columns, as ``--columns`` of ms-swift."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import Field

from vqadata.errors import OptionError
from vqadata.layouts.row_source import RowSource
from vqadata.layouts.table import Table


class RenamedSource(RowSource):
    """A layout whose columns a user may call otherwise."""

    column: list[str] = Field(
        default_factory=list,
        description="A name of this layout and the column that has its place, such as "
        "query=question or images=pictures; may be given several times.",
        json_schema_extra={"metavar": "NAME=COLUMN"},
    )

    def open(self, file: Path) -> Table:
        """Open one file, and give its columns the names of the layout.

        Raises:
            OptionError: No record has a column that is named.
        """
        table = super().open(file)
        for name, column in self._columns.items():
            if not table.has_any(lambda members, column=column: column in members):  # type: ignore[misc]
                found = f"no record of {file.name} has {column!r}"
                raise OptionError("--column", found, f"the column that is {name}")
        return table

    def renamed(self, members: dict[str, Any]) -> dict[str, Any]:
        """The members under the names of the layout; what had one of them changes places."""
        members = dict(members)
        for name, column in self._columns.items():
            if column in members:
                value, other = members.pop(column), members.pop(name, None)
                members |= {name: value} if other is None else {name: value, column: other}
        return members

    @cached_property
    def _columns(self) -> dict[str, str]:
        pairs = [flag.partition("=") for flag in self.column]
        for name, equals, column in pairs:
            if not name or not equals or not column:
                expected = "NAME=COLUMN, such as query=question"
                raise OptionError("--column", f"found {name + equals + column!r}", expected)
        return {name: column for name, _, column in pairs}
