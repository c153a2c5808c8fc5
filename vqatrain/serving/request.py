"""What a request asks, checked: chat completions with pictures, as OpenAI's API defines them.

Source: https://platform.openai.com/docs/api-reference/chat/create. Pictures come as ``image_url``
parts: data URIs, or URLs of hosts that were allowed when the server was started. Everything is
bounded before it is decoded. What is wrong is said in one :class:`Refusal`.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from vqadata.errors import VqaDataError
from vqatrain.batch import Chat
from vqatrain.config import ServeConfig
from vqatrain.data import download, open_picture, pixels

if TYPE_CHECKING:
    from PIL.Image import Image


class Refusal(Exception):  # noqa: N818 - an answer to a client, not a fault of the server
    """A request that is not answered: HTTP status, and what the client is told."""

    def __init__(self, status: int, message: str, param: str | None = None) -> None:
        """Keep status and words."""
        self.status, self.message, self.param = status, message, param
        super().__init__(message)

    def body(self) -> dict[str, Any]:
        """The error in the form of OpenAI's API."""
        kind = "invalid_request_error" if self.status < 500 else "server_error"
        error = {"message": self.message, "type": kind, "param": self.param, "code": self.status}
        return {"error": error}


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore")


class _Text(_Part):
    type: Literal["text"]
    text: str


class _Url(_Part):
    url: str


class _Image(_Part):
    type: Literal["image_url"]
    image_url: _Url


class _Message(_Part):
    role: Literal["system", "user", "assistant"]
    content: str | list[Annotated[_Text | _Image, Field(discriminator="type")]]


class _StreamOptions(_Part):
    include_usage: bool = False


class _Body(_Part):
    model: str
    messages: list[_Message] = Field(min_length=1)
    max_tokens: int | None = Field(None, ge=1)
    max_completion_tokens: int | None = Field(None, ge=1)
    stream: bool = False
    stream_options: _StreamOptions | None = None
    n: Literal[1] = 1
    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, gt=0, le=1)


class Asked(NamedTuple):
    """A request that can be answered."""

    chat: Chat
    limit: int
    """Most tokens of the answer."""
    stream: bool
    usage: bool
    """Whether a streamed answer ends with the counts."""


def parse(raw: bytes, config: ServeConfig, name: str) -> Asked:
    """Check a request, and decode its pictures.

    Args:
        raw: The body.
        config: Limits.
        name: The model's name.

    Raises:
        Refusal: 400 for what is wrong, 404 for another model, 413 for what is too large.
    """
    body = _body(raw)
    if body.model != name:
        raise Refusal(404, f"no model {body.model!r}; this is {name!r}", "model")
    if body.temperature:
        raise Refusal(400, "answers are greedy; temperature must be 0 or absent", "temperature")
    letters = sum(len(text) for text in _texts(body))
    if letters > config.max_letters:
        raise Refusal(413, f"{letters:,} letters; at most {config.max_letters:,}", "messages")
    if body.messages[-1].role != "user":
        raise Refusal(400, "the last message must be the user's", "messages")
    limit = body.max_completion_tokens or body.max_tokens or config.max_new_tokens
    chat = Chat(_messages(body), _pictures(body, config), "request")
    usage = body.stream_options is not None and body.stream_options.include_usage
    return Asked(chat, min(limit, config.max_new_tokens), body.stream, usage)


def _body(raw: bytes) -> _Body:
    try:
        return _Body.model_validate_json(raw)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in fault["loc"])
        raise Refusal(400, f"{place or 'body'}: {fault['msg']}", place or None) from None


def _messages(body: _Body) -> list[dict[str, Any]]:
    """Messages as chat templates want them: content in parts, pictures as mere slots."""
    found: list[dict[str, Any]] = []
    for message in body.messages:
        parts: list[dict[str, str]] = []
        for part in _parts(message):
            is_text = isinstance(part, _Text)
            parts.append({"type": "text", "text": part.text} if is_text else {"type": "image"})
        found.append({"role": message.role, "content": parts})
    return found


def _parts(message: _Message) -> list[Any]:
    if isinstance(message.content, str):
        return [_Text(type="text", text=message.content)]
    return list(message.content)


def _texts(body: _Body) -> Iterator[str]:
    for message in body.messages:
        yield from (part.text for part in _parts(message) if isinstance(part, _Text))


def _pictures(body: _Body, config: ServeConfig) -> list[Image]:
    urls = [
        (f"messages.{n}.content.{k}", part.image_url.url)
        for n, message in enumerate(body.messages)
        for k, part in enumerate(_parts(message))
        if isinstance(part, _Image)
    ]
    if len(urls) > config.max_pictures:
        found = f"{len(urls):,} pictures; at most {config.max_pictures}"
        raise Refusal(413, found, "messages")
    return [_picture(place, url, config) for place, url in urls]


def _picture(place: str, url: str, config: ServeConfig) -> Image:
    data = _data(place, url) if url[:5].lower() == "data:" else _fetched(place, url, config)
    try:
        if (found := pixels(data)) > config.max_picture_pixels:
            most = f"at most {config.max_picture_pixels:,}"
            raise Refusal(413, f"{place}: {found:,} pixels; {most}", place)
        return open_picture(data)
    except VqaDataError as error:
        large = "too-many-pixels" in error.found
        raise Refusal(413 if large else 400, f"{place}: {error.found}", place) from None


def _data(place: str, url: str) -> bytes:
    head, comma, text = url.partition(",")
    if not comma or not head.lower().endswith(";base64"):
        raise Refusal(400, f"{place}: a data URI without ;base64,", place)
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Refusal(400, f"{place}: not base64: {error}", place) from None


def _fetched(place: str, url: str, config: ServeConfig) -> bytes:
    """A picture of an allowed host; the reason of a failure tells nothing of the network."""
    try:
        return download(url, frozenset(config.allow_host), config.max_request_mb)
    except VqaDataError as error:
        raise Refusal(400, f"{place}: {error.found}; {error.expected}", place) from None
