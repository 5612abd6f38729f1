# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The kind `nginx` in a service's description: what an entry of instance_traffic may say, and what it names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.lossless.restart.plugins.module_utils import _grammar
from ansible_collections.lossless.restart.plugins.plugin_utils import _names
from ansible_collections.lossless.restart.plugins.plugin_utils._settings import told

# The keys of an entry besides those that every kind has, and whether they must be there.
KEYS = {"upstream": True, "balancers": True, "member": False}

# The variables of a balancer.
VARIABLES: Mapping[str, Callable[[Any, str], Any]] = {
    "nginx_config": _grammar.path,
    "nginx_prefix": _grammar.path,
    "nginx_test": _grammar.command,
    "nginx_reload": _grammar.command,
    "nginx_show_version": _grammar.command,
}

# Whether the instance itself is asked something before the guard judges.
ASKS = False
POOLED = True


def check_source(host: str, values: Mapping[str, Any]) -> None:
    """A balancer's own variables; raises Invalid."""
    _names.check_shared(values, VARIABLES, host)
    for name, rule in VARIABLES.items():
        if values.get(name) is not None:
            told(host, rule, values[name], name)


def pool(entry: Mapping[str, Any]) -> str:
    """The pool's name: the upstream's."""
    return _grammar.word(entry["upstream"], "upstream")


def label(name: str) -> str:
    """The pool's name for people."""
    return name


def sources(entry: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The balancers, which are inventory hosts: each says who is in the pool."""
    balancers = entry["balancers"]
    if not isinstance(balancers, list) or not balancers or not all(isinstance(host, str) for host in balancers):
        raise ValueError(f"balancers {balancers!r} is no list of inventory hosts, as in \"{{{{ groups['lb'] }}}}\"")
    return [{"name": host, "host": host, "settings": {}} for host in dict.fromkeys(balancers)]


def member(entry: Mapping[str, Any], address: str) -> str:
    """The instance as the balancers list it."""
    return _grammar.member(entry.get("member", address), "member")


def own(entry: Mapping[str, Any]) -> dict[str, Any]:
    """What is the instance's own: nothing."""
    return {}
