"""Splits a data set into parts, by picture and never by row.

A question about a picture that was trained on is not unseen. So all questions that share a picture,
directly or through others, go to the same part (:mod:`vqadata.rearranging.picture_groups`).

The part of a group depends on the group, the seed and the shares alone: the digest that names the
group gives it a point in [0, 1), and the shares cut that line in the order in which they are given.
So pictures may be added later without any of the old ones changing sides, unless a new question
joins two groups. The price is that shares are met on average, not exactly: the share of groups is
off by some sqrt(p (1-p) / groups).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from vqadata.converting.conversion import OutputOptions, step_entry
from vqadata.errors import OptionError
from vqadata.groundwork.flags import build
from vqadata.rearranging.picture_groups import NO_GROUP, PictureGroups, picture_groups
from vqadata.rearranging.resharding import STAYS, Plan, reshard
from vqadata.rearranging.rewriting import refuse_input, rewrite
from vqadata.rearranging.shares import SplitOptions
from vqadata.shards.manifest import Manifest
from vqadata.shards.reader import Shards, open_shards

if TYPE_CHECKING:
    from vqadata.groundwork.spill import Numbers


class PartCount(NamedTuple):
    """What one part got."""

    name: str
    rows: int
    pictures: int
    wanted: float
    """Share of the groups that was asked for, 0 to 1."""
    got: float
    """Share of the rows that were split, 0 to 1."""


class SplitOutcome(NamedTuple):
    """A data set that was split."""

    manifest: Manifest
    parts: list[PartCount]
    groups: int
    """Groups that were given to the parts, each as a whole."""
    largest: int
    """Rows of the largest group."""
    shared: int
    """Pictures of the parts that a split which was kept as it is shows too."""


def split(
    shards: Path | str,
    out: Path | str,
    parts: SplitOptions | Mapping[str, float],
    options: OutputOptions | None = None,
) -> SplitOutcome:
    """Split a data set by picture.

    Args:
        shards: A finished folder of shards.
        out: Output folder, or a URL; must be new, empty or unfinished.
        parts: The share of each part by its name, or options with seed and more.
        options: How to write.

    Returns:
        The manifest of the finished folder, and what each part got.

    Raises:
        VqaDataError: ``shards`` cannot be read, a split is unknown, or a part would stay empty.
            Nothing that looks complete is left in ``out``.
    """
    options = options or OutputOptions()
    how = parts if isinstance(parts, SplitOptions) else build(SplitOptions, {"part": parts})
    before = open_shards(shards)
    _check(before, out, how)
    groups = picture_groups(before, how.within)
    earlier = sum(step.step == "split" for step in before.manifest.steps)
    part_of_group = how.parts_of(groups.names, earlier)
    _check_filled(part_of_group, how)
    part_of = _of_questions(part_of_group, groups)
    step = step_entry("split", "by-picture", how, options, before.digest)
    plan = Plan(part_of, [part.name for part in how.part], len(before.manifest.splits) > 1)
    manifest = rewrite(
        before, out, step, options, lambda folder, _ledger: reshard(before, plan, folder)
    )
    return _outcome(manifest, how, groups)


def _check(before: Shards, out: Path | str, how: SplitOptions) -> None:
    refuse_input(before, out)
    splits = before.manifest.splits
    if how.within is None:
        return
    if how.within not in splits:
        known = ", ".join(name or "(no name)" for name in splits) or "none, there are no rows"
        raise OptionError(
            f"--within {how.within}", f"no such split in {before.where}", f"one of {known}",
            "Check the spelling, or leave it out to split all rows.",
        )  # fmt: skip
    for part in how.part:
        if part.name in splits and part.name != how.within:
            raise OptionError(
                f"--part {part.name}", "the name of a split that is kept as it is", "a new name",
                f"Rename the part, or leave out --within {how.within} to split all rows.",
            )  # fmt: skip


def _check_filled(part_of_group: Numbers, how: SplitOptions) -> None:
    filled, groups = set(part_of_group.tolist()), len(part_of_group)
    remedy = "Give it a larger share, or choose another --seed."
    if groups < len(how.part):
        remedy = f"Ask for fewer parts: the data have {groups} groups of rows that share pictures."
    for number, part in enumerate(how.part):
        if number not in filled:
            where = f"--part {part.name}={part.share:g}"
            found = f"it would stay empty, of {groups} picture groups"
            raise OptionError(where, found, "at least one of them", remedy)


def _of_questions(part_of_group: Numbers, groups: PictureGroups) -> Numbers:
    """The part of each question; one without a group stays where it is."""
    import numpy as np

    # NO_GROUP is -1 and so finds the last entry.
    found: Numbers = np.append(part_of_group, STAYS)[groups.of_question]
    return found


def _outcome(manifest: Manifest, how: SplitOptions, groups: PictureGroups) -> SplitOutcome:
    import numpy as np

    grouped = groups.of_question[groups.of_question != NO_GROUP]
    return SplitOutcome(
        manifest=manifest,
        parts=list(_part_counts(manifest, how, len(grouped))),
        groups=len(groups.names),
        largest=int(np.bincount(grouped).max(initial=0)),
        shared=groups.shared,
    )


def _part_counts(manifest: Manifest, how: SplitOptions, rows: int) -> Iterator[PartCount]:
    for part in how.part:
        own = manifest.splits[part.name]
        pictures = sum(shard.pictures for shard in manifest.shards if shard.split == part.name)
        yield PartCount(part.name, own, pictures, part.share, own / rows)
