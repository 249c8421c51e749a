"""A server that speaks OpenAI's chat completions, as a test tells it to; it keeps what it was asked."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx2

from inference.ports import Picture, Prompt, TextGenerator
from integration.clients.authorization import Anonymous
from integration.clients.endpoint import Endpoint, Patience
from integration.clients.exchange import Limits
from integration.clients.model_host import RemoteModelHost

#: Status, body as an object or as bytes.
Answer = tuple[int, Any]


@dataclass
class ChatServer:
    """Where it listens and what it was asked."""

    base: str
    asked: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)


@contextmanager
def running(answer: Callable[[dict[str, Any]], Answer]) -> Iterator[ChatServer]:
    """Answer until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            server.asked.append(body)
            server.headers.append(dict(self.headers))
            self._send(*answer(body))

        def do_GET(self) -> None:
            self._send(200, {"data": [{"id": "tiny"}]})

        def _send(self, status: int, said: Any) -> None:
            content = said if isinstance(said, bytes) else json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server = ChatServer(f"http://127.0.0.1:{listener.server_address[1]}/v1")
    thread = threading.Thread(target=listener.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        listener.shutdown()
        listener.server_close()


def completion(text: str, *, why: str = "stop") -> dict[str, Any]:
    """A chat completion."""
    return {
        "id": "1", "object": "chat.completion", "model": "tiny", "system_fingerprint": "fp",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": why}],
    }  # fmt: skip


def answering(generator: TextGenerator) -> Callable[[dict[str, Any]], Answer]:
    """Answers of another generator, which gets the prompt as it was sent."""

    def answer(body: dict[str, Any]) -> Answer:
        made = generator.generate(prompt_of(body))
        return 200, completion(made.text, why=made.ending.value)

    getattr(generator, "start", lambda: None)()
    return answer


def prompt_of(body: dict[str, Any]) -> Prompt:
    """The prompt in a request."""
    *system, user = body["messages"]
    content = user["content"]
    items = [{"type": "text", "text": content}] if isinstance(content, str) else content
    parts = [
        item["text"]
        if item["type"] == "text"
        else Picture(base64.b64decode(item["image_url"]["url"].partition(",")[2]))
        for item in items
    ]
    form = body.get("response_format")
    return Prompt(
        instruction=system[0]["content"] if system else "",
        parts=tuple(parts),
        schema=form["json_schema"]["schema"] if form else None,
        max_new_tokens=body["max_tokens"],
    )


def host(base: str, *, attempts: int = 1) -> RemoteModelHost:
    """A client of a server on this machine."""
    endpoint = Endpoint(
        name="models.test",
        base=base,
        client=httpx2.Client(trust_env=False, timeout=120),
        authorization=Anonymous(),
        limits=Limits(silent_seconds=120, total_seconds=300),
        patience=Patience(attempts=attempts, seconds=5, first_pause_s=0.01),
    )
    return RemoteModelHost(endpoint)
