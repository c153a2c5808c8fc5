"""Brings together what all pictures show, decides what is a mark, and what becomes of its picture.

1. Overlays are looked for in each group (:mod:`vqadata.overlay.finding`).
2. Strings that recur, repeat or are known are marks (:mod:`vqadata.watermarks.marks`).
3. What questions and answers are about stays (:mod:`vqadata.watermarks.questions`).
4. Where marks are to be masked, each picture is masked for proof
   (:mod:`vqadata.watermarks.mending`).
5. Evidence is written (:mod:`vqadata.watermarks.evidence`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING

from vqadata.overlay.finding import find_overlays
from vqadata.watermarks import evidence
from vqadata.watermarks.lexicon import Lexicon
from vqadata.watermarks.marks import REPEATED, Reading, Strings
from vqadata.watermarks.mending import Plan, clinical_boxes, mended
from vqadata.watermarks.questions import Questions, gather
from vqadata.watermarks.sentence import Known, Policy, Sentence, is_told, said, sentenced
from vqadata.watermarks.sheet import Shown

if TYPE_CHECKING:
    from vqadata.cleaning.survey import Survey
    from vqadata.cleaning.text_engine import Rgb, TextEngine
    from vqadata.images.view import View
    from vqadata.overlay.tally import OverlayTally
    from vqadata.watermarks.erase import Box

READS = "a question asks to read, so it is only flagged"
TOO_LARGE = "too large to be filled, so it is only flagged"
STILL_SEEN = "still to be seen after filling, so it is only flagged"


KEPT = 256 << 20
"""Bytes of masked pictures that are kept until they are written; others are masked again."""


class Inquest:
    """Everything that is decided about the marks of a data set.

    Args:
        survey: All pictures.
        policy: What the user wants done.
        engine: What reads; ``None`` if nothing does.
    """

    def __init__(self, survey: Survey, policy: Policy, engine: TextEngine | None) -> None:
        """Decide nothing yet."""
        self.sentences: dict[str, Sentence] = {}
        """What is to become of pictures, by digest; of others nothing."""
        self._survey, self._policy, self._engine = survey, policy, engine
        self._plans: dict[str, Plan] = {}
        self._ready: dict[str, bytes] = {}
        self._filled: dict[str, list[Box]] = {}
        self._asked: set[str] = set()
        """Pictures of which one of the marks is asked about; the others must not cost the row."""

    def hold(
        self,
        tally: OverlayTally,
        readings: Mapping[str, Reading],
        lexicon: Lexicon,
        engine: Mapping[str, str],
    ) -> None:
        """Decide.

        Args:
            tally: Agreement of edges over all pictures.
            readings: What was read, by digest.
            lexicon: Words that are marks.
            engine: What read it, for the evidence.
        """
        strings = Strings(readings.values(), lexicon)
        known = self._overlays(tally, readings, strings)
        facts = [one.facts for one in known]
        evidence.write_facts(self._survey.evidence, engine, facts, strings.recurring)
        carried = _by_picture(known)
        questions = self._questions(readings, set(carried))
        for digest in self._survey.pictures["digest"].to_pylist():
            reading, here = readings.get(digest), carried.get(digest, [])
            found = [] if reading is None else strings.marks(reading)
            asked = questions.of(digest)
            marks = [mark for mark in found if not any(map(asked.about, mark.texts))]
            carried[digest] = left = [one for one in here if not asked.about(one.text)]
            if len(marks) < len(found) or len(left) < len(here):
                self._asked.add(digest)
            if marks or left:
                lines = [] if reading is None else [spot.line for spot in reading.readable]
                overlays = [one.overlay for one in left]
                self._plans[digest] = Plan(marks, overlays, clinical_boxes(lines))
        self._sentence(questions, carried)
        told = {digest: (one.code, one.boxes) for digest, one in self.sentences.items()}
        evidence.write_sheets(self._survey, told)

    def mend(self, view: View) -> bytes:
        """The bytes of a picture that was proved to be maskable, masked."""
        if view.digest in self._ready:
            return self._ready[view.digest]
        found = mended(view, self._plans[view.digest], self._engine)
        if found is None:
            raise TypeError(f"{view.digest} could be masked before and cannot now")
        return found.data

    def _overlays(
        self, tally: OverlayTally, readings: Mapping[str, Reading], strings: Strings
    ) -> list[Known]:
        members: defaultdict[str, list[str]] = defaultdict(list)
        columns = (self._survey.pictures[name].to_pylist() for name in ("digest", "group"))
        for digest, group in zip(*columns, strict=True):
            members[group].append(digest)
        found = [
            overlay
            for group, sums in sorted(tally.groups.items())
            for overlay in find_overlays(group, sums, members[group], self._survey.views)
        ]
        files = [
            evidence.write_overlay(overlay, number, self._survey.evidence)
            for number, overlay in enumerate(found, 1)
        ]
        place = self._survey.evidence.relative_to(self._survey.output).as_posix()
        return [
            Known(
                overlay, f"{place}/{file}", said(overlay, readings),
                is_told(overlay, readings, strings),
            )
            for overlay, file in zip(found, files, strict=True)
        ]  # fmt: skip

    def _questions(self, readings: Mapping[str, Reading], carriers: set[str]) -> Questions:
        texts = dict.fromkeys(carriers, "")
        for digest, reading in readings.items():
            texts[digest] = "\n".join(spot.line.text for spot in reading.readable)
        return gather(self._survey.batches(), texts)

    def _sentence(self, questions: Questions, carried: Mapping[str, list[Known]]) -> None:
        """Say what becomes of each picture; where it is to be masked, prove that it can be."""
        kept = self._asked
        notes = {d: READS for d in self._plans if d in kept or questions.of(d).reads}
        if self._policy == "mask":
            notes |= self._unmaskable([digest for digest in self._plans if digest not in notes])
        for digest, plan in self._plans.items():
            note = notes.get(digest, "")
            action: Policy = "flag" if note else self._policy
            note = note if self._policy != "flag" else ""
            sentence = sentenced(digest, plan, carried[digest], action, note)
            if action == "mask":
                sentence.details["filled"] = self._filled[digest]
            self.sentences[digest] = sentence

    def _unmaskable(self, digests: list[str]) -> dict[str, str]:
        """Mask pictures for proof; why some of them cannot be, by digest."""
        notes: dict[str, str] = {}
        pairs: list[tuple[Shown, Rgb]] = []
        for view in self._survey.views(digests):
            plan = self._plans[view.digest]
            tiled = any(mark.code == REPEATED for mark in plan.marks)
            if tiled or plan.too_large(view.grey.shape):
                notes[view.digest] = TOO_LARGE
            elif (found := mended(view, plan, self._engine)) is None:
                notes[view.digest] = STILL_SEEN
            else:
                self._filled[view.digest] = found.filled
                if sum(map(len, self._ready.values())) + len(found.data) <= KEPT:
                    self._ready[view.digest] = found.data
                if len(pairs) < evidence.PAIRS:
                    pairs.append((Shown(view.rgb, plan.boxes(*view.grey.shape)), found.rgb))
        evidence.write_masked(self._survey.evidence, pairs)
        return notes


def _by_picture(known: list[Known]) -> dict[str, list[Known]]:
    """The overlays that each picture carries, without those that are content."""
    carried: defaultdict[str, list[Known]] = defaultdict(list)
    for one in known:
        if not one.is_content:
            for digest in one.overlay.carriers:
                carried[digest].append(one)
    return dict(carried)


def read_pictures(
    survey: Survey, engine: TextEngine | None, sample: int | None
) -> dict[str, Reading]:
    """What was read in the pass over all pictures, or is read now in a sample; by digest."""
    from vqadata.watermarks.readings import from_columns, sampled

    if engine is None:
        return {}
    found = (
        from_columns(survey.pictures, engine.sure)
        if sample is None
        else sampled(survey, engine, sample)
    )
    return {reading.digest: reading for reading in found}
