"""Downloads pictures that are named by URL: only when asked, only from hosts that are named.

A redirect to another host is refused, a picture over the limit is given up as soon as it passes it,
and nothing but http and https is spoken. A host is compared by name; what addresses it has is not
looked into, so name only hosts that you trust.
"""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from typing import IO, NamedTuple
from urllib.parse import urlsplit

CHUNK = 1 << 16

AGENT = "vqadata"

_SCHEMES = ("http", "https")


class FetchError(Exception):
    """A picture that could not be downloaded; the message says why."""


class Limits(NamedTuple):
    """What may be downloaded."""

    hosts: frozenset[str]
    """Names of hosts, with the port where it is not the scheme's own."""
    most_bytes: int
    seconds: float
    """Longest wait for an answer or for the next bytes."""


def is_url(name: str) -> bool:
    """Whether a picture is named by URL."""
    return name[:8].lower().startswith(("http://", "https://"))


def fetch(url: str, limits: Limits) -> bytes:
    """Download one picture.

    Raises:
        FetchError: The host is not allowed, does not answer in time, or sends too much.
    """
    _check_host(url, limits)
    opener = urllib.request.build_opener(_Redirects(limits))
    request = urllib.request.Request(url, headers={"User-Agent": AGENT})  # noqa: S310 - checked
    try:
        with opener.open(request, timeout=limits.seconds) as answer:
            return _read(answer, limits.most_bytes, answer.headers.get("Content-Length"))
    except urllib.error.HTTPError as error:
        raise FetchError(f"the server says {error.code} {error.reason}") from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise FetchError(str(getattr(error, "reason", None) or error)) from None


def _check_host(url: str, limits: Limits) -> None:
    try:
        parts = urlsplit(url)
        known = {parts.hostname, parts.netloc.rpartition("@")[2].lower()}
    except ValueError:
        raise FetchError("not a URL") from None
    if parts.scheme.lower() not in _SCHEMES:
        raise FetchError(f"the scheme {parts.scheme!r} is not http or https")
    if not known & limits.hosts:
        raise FetchError(f"the host {parts.hostname} is not allowed")


def _read(answer: IO[bytes], most: int, promised: str | None) -> bytes:
    data = bytearray()
    while part := answer.read(CHUNK):
        data += part
        if len(data) > most:
            raise FetchError(f"larger than {most:,} bytes")
    if promised is not None and promised.isdecimal() and len(data) < int(promised):
        raise FetchError(f"broke off after {len(data):,} of {int(promised):,} bytes")
    return bytes(data)


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows a redirect only to a host that is allowed."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        _check_host(newurl, self._limits)
        return super().redirect_request(req, fp, code, msg, headers, newurl)
