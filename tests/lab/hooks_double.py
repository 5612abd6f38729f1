# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Stand-ins for chat services on loopback, since the real ones cannot be had: they refuse what those would refuse.

DingTalk's and WeCom's robots, as documented: https://open.dingtalk.com/document/robots/custom-robot-access and
https://developer.work.weixin.qq.com/document/path/91770. Slack's hooks, reached as by a proxy. A web hook that takes
what Apprise calls JSON, and a mail server that takes everything.
"""

from __future__ import annotations

import base64
import contextlib
import email
import email.policy
import hashlib
import hmac
import json
import socketserver
import ssl
import threading
import time
import urllib.parse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from .tls import Authority

TOKEN, SECRET, KEY = "d1ng-t0ken", "SEC0f-the-robot", "wec0m-key"
SLACK = "hooks.slack.com"
_HOUR = 3600.0
_WECOM_MOST = 2048


@dataclass
class Hooks:
    """What arrived, as (service, text); of a mail the page in it too.

    ca: the authority of the one that is reached by TLS.
    """

    port: int = 0
    mail_port: int = 0
    ca: Path = Path()
    received: list[tuple[str, str]] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)

    @property
    def dingtalk(self) -> str:
        return f"http://127.0.0.1:{self.port}/robot/send?access_token={TOKEN}"

    @property
    def wecom(self) -> str:
        return f"http://127.0.0.1:{self.port}/cgi-bin/webhook/send?key={KEY}"

    @property
    def webhook(self) -> str:
        """As Apprise writes it."""
        return f"json://127.0.0.1:{self.port}/hook"

    @property
    def mail(self) -> str:
        return f"mailto://127.0.0.1:{self.mail_port}?from=restart@localhost.test&to=oncall@localhost.test&mode=insecure"

    @property
    def silent(self) -> str:
        """It takes the request and never answers."""
        return f"http://127.0.0.1:{self.port}/silent"

    @property
    def proxied(self) -> dict[str, str]:
        """The environment in which Slack is reached here."""
        return {"HTTPS_PROXY": f"http://127.0.0.1:{self.port}", "REQUESTS_CA_BUNDLE": str(self.ca)}

    def of(self, service: str) -> list[str]:
        return [text for name, text in self.received if name == service]


class _Handler(BaseHTTPRequestHandler):
    hooks: Hooks
    tls: ssl.SSLContext

    def log_message(self, *_: Any) -> None:
        """Nothing."""

    def do_CONNECT(self) -> None:
        """Be the one that is asked for."""
        if self.path != f"{SLACK}:443":
            self.send_error(403)
            return
        self.send_response(200)
        self.end_headers()
        self.connection = self.tls.wrap_socket(self.connection, server_side=True)
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb")
        self.handle_one_request()
        self.wfile.flush()
        self.close_connection = True

    def do_POST(self) -> None:
        parts = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(parts.query))
        data = self.rfile.read(int(self.headers["Content-Length"]))
        if parts.path == "/silent":
            self.hooks.closing.wait(60)
            return
        takers = {"/robot/send": self._dingtalk, "/cgi-bin/webhook/send": self._wecom, "/hook": self._webhook}
        taker = takers.get(parts.path) or (self._slack if parts.path.startswith("/services/") else None)
        status, answer = taker(query, json.loads(data)) if taker else (404, "no such hook")
        content = (answer if isinstance(answer, str) else json.dumps(answer)).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _dingtalk(self, query: Mapping[str, str], body: Any) -> tuple[int, Any]:
        if query.get("access_token") != TOKEN:
            return 200, {"errcode": 300001, "errmsg": "token is not exist"}
        stamp = query.get("timestamp", "")
        digest = hmac.new(SECRET.encode(), f"{stamp}\n{SECRET}".encode(), hashlib.sha256).digest()
        if query.get("sign") != base64.b64encode(digest).decode():
            return 200, {"errcode": 310000, "errmsg": "sign not match"}
        if abs(time.time() - int(stamp) / 1000) > _HOUR:
            return 200, {"errcode": 310000, "errmsg": "invalid timestamp"}
        return self._text("dingtalk", body)

    def _wecom(self, query: Mapping[str, str], body: Any) -> tuple[int, Any]:
        if query.get("key") != KEY:
            return 200, {"errcode": 93000, "errmsg": "invalid webhook url"}
        if len(body["text"]["content"].encode()) > _WECOM_MOST:
            return 200, {"errcode": 40058, "errmsg": "text.content exceed max length 2048"}
        return self._text("wecom", body)

    def _text(self, service: str, body: Any) -> tuple[int, Any]:
        if set(body) != {"msgtype", "text"} or body["msgtype"] != "text" or set(body["text"]) != {"content"}:
            return 200, {"errcode": 40035, "errmsg": "invalid parameter"}
        self.hooks.received.append((service, body["text"]["content"]))
        return 200, {"errcode": 0, "errmsg": "ok"}

    def _webhook(self, _query: Mapping[str, str], body: Any) -> tuple[int, Any]:
        if set(body) != {"version", "title", "message", "attachments", "type"}:
            return 400, f"unknown or missing fields: {sorted(body)}"
        self.hooks.received.append(("webhook", f"{body['title']}\n{body['message']}"))
        return 200, {}

    def _slack(self, _query: Mapping[str, str], body: Any) -> tuple[int, Any]:
        if not body.get("text") and not body.get("attachments"):
            return 400, "no_text"
        self.hooks.received.append(("slack", json.dumps(body)))
        return 200, "ok"


class _Mail(socketserver.StreamRequestHandler):
    """As much of SMTP as one message needs."""

    hooks: Hooks

    def handle(self) -> None:
        self._say("220 the tests' mail server")
        for line in self.rfile:
            word = line.split()[0].upper() if line.split() else b""
            if word == b"DATA":
                self._say("354 go on")
                self._take()
            elif word == b"QUIT":
                self._say("221 good bye")
                return
            self._say("250 ok")

    def _take(self) -> None:
        lines = list(iter(self.rfile.readline, b".\r\n"))
        message = email.message_from_bytes(b"".join(lines), policy=email.policy.default)
        for service, kind in (("mail", "plain"), ("page", "html")):
            part = message.get_body((kind,))
            if part:
                self.hooks.received.append((service, f"{message['Subject']}\n{part.get_content()}"))

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


@contextlib.contextmanager
def hooks(folder: Path) -> Iterator[Hooks]:
    """All of them, until the end."""
    found, authority = Hooks(), Authority(folder)
    certificate, key, _both = authority.issue("slack", host=SLACK)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    web = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hooks": found, "tls": context}))
    mail = socketserver.ThreadingTCPServer(("127.0.0.1", 0), type("Mail", (_Mail,), {"hooks": found}))
    web.daemon_threads = mail.daemon_threads = True
    found.port, found.mail_port, found.ca = web.server_port, int(mail.server_address[1]), authority.ca
    with web, mail:
        threads = [threading.Thread(target=server.serve_forever, daemon=True) for server in (web, mail)]
        for thread in threads:
            thread.start()
        try:
            yield found
        finally:
            found.closing.set()
            for server in (web, mail):
                server.shutdown()
