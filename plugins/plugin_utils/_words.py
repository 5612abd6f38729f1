# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What people are told of a run, in their language: the one catalogue of words. Pure.

What the guard, the modules or a person said stands in a message as it is, on a line of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

EVENTS = ("started", "waiting", "refused", "approval", "canary", "glass", "failed", "stopped", "done")
LANGUAGES = ("en", "zh")
# Letters of a line, and lines of what was said: a message is read on a phone.
_LINE = 300
_LINES = 6

_TITLES: Mapping[str, Mapping[str, str]] = {
    "en": {
        "started": "{service}: restart started",
        "waiting": "{service}: restart waits for its turn",
        "refused": "{service}: restart refused",
        "approval": "{service}: restart waits for another person's word",
        "canary": "{service}: restart waits for a word after its canary",
        "glass": "{service}: BROKEN GLASS, this restart may go below the floor",
        "failed": "{service}: restart FAILED, {done} of {planned} done",
        "stopped": "{service}: restart stopped, {done} of {planned} done",
        "done": "{service}: restart done, {done} of {planned}",
    },
    "zh": {
        "started": "{service}：开始重启",
        "waiting": "{service}：重启正在排队等待",
        "refused": "{service}：重启被拒绝",
        "approval": "{service}：重启等待他人批准",
        "canary": "{service}：金丝雀实例已重启，等待确认后继续",
        "glass": "{service}：紧急破窗，本次重启可能低于保底",
        "failed": "{service}：重启失败，已完成 {done}/{planned}",
        "stopped": "{service}：重启已停止，已完成 {done}/{planned}",
        "done": "{service}：重启完成，{done}/{planned}",
    },
}
# What to do, behind what was said.
_THEN: Mapping[str, Mapping[str, str]] = {
    "en": {
        "started": "Nothing to do.",
        "waiting": "It goes on by itself, and gives up after {deadline} s.",
        "refused": "Nothing was touched. Mend what is named, then run the same command again.",
        "approval": "Nothing was touched. Approve it as it says above; then the same command goes on.",
        "canary": "Look at the canary; then let the run go on, or stop it, as it says above.",
        "glass": "Watch the pools while it runs.",
        "failed": "Mend the cause, then run the same command again: it goes on, and restarts nobody twice.",
        "stopped": "The same command again goes on.",
        "done": "Nothing to do.",
    },
    "zh": {
        "started": "无需操作。",
        "waiting": "轮到时自动继续，{deadline} 秒后放弃。",
        "refused": "未做任何改动。请先处理上述问题，再运行同一命令。",
        "approval": "未做任何改动。请按上文批准，之后运行同一命令即可继续。",
        "canary": "请检查金丝雀实例，再按上文让重启继续或停止。",
        "glass": "运行期间请关注各资源池。",
        "failed": "请先排除原因，再运行同一命令：会从中断处继续，不会重复重启。",
        "stopped": "再次运行同一命令即可继续。",
        "done": "无需操作。",
    },
}
# What is told of a run, where it is known.
_FACTS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "who": "by {}",
        "hosts": "instances: {}",
        "reason": "because: {}",
        "change": "change: {}",
        "users": "used by: {}",
        "left": "not done: {}",
        "out": "STILL OUT OF TRAFFIC: {}",
        "run": "run {}",
        "journal": "journal: {}",
        "link": "{}",
    },
    "zh": {
        "who": "操作人：{}",
        "hosts": "实例：{}",
        "reason": "原因：{}",
        "change": "变更单：{}",
        "users": "使用方：{}",
        "left": "未完成：{}",
        "out": "仍在流量之外：{}",
        "run": "运行编号 {}",
        "journal": "日志链：{}",
        "link": "{}",
    },
}
_REHEARSAL = {"en": "[REHEARSAL] ", "zh": "【演练】"}
_MORE = {"en": "and {} more", "zh": "另有 {} 项"}


def message(event: str, facts: Mapping[str, Any], language: str) -> tuple[str, str]:
    """(title, body). facts: service, done, planned, deadline; said (lines of what others said); rehearsal; and any of
    who, hosts, reason, change, users, left, out, run, journal, link, of which empty ones are not told."""
    values = {"done": 0, "planned": 0, "deadline": 0, **facts}
    title = (_REHEARSAL[language] if facts.get("rehearsal") else "") + _TITLES[language][event].format(**values)
    lines = [
        *_known(facts, ("who", "hosts", "reason", "change", "users"), language),
        *_said(facts.get("said", []), language),
        *_known(facts, ("left", "out"), language),
        _THEN[language][event].format(**values),
        *_known(facts, ("run", "journal", "link"), language),
    ]
    return plain(title), "\n".join(map(plain, lines))


def _known(facts: Mapping[str, Any], names: Sequence[str], language: str) -> list[str]:
    return [_FACTS[language][name].format(_text(facts[name])) for name in names if facts.get(name)]


def _said(texts: Sequence[str], language: str) -> list[str]:
    lines = [line for text in texts for line in str(text).splitlines() if line.strip()]
    more = [_MORE[language].format(len(lines) - _LINES)] if len(lines) > _LINES else []
    return lines[:_LINES] + more


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ", ".join(map(str, value))


def plain(text: str) -> str:
    """One line without control or formatting characters, cut where it is too long."""
    line = "".join(char if char.isprintable() else " " for char in text).strip()
    return line if len(line) <= _LINE else f"{line[: _LINE - 1]}…"
