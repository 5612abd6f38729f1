# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where people are told: the entries of fleet_notify, and one message to all of them, bounded in time."""

from __future__ import annotations

import importlib
import logging
import os
import threading
import time
import urllib.parse
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.lossless.restart.plugins.plugin_utils import _robots
from ansible_collections.lossless.restart.plugins.plugin_utils._names import Invalid
from ansible_collections.lossless.restart.plugins.plugin_utils._robots import NotTaken
from ansible_collections.lossless.restart.plugins.plugin_utils._settings import given

Channel = Mapping[str, Any]
# Seconds for one attempt, and for all channels together.
_TIMEOUT = 5.0
_DEADLINE = 10.0
_SECRETS = ("url", "secret")


def checked(channels: Sequence[Channel]) -> list[dict[str, Any]]:
    """The entries with a name each. Raises Invalid, which shows no secret."""
    found = []
    for number, written in enumerate(channels):
        where, one = f"fleet_notify[{number}]", given(written)
        for secret in _SECRETS:
            ways = [name for name in _ways(secret) if name in one]
            if len(ways) > 1:
                raise Invalid(f"{where} has {' and '.join(ways)}: write one of them")
        if not any(name in one for name in _ways("url")):
            raise Invalid(f"{where} has no address: write url_file, url_env or url")
        if one["kind"] != "dingtalk" and any(name in one for name in _ways("secret")):
            raise Invalid(f"{where}: only kind dingtalk has a secret, and this one is {one['kind']}")
        found.append({**one, "name": one.get("name") or f"{one['kind']} {number + 1}"})
    names = [one["name"] for one in found]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise Invalid(f"fleet_notify names {twice!r} twice: each has its own name")
    return found


def _ways(secret: str) -> tuple[str, ...]:
    return (secret, f"{secret}_file", f"{secret}_env")


def send(channels: Sequence[Channel], title: str, body: str) -> dict[str, str]:
    """Send to all of them at once. By name, what kept it from those that did not take it."""
    failed = {one["name"]: f"no answer within {_DEADLINE:g} s" for one in channels}

    def deliver(one: Channel) -> None:
        try:
            _deliver(one, title, body)
        except NotTaken as error:
            failed[one["name"]] = str(error)
        else:
            del failed[one["name"]]

    threads = [threading.Thread(target=deliver, args=[one], daemon=True) for one in channels]
    limit = time.monotonic() + _DEADLINE
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, limit - time.monotonic()))
    return dict(failed)


def _deliver(one: Channel, title: str, body: str) -> None:
    url = _secret(one, "url")
    if one["kind"] == "apprise":
        _by_apprise(url, title, body)
        return
    if urllib.parse.urlsplit(url).scheme not in ("https", "http"):
        raise NotTaken("its address is no https:// address of a robot")
    if one["kind"] == "dingtalk":
        _robots.dingtalk(url, _secret(one, "secret"), f"{title}\n{body}", time.time(), _TIMEOUT)
    else:
        _robots.wecom(url, f"{title}\n{body}", _TIMEOUT)


def _secret(one: Channel, name: str) -> str:
    """What the entry says, or what the file or the variable has that it names."""
    if f"{name}_file" in one:
        path = one[f"{name}_file"]
        try:
            with open(path, encoding="utf-8") as stream:
                return stream.read(4096).strip()
        except (OSError, ValueError) as error:
            raise NotTaken(f"{name}_file {path!r} cannot be read: {getattr(error, 'strerror', 'no text')}") from None
    if f"{name}_env" in one:
        variable = one[f"{name}_env"]
        if not os.environ.get(variable):
            raise NotTaken(f"{name}_env {variable!r} is not set in the environment")
        return os.environ[variable].strip()
    return str(one.get(name) or "")


class _Said(logging.Handler):
    """What Apprise logs while this thread sends: it tells no caller why it failed."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._thread = threading.get_ident()
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread:
            self.texts.append(record.getMessage())


def _by_apprise(url: str, title: str, body: str) -> None:
    try:
        apprise: Any = importlib.import_module("apprise")
    except ImportError:
        raise NotTaken("the Python library apprise is not on the controller: pip install apprise") from None
    said, log = _Said(), logging.getLogger("apprise")
    log.addHandler(said)
    try:
        sender = apprise.Apprise()
        if not sender.add(url):
            raise NotTaken("Apprise does not know this address: see its list of services")
        if not sender.notify(title=title, body=body, body_format=apprise.NotifyFormat.TEXT):
            raise NotTaken(f"Apprise could not send it: {said.texts[0][:200] if said.texts else 'it says no more'}")
    finally:
        log.removeHandler(said)
