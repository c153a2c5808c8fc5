"""Finds pictures and questions of one split that are in another one, or in another data set.

A picture of ``train`` that ``test`` shows as well is not unseen. Splits of the data set are
compared with each other, and with the data sets of ``--against``. Of two splits, the one that must
be unseen is left alone: another data set before ``test``, ``test`` before ``val``, ``val`` before
others, ``train`` last; of splits of one kind the smaller one.

- ``leak-bytes``, ``leak-pixels``, ``leak-id``: the picture is there as well: by its bytes; as an
  edit or a mirror image; by its id alone (COCO 2014 and 2017, Visual Genome).
- ``leak-question``, ``leak-answer``: the same was asked of it, and answered.

``--leaks drop`` takes the rows of such pictures out, which leaves splits that have no picture in
common. Counts of each kind for each two splits are in ``evidence/leakage/matrix.json``. There
``leak-text`` counts the questions with their answers that both have, about any picture: the prior
that a model may learn without looking. A count of pictures is by the surest kind of each.
"""

from __future__ import annotations

import json
import logging
from collections import defaultdict
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field, PrivateAttr

from vqadata.cleaning import look_alikes
from vqadata.cleaning.leaks import Leak, Leaks, Matrix, Partner, Shown, leaking_rows
from vqadata.cleaning.survey import Survey
from vqadata.images.edit import in_words
from vqadata.images.near_pairs import NearPair, Search
from vqadata.images.view import View
from vqadata.ledger import Rejection
from vqadata.shards.reader import open_shards
from vqadata.steps import Cleaner, Verdict

if TYPE_CHECKING:
    import pyarrow as pa

MATRIX = "matrix.json"

log = logging.getLogger(__name__)


