# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which of Dubbo's rules take a provider from its consumers: those with `disabled`. Pure.

There are two forms, and consumers heed both: since 2.7 YAML of the configuration centre, and before it URLs
`override://` of the registry. Only what stands for consumers counts; the rest changes nothing of who is called.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Callable

from . import _dubbo_url
from ._dubbo_url import Service

try:
    import yaml

    HAS_YAML = True
except ImportError:
    HAS_YAML = False

ANY = "0.0.0.0"
SUFFIX = ".configurators"
# The parameter by which our own entries are known: whose they are.
MARK = "lossless.restart"


@dataclass(frozen=True)
class Rule:
    """path: of its node. service: whose, or None for all. providers: which, as they are written; empty for all.

    only: for which consumers alone, in words; empty where it is for all of them. ours: for which member we wrote it.
    """

    path: str
    service: Service | None
    providers: tuple[str, ...]
    only: str
    ours: str = ""

    def disables(self, service: Service, host: str, port: int) -> bool:
        return self.service in (None, service) and (
            not self.providers or any(_meant(one, host, port) for one in self.providers)
        )


def _meant(written: str, host: str, port: int) -> bool:
    """As Dubbo compares a provider's address with one of a rule."""
    if written in (ANY, f"{ANY}:*", f"{ANY}:{port}"):
        return True
    try:
        return _dubbo_url.located(written) == (host, port)
    except ValueError:
        return _dubbo_url.plain_host(written) == host


def concerns(name: str, interfaces: Collection[str]) -> bool:
    """Whether a node of the configuration centre, by its name, may hold a rule for one of these interfaces."""
    interface, colon, _rest = name.partition(":")
    # Without a colon it is an application's, which may be a consumer.
    return name.endswith(SUFFIX) and (not colon or interface in interfaces)


def from_override(path: str, node: str) -> list[Rule]:
    """From the name of a node of an interface's configurators. Raises ValueError."""
    scheme, authority, interface, given = _dubbo_url.split(_dubbo_url.decoded(node))
    off = given.get("disabled", "").lower() == "true" and given.get("enabled", "true").lower() == "true"
    if scheme != "override" or not off or given.get("side", "consumer") != "consumer":
        return []
    service = Service(interface or given.get("interface", ""), given.get("group", ""), given.get("version", ""))
    # With a port the address is a provider's, without one a consumer's.
    host, _colon, port = authority.rpartition(":") if ":" in authority else (authority, "", "")
    conditions = [f"host {host}"] if not port and host != ANY else []
    conditions += [f"{name} {given[name]}" for name in ("application",) if given.get(name, "*") != "*"]
    conditions += [f"{name[1:]} {value}" for name, value in given.items() if name.startswith("~")]
    return [Rule(path, service, (authority,) if port else (), ", ".join(conditions))]


def from_config(path: str, data: bytes) -> list[Rule]:
    """From a node of the configuration centre. Raises ValueError that says what is wrong with it."""
    if not data.strip():
        return []
    config = loaded(data)
    if isinstance(config, list) and all(isinstance(one, str) for one in config):
        return [rule for one in config for rule in from_override(path, one)]
    if not isinstance(config, dict) or not isinstance(config.get("configs") or [], list):
        raise ValueError("it is no rule with configs")
    return [rule for item in config.get("configs") or [] for rule in _item(path, config, item)]


def loaded(data: bytes) -> Any:
    """What the YAML says. Raises ValueError."""
    return _by(lambda: yaml.safe_load(data.decode()))


def composed(text: str) -> Any:
    """Its nodes, which know where in the text they stand. Raises ValueError."""
    return _by(lambda: yaml.compose(text, Loader=yaml.SafeLoader))


def _by(parse: Callable[[], Any]) -> Any:
    if not HAS_YAML:
        raise ValueError("to read it takes the Python library PyYAML on this host: pip install PyYAML")
    try:
        return parse()
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"it is no YAML: {' '.join(str(error).split())}") from error


def _item(path: str, config: Mapping[str, Any], item: Any) -> Iterator[Rule]:
    if not isinstance(item, dict) or not isinstance(item.get("parameters") or {}, dict):
        raise ValueError("one of its configs is no mapping with parameters")
    general = item.get("type") in (None, "general")
    enabled = config.get("enabled", True) if general else item.get("enabled")
    off = _true((item.get("parameters") or {}).get("disabled"))
    if not off or not _true(enabled) or item.get("side") != "consumer":
        return
    only = _conditions(item)
    services: Iterable[Service | None]
    if config.get("scope") == "application":
        # Consumers listen for that of their own application; providers do not heed what stands for consumers.
        only = [f"application {config.get('key')}", *only]
        named = _words(item, "services") or ("*",)
    else:
        named = (str(config.get("key") or ""),)
    if "" in named:
        raise ValueError("it has no key, which says whose it is")
    services = [None if one == "*" else _dubbo_url.service(one) for one in named]
    for service in services:
        # Consumers of a service listen to the node of its name, whatever the key in it says.
        if config.get("scope") != "application" and (service is None or f"{service.rule_key}{SUFFIX}" != _name(path)):
            continue
        yield Rule(path, service, _words(item, "providerAddresses"), ", ".join(only), owner(item) or "")


def owner(item: Any) -> str | None:
    """For which member we wrote it; None where we did not."""
    parameters = item.get("parameters") if isinstance(item, dict) else None
    found = parameters.get(MARK) if isinstance(parameters, dict) else None
    return None if found is None else str(found)


def _conditions(item: Mapping[str, Any]) -> list[str]:
    """For whom alone an item is, in words."""
    consumers = [one for one in _words(item, "addresses") if not one.startswith(ANY)]
    every = len(consumers) < len(_words(item, "addresses"))
    found = [f"hosts {' '.join(consumers)}"] if consumers and not every else []
    applications = _words(item, "applications")
    found += [f"applications {' '.join(applications)}"] if applications and "*" not in applications else []
    return found + ([f"match {item['match']}"] if item.get("match") else [])


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def _words(item: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = item.get(name) or []
    return tuple(map(str, value)) if isinstance(value, list) else ()


def _true(value: Any) -> bool:
    """As Java reads it, whether YAML made it a boolean or not."""
    return str(value).lower() == "true"
