"""Which engine works, with how many workers: options, and the one way to get an engine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from vqadata.engine.local import Alone, Processes, Threads
from vqadata.engine.stage import Engine, Receipt, Spec, Stage

WorkerKind = Literal["processes", "threads"]


class EnginePlace(BaseModel):
    """Where work is done."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    engine: Literal["local", "ray"] = Field(
        "local",
        description="Where workers are: on this machine, or in a Ray cluster, whose machines must "
        "see input, output and cache under the same paths. Needs: pip install 'vqadata[ray]'.",
    )
    worker_kind: WorkerKind = Field("processes", description="What a local worker is.")
    ray_address: str | None = Field(
        None,
        description="Address of a running Ray cluster, or auto. By default Ray is started on this "
        "machine, and ended with the run.",
        json_schema_extra={"metavar": "ADDRESS"},
    )


class EngineOptions(EnginePlace):
    """Who works; nothing of it shows in the output."""

    workers: int | None = Field(
        None,
        ge=0,
        description="Workers; 0 for none beside the program itself. By default one a processor "
        "where there is much to do, else 0; on Ray all that the cluster has.",
    )


@contextmanager
def hire(
    stage: Stage[Spec, Receipt], options: EngineOptions, is_much: bool
) -> Iterator[Engine[Spec, Receipt]]:
    """An engine for as long as the context lasts.

    Args:
        stage: What it does.
        options: Where, and with how many workers.
        is_much: Whether there is enough to do for more processes to be worth their start.

    Raises:
        MissingExtraError: Ray is asked for and not installed.
        VqaDataError: The cluster cannot be reached.
    """
    if options.engine == "ray":
        from vqadata.engine.ray import Cluster

        with closing(Cluster(stage, options.ray_address, options.workers)) as cluster:
            yield cluster
        return
    count = worker_count(options.workers, is_much)
    if not count:
        yield Alone(stage)
        return
    kind = Processes if options.worker_kind == "processes" else Threads
    with closing(kind(stage, count)) as engine:
        yield engine


def worker_count(asked: int | None, is_much: bool) -> int:
    """How many local workers to take, where nothing was asked for."""
    if asked is not None:
        return asked
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
    return processors if is_much and processors > 1 else 0
