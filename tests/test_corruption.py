"""Whatever happens to the files, it is noticed, and no wrong row is handed out."""

from __future__ import annotations

from pathlib import Path

from tests.corruption import KINDS, outcomes

COUNT = 120
"""``python -m tests.corruption`` does 1,000."""


def test_damage_of_every_kind_is_noticed(tmp_path: Path) -> None:
    found = list(outcomes(tmp_path, COUNT, seed=7))
    assert {outcome.kind for outcome in found} == set(KINDS)
    assert [o for o in found if not (o.by_reader or o.by_verify)] == []
    assert [o for o in found if not o.by_verify] == []
    # A reader opens neither the ledger nor a file that the manifest does not know.
    unread = [o for o in found if o.file == "ledger.parquet" or o.kind == "extra"]
    assert [o for o in found if not o.by_reader and o not in unread] == []
    assert sum(outcome.wrong for outcome in found) == 0
