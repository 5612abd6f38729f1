# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Asks XXL-JOB's admin, 2.x and 3.x, by the paths of its own pages: it has no others for groups."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from . import _password_file, _web, _xxljob, _zookeeper_place
from ._xxljob import Group, XxlJobError

# From 3.2 on, and before.
_LOGINS = ("auth/doLogin", "login")
_FINE = 200
_MANY = 10000
# What a group has that is no field of its form.
_NO_FIELDS = ("updateTime", "registryList", "addressType", "addressList")


class Admin:
    """urls: of the admins of one database, of which the first that answers is asked. Raises XxlJobError."""

    def __init__(
        self,
        urls: Sequence[str],
        account: tuple[str, str],
        tls: Mapping[str, str],
        patience: float = _web.PATIENCE,
    ) -> None:
        missing = _web.missing("XXL-JOB's admin")
        if missing:
            raise XxlJobError(missing)
        self._urls = [url.rstrip("/") for url in urls]
        self._account = account
        self._patience = patience
        self._session = _web.session(None, tls)
        self._url = ""

    def close(self) -> None:
        self._session.close()

    def group(self, application: str) -> Group:
        """The group whose executors call themselves so."""
        found = [one for one in self._list("jobgroup", appname=application) if one.get("appname") == application]
        if len(found) != 1:
            how = "has no group of executors" if not found else f"has {len(found)} groups of executors"
            raise XxlJobError(f"{self._url} {how} called {application!r}, or does not show it to {self._account[0]!r}")
        return _group(found[0])

    def jobs(self, group: Group) -> list[int]:
        """The ids of the group's jobs, those too that are not scheduled."""
        words = dict.fromkeys(("jobDesc", "name", "executorHandler", "author"), "")
        return [int(one["id"]) for one in self._list("jobinfo", jobGroup=group.id, triggerStatus=-1, **words)]

    def set(self, group: Group, automatic: bool, addresses: Sequence[str]) -> None:
        """Say whether the group takes who has registered, or this list."""
        words = {**group.fields, "addressType": "0" if automatic else "1", "addressList": ",".join(addresses)}
        answer = self._post("jobgroup/update", words)
        if answer.get("code") != _FINE:
            raise XxlJobError(f"{self._url} does not take the group's addresses: {_said(answer)}")

    def _list(self, what: str, **words: Any) -> list[dict[str, Any]]:
        pages = {"start": 0, "length": _MANY, "offset": 0, "pagesize": _MANY}
        answer = self._post(f"{what}/pageList", {**words, **pages})
        data = answer.get("data")
        # From 3.3 on it is a page within the answer.
        found = data.get("data") if isinstance(data, Mapping) else data
        if not isinstance(found, list):
            raise XxlJobError(f"{self._url} shows no list of {what} to {self._account[0]!r}: {_said(answer)}")
        return found

    def _post(self, path: str, words: Mapping[str, Any]) -> dict[str, Any]:
        if not self._url:
            self._login()
        try:
            status, body = self._ask(f"{self._url}/{path}", words)
        except _web.Silent as error:
            raise XxlJobError(f"{self._url}: {error}") from error
        found = _json(body)
        if status != 200 or found is None:
            raise XxlJobError(f"{self._url} answers {status} to {path}, and not as XXL-JOB's admin does")
        return found

    def _login(self) -> None:
        silent = []
        for url in self._urls:
            try:
                self._enter(url)
                self._url = url
                return
            except _web.Silent as error:
                silent.append(f"{url}: {error}")
        raise XxlJobError("; ".join(silent))

    def _enter(self, url: str) -> None:
        user, password = self._account
        for path in _LOGINS:
            status, body = self._ask(f"{url}/{path}", {"userName": user, "password": password})
            answer = _json(body)
            if status == 200 and answer is not None and "code" in answer:
                if answer["code"] != _FINE:
                    raise XxlJobError(f"{url} does not let the user {user!r} in: {_said(answer)}. Look at auth: file")
                return
        raise XxlJobError(f"{url} answers {status} to a login, and not as XXL-JOB's admin does")

    def _ask(self, url: str, words: Mapping[str, Any]) -> tuple[int, bytes]:
        return _web.fetch(self._session, "POST", url, data=words, patience=self._patience)


def of(params: Mapping[str, Any]) -> Admin:
    """By a module's options, as _xxljob.OPTIONS has them. Raises ValueError and XxlJobError."""
    _xxljob.check(params)
    account = _password_file.read(params["auth"]["file"])
    return Admin(params["admin"], account, _zookeeper_place.tls(params["tls"]))


def _group(one: Mapping[str, Any]) -> Group:
    try:
        text = one.get("addressList") or ""
        return Group(
            id=int(one["id"]),
            automatic=int(one["addressType"]) == 0,
            addresses=tuple(part.strip() for part in text.split(",") if part.strip()),
            fields={name: str(value) for name, value in one.items() if name not in _NO_FIELDS and value is not None},
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise XxlJobError(f"a group has no {error}: {str(one)[:200]}") from error


def _json(body: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(body)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _said(answer: Mapping[str, Any]) -> str:
    return str(answer.get("msg") or answer)[:200]