class Leakage(Cleaner):
    """Pictures and questions that another split or data set has, too."""

    order: ClassVar[int] = 30
    judging: ClassVar[frozenset[str]] = frozenset({"against", "leaks", "leak_pixels"})

    against: list[Path] = Field(
        default_factory=list,
        description="Shards of another data set whose pictures must not be in this one, such as "
        "an evaluation set; may be given several times.",
        json_schema_extra={"metavar": "DIR"},
    )
    leaks: Literal["flag", "drop"] = Field(
        "flag",
        description="What to do with questions whose picture leaks: drop leaves splits that have "
        "no picture in common.",
    )
    leak_pixels: Literal["off", "certain", "likely"] = Field(
        "likely",
        description="Which edits of a picture leak: none; those that differ nowhere; also those "
        "that text may lie over. Mirror images leak like the picture.",
    )
    _leaks: Leaks | None = PrivateAttr(None)

    @classmethod
    def flags_begin(cls) -> str:
        """Nothing: ``--against`` says enough."""
        return ""

    def columns(self) -> dict[str, pa.DataType]:
        """The fingerprint."""
        return look_alikes.columns()

    def examine(self, view: View) -> dict[str, Any]:
        """Take the fingerprint."""
        return look_alikes.examined(view)

    def decide(self, survey: Survey) -> None:
        """Compare all splits with each other and with the other data sets."""
        if not self.against and len({s.split for s in survey.shards.manifest.shards}) < 2:
            return
        shown, sets = Shown(survey.scratch), [("", survey)]
        shown.add(0, "", survey.batches())
        for number, folder in enumerate(self.against, 1):
            other = survey.beside(open_shards(folder), self)
            named = folder.resolve().name
            again = sum(place.name == named for place in {p._replace(split="") for p in shown.rows})
            sets.append((f"{named} ({number})" if again else named, other))
            shown.add(number, sets[-1][0], other.batches())
        if len(shown.rows) < 2:
            return
        for number, (name, each) in enumerate(sets):
            shown.identify(number, name, each.batches())
        others = [other for _, other in sets[1:]]
        leaks = self._leaks = Leaks(shown, self._partners(survey, others, shown))
        for number, (name, each) in enumerate(sets):
            shown.listen(number, name, each.batches(), leaks.leaking)
        matrix = Matrix(leaks)
        for batch in survey.batches():
            for _, row, questions in leaking_rows(batch, 0, "", leaks.leaking):
                matrix.count(row, questions)
        text = json.dumps(list(matrix.told()), indent=1, ensure_ascii=False)
        (survey.evidence / MATRIX).write_text(text + "\n", encoding="utf-8")

    def judge(self, batch: pa.RecordBatch) -> Iterator[Verdict]:
        """Say of each picture where else it is, and of each question whether it is there too."""
        if self._leaks is None:
            return
        for row, shown, questions in leaking_rows(batch, 0, "", self._leaks.leaking):
            found = [self._leaks.of_picture(digest, shown.place) for digest, _ in shown.pictures]
            every = [leak for leaks in found for leak in leaks]
            for number, question in enumerate(questions if every else ()):
                if (same := self._leaks.of_question(every, question)) is not None:
                    code, leak, asked = same
                    other = leak.other() | {"question_id": asked.question_id}
                    evidence = f"as question {asked.question_id} of {leak.place}, {_same(leak)}"
                    why = Rejection(code, evidence=evidence)
                    yield Verdict(row, number, self.leaks, why, "error",
                                  {**leak.details, "other": other})  # fmt: skip
            for image, leaks in enumerate(found):
                if leaks:
                    evidence = f"{leaks[0].place} has {leaks[0].path}, {_same(leaks[0])}"
                    why = Rejection(leaks[0].kind, evidence=evidence)
                    details = {**leaks[0].details, "other": leaks[0].other()}
                    if len(leaks) > 1:
                        details["also"] = [_told(leak) for leak in leaks[1:]]
                    yield Verdict(row, None, self.leaks, why, "error", details, image)

    def _partners(
        self, survey: Survey, others: list[Survey], shown: Shown
    ) -> dict[str, list[Partner]]:
        """Pictures of this data set that are the same as others though their bytes differ."""
        partners: defaultdict[str, dict[str, Partner]] = defaultdict(dict)
        if self.leak_pixels != "off":
            search = Search([], self.leak_pixels == "likely")
            left = look_alikes.Gallery(survey)
            groups = shown.alone(left.names())
            for right in [left, *map(look_alikes.Gallery, others)]:
                for mirror in (False, True):
                    side = None if right is left else right
                    apart = groups if side is None else None
                    for pair in look_alikes.alike(left, search, side, mirror, apart):
                        _pair_up(partners, left, right, pair)
            for note in dict.fromkeys(search.notes):
                log.warning("leakage: %s", note)
        for digests in shown.by_id.values():
            for one, two in combinations(sorted(digests), 2):
                partners[one].setdefault(two, Partner(two, "leak-id", {}))
                partners[two].setdefault(one, Partner(one, "leak-id", {}))
        return {digest: list(found.values()) for digest, found in partners.items()}


def _pair_up(
    partners: defaultdict[str, dict[str, Partner]],
    left: look_alikes.Gallery,
    right: look_alikes.Gallery,
    pair: NearPair,
) -> None:
    """Tell each picture of a pair of the other one, with the edit that makes it of the other."""
    one, two = left.pictures[pair.left], right.pictures[pair.right]
    if one.digest == two.digest:
        return
    for ours, theirs, turned in ((one, two, True), (two, one, False)):
        edit = look_alikes.edit_between(pair, theirs, ours, turned)
        details = {"edit": edit, "words": in_words(edit), "level": pair.level,
                   "score": pair.difference}  # fmt: skip
        partners[ours.digest].setdefault(
            theirs.digest, Partner(theirs.digest, "leak-pixels", details)
        )


def _told(leak: Leak) -> dict[str, str]:
    """How a finding names a leak beside its surest one."""
    level = leak.details.get("level")
    return leak.other() | ({"level": level} if level else {})


def _same(leak: Leak) -> str:
    if leak.kind == "leak-bytes":
        return "the same bytes"
    if leak.kind == "leak-id":
        return "a picture of the same id"
    sure = "certainly" if leak.details["level"] == "certain" else "likely"
    return f"{sure} the same picture: this one is {leak.details['words']}"
