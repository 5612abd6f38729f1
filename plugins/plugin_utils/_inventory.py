# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The inventory's variables as their templates give them; a template that fails names its host and variable."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible.errors import AnsibleError
from ansible_collections.lossless.restart.plugins.plugin_utils._names import Invalid

# What would be a template, had it been written elsewhere.
_MARKS = ("{{", "{%", "{#")


class Inventory:
    """hostvars and groups of a play; each host's variables are put together once."""

    def __init__(self, hostvars: Any, groups: Mapping[str, list[str]]) -> None:
        self._hostvars = hostvars
        self.groups = groups
        self._hosts: dict[str, Variables] = {}

    def __contains__(self, host: str) -> bool:
        return host in self._hostvars

    def __getitem__(self, host: str) -> Variables:
        if host not in self._hosts:
            self._hosts[host] = Variables(host, self._hostvars[host])
        return self._hosts[host]

    def literal(self, host: str, name: str) -> Any:
        """A variable as it was written: never templated, and refused where it looks as if it should be."""
        value = self._hostvars.raw_get(host).get(name)
        if isinstance(value, str) and any(mark in value for mark in _MARKS):
            raise Invalid(f"{name} {str(value)!r} has a template in it: it is for the record and never templated")
        return value


class Variables(Mapping[str, Any]):
    """One host's variables."""

    def __init__(self, host: str, values: Mapping[str, Any]) -> None:
        self._host = host
        self._values = values
        self._templated: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._templated:
            self._templated[name] = self._template(name)
        return self._templated[name]

    def _template(self, name: str) -> Any:
        try:
            return self._values[name]
        except AnsibleError as error:
            why = " ".join(str(error).split()).rstrip(".")
            raise Invalid(f"{self._host}: {name} cannot be templated: {why}") from None

    def __contains__(self, name: object) -> bool:
        return name in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)
