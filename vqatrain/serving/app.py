"""The routes: chat completions, models, health, metrics; who may ask, and how much at a time.

The audit log has a line a request (time, status, tokens, pictures, seconds) and nothing of what was
asked or answered.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from vqadata.errors import VqaDataError
from vqatrain.answering.answerer import Said
from vqatrain.config import ServeConfig
from vqatrain.serving.engine import Engine, Job
from vqatrain.serving.reply import Stream, completion, event
from vqatrain.serving.request import Asked, Refusal, parse
from vqatrain.serving.room import Full, Room

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

log = logging.getLogger(__name__)
audit = logging.getLogger("vqatrain.audit")
audit.propagate = False  # to its own file, or nowhere

BODY_SECONDS = 60
"""Seconds in which a body must have come; then 408."""

TOO_MANY = "too many requests wait; try again later"

GONE = 499
"""Status in log and metrics of a client that went away; nobody is told it."""

LOCAL = ("localhost", "127.0.0.1", "::1")
"""Hosts whose pages may ask; others would use the browser of somebody who is here."""


class Service:
    """What the routes share.

    Args:
        engine: Answers.
        config: Limits, and the key.
        name: The model's name.
    """

    def __init__(self, engine: Engine, config: ServeConfig, name: str) -> None:
        """Make the counters."""
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

        self.engine, self.config, self.name = engine, config, name
        self.requests = Room(config.max_waiting + config.batch_size)
        self.pixels = Room(config.max_waiting_pixels)
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "vqatrain_requests", "Requests by HTTP status.", ["status"], registry=self.registry
        )
        self._tokens = Counter(
            "vqatrain_tokens", "Tokens by kind.", ["kind"], registry=self.registry
        )
        self._seconds = Histogram(
            "vqatrain_request_seconds", "Time to the last token.", registry=self.registry
        )
        waiting = Gauge("vqatrain_waiting", "Requests in the queue.", registry=self.registry)
        waiting.set_function(lambda: engine.waiting)

    def count(self, status: int, began: float, pictures: int = 0, said: Said | None = None) -> None:
        """Count a request, and write its line of the audit log."""
        seconds = time.monotonic() - began
        self._requests.labels(str(status)).inc()
        self._seconds.observe(seconds)
        line: dict[str, Any] = {
            "status": status,
            "pictures": pictures,
            "seconds": round(seconds, 3),
        }
        if said is not None:
            self._tokens.labels("prompt").inc(said.prompt_tokens)
            self._tokens.labels("completion").inc(said.completion_tokens)
            line |= {"prompt": said.prompt_tokens, "completion": said.completion_tokens}
        audit.info(json.dumps({"time": round(time.time(), 3)} | line))

    def admit(self, request: Request) -> None:
        """Refuse a request of a page from elsewhere, and one without the key if there is one."""
        origin = request.headers.get("origin")
        if origin is not None and urlsplit(origin).hostname not in LOCAL:
            raise Refusal(403, "a web page of another host may not ask")
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        key = self.config.api_key
        # Headers come as Latin-1, whatever bytes they are.
        if key is not None and not hmac.compare_digest(given.encode("latin-1"), key.encode()):
            raise Refusal(401, "a wrong API key, or none")

    async def read(self, request: Request) -> Asked:
        """Take the body, and check what it asks.

        Raises:
            Refusal: See :func:`vqatrain.serving.request.parse`; 408 for a body that does not come.
        """
        from starlette.requests import ClientDisconnect

        try:
            async with asyncio.timeout(BODY_SECONDS):
                raw = await self._body(request)
        except ClientDisconnect:
            raise Refusal(GONE, "the client went away") from None
        except TimeoutError:
            raise Refusal(408, f"the body did not come in {BODY_SECONDS} seconds") from None
        return await asyncio.to_thread(parse, raw, self.config, self.name, self.pixels)

    async def _body(self, request: Request) -> bytes:
        """The body, given up as soon as it is too large."""
        most, data = self.config.max_request_mb << 20, bytearray()
        async for part in request.stream():
            data += part
            if len(data) > most:
                raise Refusal(413, f"more than {self.config.max_request_mb} MiB")
        return bytes(data)

    async def answer(self, asked: Asked, heard: Any = None) -> Said:
        """Wait for the answer of the engine; what the pictures took is free then."""
        try:
            return await self._answer(asked, heard)
        finally:
            self.pixels.give(asked.pixels)

    async def _answer(self, asked: Asked, heard: Any) -> Said:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Said] = loop.create_future()

        def settle(said: Said | Exception) -> None:
            if future.done():  # the client went away
                return
            if isinstance(said, Exception):
                future.set_exception(said)
            else:
                future.set_result(said)

        def done(said: Said | Exception) -> None:
            loop.call_soon_threadsafe(settle, said)

        try:
            self.engine.submit(Job(asked.chat, asked.limit, heard, done))
        except Full:
            raise Refusal(429, TOO_MANY) from None
        try:
            return await future
        except VqaDataError as error:
            raise Refusal(400, f"{error.found}; expected {error.expected}") from None
        except Exception:  # noqa: BLE001 - whatever a model raises; the engine has logged it
            raise Refusal(500, "the model failed; the log of the server says how") from None


def build_app(service: Service) -> Starlette:
    """The application."""
    from starlette.applications import Starlette
    from starlette.responses import JSONResponse, PlainTextResponse
    from starlette.routing import Route

    async def complete(request: Request) -> Response:
        return await _complete(service, request)

    async def models(request: Request) -> Response:
        try:
            service.admit(request)
        except Refusal as refusal:
            return JSONResponse(refusal.body(), refusal.status)
        entry = {"id": service.name, "object": "model", "created": 0, "owned_by": "local"}
        return JSONResponse({"object": "list", "data": [entry]})

    async def health(request: Request) -> Response:  # noqa: ARG001 - a route
        return JSONResponse({"status": "ok"})

    async def metrics(request: Request) -> Response:  # noqa: ARG001 - a route
        from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

        return PlainTextResponse(generate_latest(service.registry), media_type=CONTENT_TYPE_LATEST)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:  # noqa: ARG001 - asked for
        yield
        await asyncio.to_thread(service.engine.close)

    routes = [
        Route("/v1/chat/completions", complete, methods=["POST"]),
        Route("/v1/models", models),
        Route("/health", health),
        Route("/metrics", metrics),
    ]
    return Starlette(routes=routes, lifespan=lifespan)


async def _complete(service: Service, request: Request) -> Response:
    """Admit a request, answer it, and count whatever comes of it."""
    began = time.monotonic()
    try:
        service.admit(request)
        service.requests.take(1)
    except (Refusal, Full) as error:
        refusal = error if isinstance(error, Refusal) else Refusal(429, TOO_MANY)
        return _refused(service, refusal, began)
    try:
        return await _answered(service, request, began)
    except Refusal as refusal:
        return _refused(service, refusal, began)
    except Exception:  # whatever hostile bytes bring about, the client is told and it counts
        log.exception("a request could not be read")
        return _refused(service, Refusal(500, "the server failed; its log says how"), began)
    finally:
        service.requests.give(1)


async def _answered(service: Service, request: Request, began: float) -> Response:
    from starlette.responses import JSONResponse, StreamingResponse

    asked = await service.read(request)
    if asked.stream:
        events = _events(service, asked, began)
        first = await anext(events)  # a refusal comes before the status is sent
        return StreamingResponse(_after(first, events), media_type="text/event-stream")
    try:
        said = await service.answer(asked)
    except Refusal as refusal:
        refusal.pictures = asked.pictures
        raise
    service.count(200, began, asked.pictures, said)
    return JSONResponse(completion(service.name, said))


def _refused(service: Service, refusal: Refusal, began: float) -> Response:
    from starlette.responses import JSONResponse

    service.count(refusal.status, began, refusal.pictures)
    return JSONResponse(refusal.body(), refusal.status)


async def _events(service: Service, asked: Asked, began: float) -> AsyncIterator[str]:
    """A streamed answer as server-sent events; a client that goes away is counted as well."""
    loop = asyncio.get_running_loop()
    pieces: asyncio.Queue[str | None] = asyncio.Queue()

    def heard(text: str) -> None:
        loop.call_soon_threadsafe(pieces.put_nowait, text)

    answer = asyncio.create_task(service.answer(asked, heard))
    answer.add_done_callback(lambda _: pieces.put_nowait(None))
    text = await pieces.get()
    if text is None and (error := answer.exception()) is not None:
        raise error
    stream, status, said = Stream(service.name), GONE, None
    try:
        yield stream.start()
        while text is not None:
            yield stream.piece(text)
            text = await pieces.get()
        said = answer.result()
        yield stream.end(said, asked.usage)
        status = 200
    except Refusal as refusal:
        status = refusal.status
        yield event(refusal.body())
    finally:
        service.count(status, began, asked.pictures, said)


async def _after(first: str, rest: AsyncIterator[str]) -> AsyncIterator[str]:
    yield first
    async for one in rest:
        yield one
