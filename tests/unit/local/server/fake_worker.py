"""Stands in for `distillgate.local.worker`: no model, an answer that tells what was asked, a journal of its work."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

CONFIG: dict[str, Any] = json.loads(sys.argv[-1])
JOURNAL = Path(CONFIG["model"]).parent / "journal.jsonl"
WRITING = threading.Lock()


def note(event: str) -> None:
    with WRITING, JOURNAL.open("a") as file:
        entry = {"event": event, "model": CONFIG["name"], "at": time.monotonic(), "process": os.getpid()}
        file.write(json.dumps(entry) + "\n")


class Handler(BaseHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        said = body["messages"][-1]["content"]
        if said == "crash":
            os._exit(3)
        if said == "too long":
            error = {"code": 400, "message": "exceeds the context", "type": "exceed_context_size_error"}
            return self.answer(400, "application/json", json.dumps({"error": error}))
        if said == "bad tools":
            error = {"code": 500, "message": "Failed to parse tools: tools = {}", "type": "server_error"}
            return self.answer(500, "application/json", json.dumps({"error": error}))
        note("start")
        if str(said).startswith("sleep "):
            time.sleep(float(said.split()[1]))
        note("end")
        if body.get("stream"):
            chunks = [{"choices": [{"index": 0, "delta": {"content": word}}]} for word in ("one ", "two")]
            lines = [
                f"data: {json.dumps({'id': 'c', 'object': 'chat.completion.chunk', 'model': CONFIG['name'], **c})}"
                for c in chunks
            ]
            return self.answer(200, "text/event-stream", "\n\n".join([*lines, "data: [DONE]", ""]))
        choice = {
            "index": 0,
            "finish_reason": "length",
            "message": {"role": "assistant", "content": f"max_tokens={body.get('max_tokens')}"},
        }
        usage = {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}
        answer = {"id": "c", "object": "chat.completion", "created": 1, "model": CONFIG["name"], "choices": [choice]}
        return self.answer(200, "application/json", json.dumps({**answer, "usage": usage, "timings": {"prompt_n": 7}}))

    def answer(self, status: int, kind: str, text: str) -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.end_headers()
        self.wfile.write(text.encode())


if Path(CONFIG["model"]).read_bytes() == b"broken":
    sys.exit("this is no model")
server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=lambda: (sys.stdin.buffer.read(), os._exit(0)), daemon=True).start()
note("load")
print(json.dumps({"address": f"http://127.0.0.1:{server.server_port}"}), flush=True)
server.serve_forever()
