"""Runs the server until it is told to stop; what waits then is still answered."""

from __future__ import annotations

import contextlib
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING

from vqadata.errors import OptionError
from vqatrain.answering.answerer import Answerer
from vqatrain.config import ServeConfig
from vqatrain.serving.app import Service, audit, build_app
from vqatrain.serving.engine import Engine

if TYPE_CHECKING:
    import uvicorn

log = logging.getLogger(__name__)

API_KEY = "VQATRAIN_API_KEY"
"""Variable that holds the key, so that it stands in no list of processes."""

GRACE = 60
"""Seconds that answers under way get when the server is stopped."""


def serve(config: ServeConfig) -> None:
    """Load the model and answer until SIGINT or SIGTERM.

    Raises:
        OptionError: There is no such model, or the address cannot be listened on.
    """
    server, name = make_server(config)
    try:
        listening = server.config.bind_socket()
    except SystemExit:
        found = f"{config.host}:{config.port} cannot be listened on"
        raise OptionError("--port", found, "a free port") from None
    log.info("%s at http://%s:%d/v1", name, config.host, listening.getsockname()[1])
    with contextlib.suppress(KeyboardInterrupt):  # raised once more when all is answered
        server.run([listening])


def make_server(config: ServeConfig) -> tuple[uvicorn.Server, str]:
    """The server, not yet running, and the name of its model."""
    try:
        import prometheus_client  # noqa: F401 - asked for now rather than at the first request
        import uvicorn
    except ImportError as error:
        raise OptionError(
            "vqatrain serve", f"{error.name} is not installed", "the extra serve",
            "Run: pip install 'vqadata[serve]'",
        ) from None  # fmt: skip
    key = config.api_key or os.environ.get(API_KEY)
    config = config.model_copy(update={"api_key": key})
    if config.audit_log is not None:
        _log_to(config.audit_log)
    name = config.name or Path(config.model.rstrip("/")).name
    engine = Engine(Answerer(config), config.batch_size, config.max_waiting)
    app = build_app(Service(engine, config, name))
    settings = uvicorn.Config(
        app, config.host, config.port, log_level="warning", access_log=False,
        timeout_graceful_shutdown=GRACE,
    )  # fmt: skip
    return uvicorn.Server(settings), name


def _log_to(path: Path) -> None:
    try:
        handler = logging.FileHandler(path, encoding="utf-8")
    except OSError as error:
        raise OptionError("--audit-log", error.strerror or str(error), "a file to write") from None
    handler.setFormatter(logging.Formatter("%(message)s"))
    audit.addHandler(handler)
    audit.setLevel(logging.INFO)
