# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Our entries in a node of Dubbo's rules: put in and taken out as text, so that all else stays byte for byte. Pure.

    {"type": "disabled", "enabled": true, "side": "consumer", "addresses": ["0.0.0.0"],
     "providerAddresses": ["10.0.0.3:20880"], "parameters": {"disabled": true, "lossless.restart": "10.0.0.3:20880"}}

The parameter with our name says whose entry it is. Dubbo adds it to the URL of a provider that it drops then. Its own
type and `enabled` keep the entry valid where a person switched the rule as a whole off. Both 2.7 and 3.x heed it.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from . import _dubbo_rule
from ._dubbo_rule import MARK, owner
from ._dubbo_url import Service

_MADE = "configVersion: v3.0\nscope: service\nkey: {}\nenabled: true\nconfigs:\n"


def added(data: bytes | None, service: Service, taken: Mapping[str, Sequence[str]]) -> bytes:
    """The node's new bytes. data: None where there is none. taken: by member its addresses, as consumers know them.

    Raises ValueError where nothing can be added to what is there so that it is as before when it is taken out again.
    """
    if data is None:
        items = "".join(f"- {_entry(member, taken[member])}\n" for member in sorted(taken))
        return (_MADE.format(json.dumps(service.key)) + items).encode()
    _check(_dubbo_rule.loaded(data), service)
    there = {member: item.get("providerAddresses") for member, item in _ours(data).items()}
    wanted = {member: list(addresses) for member, addresses in taken.items() if there.get(member) != list(addresses)}
    if not wanted:
        return data
    text = data.decode()
    _configs(text)
    if not _rest(text, wanted)["configs"]:
        if there:
            return added(None, service, taken)
        # Consumers keep the last entries that they heard of when a list becomes empty.
        raise ValueError("its list configs is empty, and would not bring anybody back: delete it, or give it an entry")
    text = _without(text, wanted)
    new = text
    for member in sorted(wanted, reverse=True):
        new = _with(new, _entry(member, wanted[member]))
    if _rest(new, wanted) != _rest(text, ()) or _without(new, wanted) != text:
        raise ValueError("an entry cannot be added to it without touching the rest")
    return new.encode()


def removed(data: bytes, members: Collection[str]) -> bytes | None:
    """The bytes without the entries of these members; None where no entry is left. Raises ValueError.

    Who would leave an empty list would bring nobody back: consumers keep the last entries that they heard of.
    """
    text = data.decode()
    rest = _rest(text, members)
    if not rest["configs"]:
        return None
    new = _without(text, members)
    if _rest(new, ()) != rest:
        raise ValueError(f"somebody wrote it anew, and the entries of {MARK} cannot be told from the rest: remove them")
    return new.encode()


def members(data: bytes) -> list[str]:
    """Whose entries of ours are in it. Raises ValueError."""
    return sorted(_ours(data)) if MARK.encode() in data else []


def _check(config: Any, service: Service) -> None:
    """Raises ValueError where its consumers heed nothing of what stands there."""
    if not isinstance(config, dict):
        raise ValueError("it is no rule with configs")
    if config.get("key") != service.key or config.get("scope", "service") != "service":
        raise ValueError(f"its key is {config.get('key')!r} and its scope {config.get('scope')!r}, not {service}'s own")


def _entry(member: str, addresses: Sequence[str]) -> str:
    """In the JSON that is YAML as well: it fits into either."""
    item = {
        "type": "disabled", "enabled": True, "side": "consumer", "addresses": [_dubbo_rule.ANY],
        "providerAddresses": list(addresses), "parameters": {"disabled": True, MARK: member},
    }  # fmt: skip
    return json.dumps(item)


def _loaded(text: str) -> Any:
    return _dubbo_rule.loaded(text.encode())


def _ours(data: bytes) -> dict[str, Any]:
    config = _dubbo_rule.loaded(data)
    items = config.get("configs") if isinstance(config, dict) else None
    return {str(owner(one)): one for one in items or () if owner(one) is not None} if isinstance(items, list) else {}


def _rest(text: str, members: Collection[str]) -> dict[str, Any]:
    """What the text says, less the entries of these members."""
    config = _loaded(text)
    return {**config, "configs": [one for one in config["configs"] or () if owner(one) not in members]}


def _configs(text: str) -> tuple[Any, list[Any]]:
    """The node of the list in the text, with its marks, and its items. Raises ValueError."""
    root = _dubbo_rule.composed(text)
    pairs = root.value if root is not None and root.id == "mapping" else ()
    for key, value in pairs:
        if key.value == "configs" and value.id == "sequence":
            return value, value.value
    raise ValueError("it has no list configs that an entry could be added to")


def _with(text: str, entry: str) -> str:
    """With the entry as the first one of the list, written as the list is."""
    node, _items = _configs(text)
    at = node.start_mark.index
    if node.flow_style:
        return f"{text[: at + 1]}{entry}, {text[at + 1 :]}"
    start = text.rfind("\n", 0, at) + 1
    return f"{text[:start]}{text[start:at]}- {entry}\n{text[start:]}"


def _without(text: str, members: Collection[str]) -> str:
    node, items = _configs(text)
    spans = [_span(text, node, item) for item, said in zip(items, _loaded(text)["configs"]) if owner(said) in members]
    for begin, end in reversed(spans):
        text = text[:begin] + text[end:]
    return text


def _span(text: str, node: Any, item: Any) -> tuple[int, int]:
    """From where to where an item stands, with what separates it from the next one."""
    if node.flow_style:
        begin, end = item.start_mark.index, item.end_mark.index
        return begin, end + 2 if text[end : end + 2] == ", " else end
    # A block's own end is where the next thing begins.
    begin = text.rfind("\n", 0, text.rfind("-", 0, item.start_mark.index + 1)) + 1
    end = text.find("\n", _last(item))
    return begin, end + 1 if end >= 0 else len(text)


def _last(node: Any) -> int:
    if isinstance(node.value, list) and node.value and not node.flow_style:
        last = node.value[-1]
        return _last(last[1] if isinstance(last, tuple) else last)
    return int(max(node.start_mark.index, node.end_mark.index - 1))
