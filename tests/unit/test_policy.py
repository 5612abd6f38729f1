# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A policy as it is written: what it means, and that whatever else stands in it is refused with its line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from ansible_collections.lossless.restart.plugins.module_utils import _policy_text
from ansible_collections.lossless.restart.plugins.module_utils._account import Who
from ansible_collections.lossless.restart.plugins.module_utils._policy import Policy

DOCUMENT = Path(__file__).parents[2] / "docs" / "policy.md"
HEAD = "format: 1\ncontact: us\n"
MAY = "    may: [{users: [chen], kinds: [rolling]}]\n"
PLAIN = f"{HEAD}environments:\n  production:\n{MAY}"


def parse(text: str) -> Policy:
    return _policy_text.parse(text, "policy.yml")


def test_the_documentation_s_own() -> None:
    found = re.search(r"```yaml\n(format: 1\n.*?)```", DOCUMENT.read_text(), re.DOTALL)
    assert found
    policy = parse(found[1])
    order, cart, unnamed = policy.of("order-svc"), policy.of("cart"), policy.of("whatever")
    assert [rules.environment for rules in (order, cart, unnamed)] == ["production", "staging", "production"]
    assert order.approval and order.approval.by and order.confirm and order.at_most == "25%"
    assert cart.approval is None and not cart.confirm
    # A service's own freeze comes on top of its environment's.
    assert [one.name for one in unnamed.freeze] == ["singles day"]
    assert [one.name for one in order.freeze] == ["singles day", "market hours"]


def test_production_is_strict_and_the_rest_is_not() -> None:
    policy = parse(f"{PLAIN}  staging:\n{MAY}services:\n  cart: {{environment: staging}}\n")
    strict, easy = policy.of("order-svc"), policy.of("cart")
    assert strict.approval and strict.approval.by is None and strict.approval.within == 4 * 3600 and strict.confirm
    assert easy.approval is None and not easy.confirm


def test_who_a_grant_names() -> None:
    policy = parse(
        f"{HEAD}environments:\n  production:\n    may:\n"
        "    - {users: [chen], groups: [ops], awx_users: [dana], awx_templates: [Restart], kinds: [rolling]}\n"
    )
    [grant] = policy.of("x").may
    yes = [Who("chen"), Who("eve", ["ops"]), Who("dana", awx=True), Who("eve", awx=True, template="Restart")]
    # A name of the one kind is nothing in the other.
    no = [Who("dana"), Who("chen", awx=True), Who("ops"), Who("eve", awx=True, template="restart"), Who("eve", ["dev"])]
    assert [grant.people.has(one) for one in yes] == [True] * len(yes)
    assert [grant.people.has(one) for one in no] == [False] * len(no)


def test_anybody() -> None:
    policy = parse(f"{HEAD}environments:\n  production:\n    may: [{{users: ['*'], kinds: [rolling]}}]\n")
    [grant] = policy.of("x").may
    assert grant.people.has(Who("eve")) and not grant.people.has(Who("eve", awx=True))


def test_the_version_of_rules_is_of_them_alone() -> None:
    """So that an approval does not fall with a line about somebody else."""
    services = "services:\n  cart: {environment: production}\n"
    base, other = parse(PLAIN), parse(f"# a remark\n{PLAIN}{services}")
    assert base.version != other.version and base.of("x").version == other.of("x").version
    changed = parse(PLAIN.replace("[rolling]", "[rolling, canary]"))
    assert changed.of("x").version != base.of("x").version


