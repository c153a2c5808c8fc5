"""Scores do not depend on batch size, threads or stops."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.vqatrain.repeating import outcomes


@pytest.mark.parametrize("model", ["tiny:smolvlm", "tiny:qwen2_5_vl"])
def test_scores_do_not_depend_on_how_it_was_asked(model: str, tmp_path: Path) -> None:
    """``python -m tests.vqatrain.repeating`` asks all families."""
    found = list(outcomes(tmp_path, [model]))
    assert len(found) == 5
    assert [one for one in found if one.answers or one.scores] == []
