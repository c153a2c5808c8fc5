"""What the events of a run say of shards: version, rows, bytes, columns."""

from __future__ import annotations

from vqadata.groundwork.run_events import Data, Run
from vqadata.shards.manifest import Manifest, manifest_digest
from vqadata.shards.reader import Shards
from vqadata.shards.schema import shard_schema


def read(shards: Shards) -> Data:
    """A data set that a run reads."""
    return Data(shards.where, f"sha256:{shards.digest}", *_sizes(shards.manifest), shard_schema())


def made(told: Run, manifest: Manifest) -> Manifest:
    """Tell of the data set that a run has made; give its manifest."""
    if told.is_heard:
        version = f"sha256:{manifest_digest(manifest)}"
        told.made(Data("", version, *_sizes(manifest), shard_schema()))
    return manifest


def _sizes(manifest: Manifest) -> tuple[int, int]:
    return manifest.questions, sum(shard.bytes for shard in manifest.shards)
