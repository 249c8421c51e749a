"""A reverse proxy on loopback that loses answers: what was asked reaches the server, what it says never arrives."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.support.serving import free_port

#: Of a request: its number among the writes, from 1; its method; its path.
Loses = Callable[[int, str, str], bool]
_WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "host", "content-length", "expect"})


class CuttingProxy:
    """Stands before one server.

    Attributes:
        loses: whether the answer to a write is lost.
        writes: method and path of each write that came, lost or not.
        seen: values of Authorization that came.
    """

    def __init__(self, port: int) -> None:
        self.target = port
        self.port = free_port()
        self.loses: Loses = lambda *_: False
        self.writes: list[str] = []
        self.seen: set[str] = set()
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), self._handler())
        self._server.daemon_threads = True

    def url(self, path: str) -> str:
        """An address through it."""
        return f"http://127.0.0.1:{self.port}{path}"

    def start(self) -> CuttingProxy:
        """Begin to listen."""
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def stop(self) -> None:
        """End."""
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                """Say nothing."""

            def _pass(self) -> None:
                content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                number = 0
                with proxy._lock:
                    proxy.seen.add(self.headers.get("Authorization", ""))
                    if self.command in _WRITES:
                        proxy.writes.append(f"{self.command} {self.path.partition('?')[0]}")
                        number = len(proxy.writes)
                try:
                    status, headers, body = proxy._ask(self.command, self.path, dict(self.headers), content)
                except OSError:
                    self._cut()
                    return
                if number and proxy.loses(number, self.command, self.path):
                    self._cut()
                    return
                self.send_response(status)
                for name, value in headers:
                    if name.lower() not in _HOP:
                        self.send_header(name, value)
                if status != 204:
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def _cut(self) -> None:
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)

            do_GET = do_POST = do_PUT = do_DELETE = do_OPTIONS = _pass  # noqa: N815 - their names

        return Handler

    def _ask(
        self, method: str, path: str, headers: dict[str, str], content: bytes
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.target, timeout=30)
        try:
            kept = {name: value for name, value in headers.items() if name.lower() not in _HOP}
            connection.request(method, path, body=content or None, headers=kept)
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()


@contextmanager
def cutting_proxy(port: int) -> Iterator[CuttingProxy]:
    """A proxy before a port of this machine that is ended with the block."""
    running = CuttingProxy(port).start()
    try:
        yield running
    finally:
        running.stop()
