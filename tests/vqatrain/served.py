"""A server that answers while a test, or a peer, asks it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from vqatrain.config import ServeConfig
from vqatrain.serving.server import make_server


@contextmanager
def served(config: ServeConfig) -> Iterator[str]:
    """Serve in a thread, at the address that is given; port 0 is any that is free."""
    server, _ = make_server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(60)
    assert not thread.is_alive()
