"""Answers requests in batches: one thread asks the model; what has come meanwhile goes together.

A batch is answered to its end before the next one starts. If it fails, its requests are asked one
by one, so that one that cannot be answered costs no other.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

from vqadata.errors import VqaDataError
from vqatrain.answering.answerer import Answerer, Said
from vqatrain.batches.batch import Chat
from vqatrain.serving.room import Full

log = logging.getLogger(__name__)

GATHERING = 0.005
"""Seconds that a batch waits for company."""


class Job(NamedTuple):
    """A request on its way."""

    chat: Chat
    limit: int
    """Most tokens of the answer."""
    heard: Callable[[str], object] | None
    """Takes pieces of the answer as they come."""
    done: Callable[[Said | Exception], object]
    """Takes the answer, or why there is none."""


class Engine:
    """The model and its queue.

    Args:
        answerer: The model.
        batch_size: Requests that are answered together at most.
        waiting: Requests that may wait.
    """

    def __init__(self, answerer: Answerer, batch_size: int, waiting: int) -> None:
        """Start the thread."""
        self._answerer, self._batch_size = answerer, batch_size
        self._queue: queue.Queue[Job | None] = queue.Queue(waiting)
        self._thread = threading.Thread(target=self._work, name="engine", daemon=True)
        self._thread.start()

    def submit(self, job: Job) -> None:
        """Put a request into the queue.

        Raises:
            Full: No more may wait.
        """
        try:
            self._queue.put_nowait(job)
        except queue.Full:
            raise Full from None

    @property
    def waiting(self) -> int:
        """Requests in the queue."""
        return self._queue.qsize()

    def close(self) -> None:
        """Answer what waits, then end."""
        self._queue.put(None)
        self._thread.join()

    def _work(self) -> None:
        going = True
        while going:
            batch, going = self._gathered()
            for with_pictures in (True, False):
                alike = [job for job in batch if bool(job.chat.pictures) == with_pictures]
                if alike:
                    self._answer(alike)

    def _gathered(self) -> tuple[list[Job], bool]:
        """The next jobs, and whether more may come."""
        batch: list[Job] = []
        deadline = None
        while len(batch) < self._batch_size:
            wait = None if deadline is None else max(0.0, deadline - time.monotonic())
            try:
                job = self._queue.get(timeout=wait)
            except queue.Empty:
                break
            if job is None:
                return batch, False
            batch.append(job)
            deadline = deadline or time.monotonic() + GATHERING
        return batch, True

    def _answer(self, jobs: list[Job]) -> None:
        try:
            said = self._answerer.converse([job.chat for job in jobs], [j.limit for j in jobs],
                                           [job.heard for job in jobs])  # fmt: skip
        except Exception as error:  # whatever it is, the server lives on
            if len(jobs) > 1:
                for job in jobs:
                    self._answer([job])
                return
            if not isinstance(error, VqaDataError):
                log.exception("a request could not be answered")
            jobs[0].done(error)
            return
        for job, answer in zip(jobs, said, strict=True):
            job.done(answer)
