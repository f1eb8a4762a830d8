"""Stand-ins for the five services: answer 200 on every path and show their environment, nothing else."""

from __future__ import annotations

from pathlib import Path

from longshore_devkit.stack import SERVICES

_PROGRAM = """
import json, os
from http.server import BaseHTTPRequestHandler, HTTPServer

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({k: v for k, v in os.environ.items() if k.startswith("LONGSHORE_")}).encode())

    def log_message(self, *args):
        pass

HTTPServer((os.environ["LONGSHORE_HTTP_HOST"], int(os.environ["LONGSHORE_HTTP_PORT"])), Handler).serve_forever()
"""


def write_fake_services(folder: Path) -> dict[str, str]:
    """Write one module per service; return the environment that makes `python -m` find them first."""
    folder.mkdir(parents=True, exist_ok=True)
    for service in SERVICES:
        (folder / f"{service.module}.py").write_text(_PROGRAM)
    return {"PYTHONPATH": str(folder)}
