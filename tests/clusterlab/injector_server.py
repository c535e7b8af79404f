"""The server of an admission webhook that adds containers to run pods; runs in a pod, on the standard library alone.

Usage: python3 injector_server.py FOLDER, where FOLDER holds patches.json, tls.crt and tls.key. A pod asks for one of
the patches by its annotation ``example.org/inject``.
"""

import base64
import json
import ssl
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

FOLDER = Path(sys.argv[1])
PATCHES = json.loads((FOLDER / "patches.json").read_text())
PORT = 8443


class Handler(BaseHTTPRequestHandler):
    """Answers AdmissionReviews; a GET says that it is there."""

    def do_GET(self) -> None:
        """Say yes."""
        self._answer({})

    def do_POST(self) -> None:
        """Answer one review."""
        review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        request = review["request"]
        annotations = request["object"]["metadata"].get("annotations") or {}
        patch = json.dumps(PATCHES.get(annotations.get("example.org/inject"), []))
        response = {"uid": request["uid"], "allowed": True, "patchType": "JSONPatch"}
        response["patch"] = base64.b64encode(patch.encode()).decode()
        self._answer({"apiVersion": review["apiVersion"], "kind": review["kind"], "response": response})

    def _answer(self, document: object) -> None:
        body = json.dumps(document).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


server = ThreadingHTTPServer(("", PORT), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(FOLDER / "tls.crt", FOLDER / "tls.key")
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