WRONG = [
    ("", "line 1: it is empty"),
    ("format: [1", "line 1: this is no YAML"),
    ("a: b\n c: d\n", "line 2: this is no YAML"),
    ("- format", "line 1: the policy must be a mapping"),
    ("contact: us\nenvironments: {}\n", "line 1: the policy has no format"),
    (PLAIN.replace("format: 1", "format: 2"), "line 1: format '2' is not known"),
    (f"{PLAIN}owner: me\n", "line 6: the policy has the unknown key 'owner'"),
    (f"{PLAIN}contact: them\n", "line 6: the key 'contact' is there twice"),
    (f"{HEAD}environments:\n  staging:\n{MAY}", "line 3: environments has no production"),
    (f"{HEAD}environments:\n  production: {{}}\n", "line 4: there is no may"),
    (PLAIN.replace("kinds: [rolling]", "kinds: [restart]"), "line 5: kinds restart not among single, rolling, canary"),
    (PLAIN.replace("users: [chen], ", ""), "names nobody"),
    (PLAIN.replace("[chen]", "chen"), "users must be a list"),
    (PLAIN.replace("[chen]", "[]"), "users must be a list with something in it"),
    (f"{PLAIN}    aproval: false\n", "line 6: production's rules has the unknown key 'aproval'"),
    (f"{PLAIN}    approval: perhaps\n", "line 6: approval must be true or false"),
    (f"{PLAIN}    approval: no\n", "line 6: approval must be true or false"),
    (f"{PLAIN}    at_most: 0\n", "line 6: max_out '0' must be at least 1"),
    (f"{PLAIN}    floor: 120%\n", "line 6: floor '120%' leaves nothing"),
    (f"{PLAIN}    cooldown: 1h\n", "line 6: cooldown must be a number of seconds"),
    (f"{PLAIN}    cooldown: -5\n", "line 6: cooldown must be a number of seconds"),
    (f"{PLAIN}    change: 'CHG-['\n", "line 6: change is no regular expression"),
    (f"{PLAIN}    freeze: []\n", "line 6: freeze must be a list"),
    (f"{PLAIN}    freeze: [{{name: a, from: '09:00', until: '10:00'}}]\n", "line 6: a window needs a zone"),
    (f"{PLAIN}services:\n  cart: {{environment: test}}\n", "line 7: environment 'test' is not one of production"),
    (f"{PLAIN}services:\n  cart: {{}}\n", "line 7: service cart has no environment"),
    (f"{PLAIN}services:\n  'a b': {{environment: production}}\n", "line 7: service 'a b'"),
    (f"{PLAIN}services: &a\n  cart: *a\n", "it goes too deep, or contains itself"),
    (PLAIN.replace("[chen]", "[!!python/object:os.system {}]"), "line 5"),
    (PLAIN.replace("[chen]", '["a\\nb"]'), "has a line end or a control character"),
]


WINDOWS = [
    ("{name: a, from: '9', until: '10:00', zone: UTC}", "'9' is no time of day"),
    ("{name: a, from: '25:00', until: '10:00', zone: UTC}", "'25:00' is no time of day"),
    ("{name: a, from: '09:00', until: '10:00', zone: Mars/Base}", "zone 'Mars/Base' is no time zone"),
    ("{name: a, from: '09:00', until: '10:00', zone: ../../etc/passwd}", "is no time zone"),
    ("{name: a, from: '09:00', until: '10:00', zone: UTC, days: [monday]}", "days monday not among mon, tue"),
    ("{name: a, from: 2026-11-10 20:00, until: 2026-11-10 19:00, zone: UTC}", "ends before it begins"),
    ("{name: a, from: 2026-11-31 20:00, until: 2026-12-10 19:00, zone: UTC}", "'2026-11-31 20:00' is no date and time"),
    ("{name: a, from: 2026-11-10, until: 2026-12-10, days: [mon], zone: UTC}", "has a date, so that days mean nothing"),
    ("{name: a, from: '09:00', zone: UTC}", "a window has no until"),
    ("{name: a, from: 2026-11-10, until: '10:00', zone: UTC}", "'10:00' is no date and time"),
]


REFUSED = [
    *((said, text, re.escape(said)) for text, said in WRONG),
    *((said, f"{PLAIN}    freeze:\n      - {window}\n", f"line 7: .*{re.escape(said)}") for window, said in WINDOWS),
]


@pytest.mark.parametrize(("text", "pattern"), [one[1:] for one in REFUSED], ids=[one[0] for one in REFUSED])
def test_what_is_refused(text: str, pattern: str) -> None:
    with pytest.raises(ValueError, match=pattern):
        parse(text)


def test_times_are_texts() -> None:
    """YAML would make a number of 10:30."""
    [window] = parse(f"{PLAIN}    hours:\n      - {{name: day, from: 10:30, until: 17:00, zone: UTC}}\n").of("x").hours
    assert (window.first.hour, window.first.minute, window.last.hour) == (10, 30, 17)


def test_windows_may_overlap_and_have_names_of_their_own() -> None:
    one = "{name: a, from: '09:00', until: '10:00', zone: UTC}"
    two = one.replace("name: a", "name: b")
    assert len(parse(f"{PLAIN}    freeze: [{one}, {two}]\n").of("x").freeze) == 2
    with pytest.raises(ValueError, match="there is a window 'a' in line 6 already"):
        parse(f"{PLAIN}    freeze: [{one}, {one}]\n")
