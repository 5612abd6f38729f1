# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Messages to the group robots of DingTalk and WeCom.

Both answer 200 whatever they think of it, and say in `errcode` whether they took it; Apprise (2.3) does not look there.
DingTalk's signature: https://open.dingtalk.com/document/robots/customize-robot-security-settings
WeCom: https://developer.work.weixin.qq.com/document/path/91770
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import urllib.error
import urllib.parse
from typing import Any

from ansible.module_utils.urls import open_url

# Bytes that a WeCom robot takes; DingTalk's takes more.
_MOST = 2000


class NotTaken(Exception):
    """The message did not arrive; why. It never shows the address, which is a secret."""


def dingtalk(url: str, secret: str, text: str, now: float, timeout: float) -> None:
    """Send to a DingTalk robot; with a secret, signed with the time `now`, in seconds. Raises NotTaken."""
    query = signed(secret, now) if secret else ""
    joined = f"{url}{'&' if '?' in url else '?'}{query}" if query else url
    _post(joined, text, timeout)


def signed(secret: str, now: float) -> str:
    """The query that shows that one has the secret."""
    stamp = str(int(now * 1000))
    digest = hmac.new(secret.encode(), f"{stamp}\n{secret}".encode(), hashlib.sha256).digest()
    return urllib.parse.urlencode({"timestamp": stamp, "sign": base64.b64encode(digest).decode()})


def wecom(url: str, text: str, timeout: float) -> None:
    """Send to a WeCom robot. Raises NotTaken."""
    _post(url, text, timeout)


def _post(url: str, text: str, timeout: float) -> None:
    content = text.encode()[:_MOST].decode(errors="ignore")
    body = json.dumps({"msgtype": "text", "text": {"content": content}})
    try:
        with open_url(
            url, data=body, method="POST", headers={"Content-Type": "application/json"}, timeout=timeout
        ) as got:
            answer = got.read(65536)
    except urllib.error.HTTPError as error:
        raise NotTaken(f"the robot answered {error.code}") from None
    except (OSError, ValueError) as error:
        raise NotTaken(f"the robot was not reached: {_reason(error)}") from None
    _check(answer)


def _check(answer: bytes) -> None:
    try:
        said: Any = json.loads(answer)
    except ValueError:
        said = None
    if not isinstance(said, dict) or "errcode" not in said:
        raise NotTaken("what answered is no robot: there is no errcode in its answer")
    if said["errcode"] != 0:
        raise NotTaken(f"the robot refused it: {said['errcode']} {str(said.get('errmsg', ''))[:200]}")


def _reason(error: Exception) -> str:
    inner = getattr(error, "reason", error)
    return str(getattr(inner, "strerror", None) or type(inner).__name__)
