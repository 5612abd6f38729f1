# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The policy, as the guard holds runs to it: at the plan, at their beginning, and at each grant."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.lossless.restart.plugins.module_utils._ledger import Refused

from tests.unit.guard_fleet import BOB, NOON, Fleet
from tests.unit.policies import Rules, rules

__all__ = ["rules"]
# NOON is 2027-01-15 08:00 UTC, a Friday.


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    return Fleet(tmp_path / "ledger", size=10)


def refused(fleet: Fleet, action: str = "begin", **params: Any) -> str:
    """What is said, and that the ledger is as it was."""
    before = fleet.ask("status")
    with pytest.raises(Refused) as error:
        fleet.begin(**params) if action == "begin" else fleet.ask(action, **params)
    after = fleet.ask("status")
    assert [after[name] for name in ("runs", "leases", "revision")] == [
        before[name] for name in ("runs", "leases", "revision")
    ]
    return str(error.value)


def test_without_a_policy_nothing_changes(fleet: Fleet, rules: Rules) -> None:
    run = fleet.begin()
    assert fleet.acquire(run, ["order-1"])["granted"]
    plan = fleet.ask("plan", wanted=fleet.hosts[1:], pace=[1])
    assert plan["policy"] is None and plan["against"] == []


def test_who_may_do_what(fleet: Fleet, rules: Rules) -> None:
    rules.production()
    assert fleet.begin(["order-1"])
    said = refused(fleet, kind="forced", owner=BOB)
    assert f"may ({rules.policy} line 6): chen may not do forced with order-svc; who may: group sre" in said
    assert "Who can lift it: the platform team" in said
    rules.comes("dana", "sre", "users")
    assert fleet.begin(["order-2"], kind="forced", owner=BOB)
    rules.comes("eve", "users")
    said = refused(fleet, owner={**BOB, "pid": 3})
    assert "eve (groups users) may not do rolling with order-svc; who may: chen, group order-team; group sre" in said


def test_glass_takes_a_right_of_its_own(fleet: Fleet, rules: Rules) -> None:
    rules.production()
    said = refused(fleet, glass="the provider is down until then")
    assert "chen may not do break_glass with order-svc; who may: group sre" in said
    rules.comes("dana", "sre")
    assert fleet.begin(glass="the provider is down until then")


def test_the_plan_says_all_that_is_against_it(fleet: Fleet, rules: Rules) -> None:
    rules.production("change: CHG-[0-9]+\nreason: .{10,}")
    plan = fleet.ask("plan", wanted=fleet.hosts, pace=[1], kind="forced", reason="leak")
    assert [text.partition(" (")[0] for text in plan["against"]] == ["may", "reason", "change"]
    assert plan["policy"]["environment"] == "production" and plan["policy"]["who"] == "chen"
    assert plan["batches"], "the plan is told all the same"
    assert "-e fleet_change='' does not match 'CHG-[0-9]+'" in plan["against"][2]
    good = {"reason": "a memory leak", "change": "CHG-4711"}
    assert fleet.ask("plan", wanted=fleet.hosts, pace=[1], **good)["against"] == []
    assert fleet.begin(**good)


def test_a_freeze(fleet: Fleet, rules: Rules) -> None:
    rules.production("freeze:\n  - {name: sale, from: 2027-01-15, until: 2027-01-16 08:00}")
    said = refused(fleet)
    assert f"freeze ({rules.policy} line 12): order-svc is frozen until 2027-01-16 08:00 UTC by 'sale'" in said
    fleet.now += 86400
    assert fleet.begin()


def test_a_freeze_that_begins_in_the_middle(fleet: Fleet, rules: Rules) -> None:
    """What is out is still ended and put back; nothing more goes out."""
    rules.production("freeze:\n  - {name: noon, from: '08:10', until: '09:00'}")
    run = fleet.begin()
    assert fleet.acquire(run, ["order-1"], held=3600)["granted"]
    fleet.now += 600
    with pytest.raises(Refused, match=r"Nothing was granted:\nfreeze .* frozen until 2027-01-15 09:00 UTC by 'noon'"):
        fleet.acquire(run, ["order-2"])
    assert fleet.ask("renew", run=run, wanted=["order-1"], held=60, step="attaching")["leases"]
    assert fleet.ask("release", run=run, wanted=["order-1"], done=True)["changed"]
    assert fleet.ask("stop", run=run, why="frozen")["changed"]
    assert not fleet.ask("finish", run=run)["complete"]


def test_hours(fleet: Fleet, rules: Rules) -> None:
    rules.production("hours:\n  - {name: day, days: [mon, tue], from: '10:00', until: '16:00'}")
    assert "restarted only within 'day': next from 2027-01-18 10:00 UTC on" in refused(fleet)
    fleet.now = NOON + 3 * 86400 + 2 * 3600
    assert fleet.begin()


def test_cooldown(fleet: Fleet, rules: Rules) -> None:
    rules.production("cooldown: 3600")
    run = fleet.begin(["order-1", "order-2"])
    for host in ("order-1", "order-2"):
        assert fleet.acquire(run, [host])["granted"], "it does not hold up the run itself"
        fleet.ask("release", run=run, wanted=[host], done=True)
        fleet.now += 60
    fleet.ask("finish", run=run)
    assert "order-svc was restarted 60 s ago: 3540 of 3600 s are left" in refused(fleet)
    fleet.now += 3540
    assert fleet.begin()


def test_cooldown_lets_a_run_go_on(fleet: Fleet, rules: Rules) -> None:
    rules.production("cooldown: 3600")
    run = fleet.begin(["order-1", "order-2"])
    fleet.acquire(run, ["order-1"])
    fleet.ask("release", run=run, wanted=["order-1"], done=True)
    fleet.ask("finish", run=run)
    assert fleet.begin(["order-2"], owner=BOB) == run


def test_what_was_put_back_has_not_been_restarted(fleet: Fleet, rules: Rules) -> None:
    rules.production("cooldown: 3600")
    run = fleet.begin(["order-1"])
    fleet.acquire(run, ["order-1"])
    fleet.ask("release", run=run, wanted=["order-1"])
    fleet.ask("finish", run=run)
    assert fleet.begin(["order-3"], owner=BOB)


def test_the_largest_share(fleet: Fleet, rules: Rules) -> None:
    rules.production("at_most: 25%")
    run = fleet.begin()
    with pytest.raises(Refused, match=r"the policy's at_most 25%, .*policy.yml lets 2 more be in work at once"):
        fleet.acquire(run, fleet.hosts[:3])
    assert fleet.acquire(run, fleet.hosts[:2])["granted"]
    # Over all runs; and a smaller cap of the service's own still holds.
    other = fleet.begin(fleet.hosts[2:], owner=BOB)
    with pytest.raises(Refused, match="lets 2 be in work at once over all runs, and they are"):
        fleet.acquire(other, fleet.hosts[2:3], owner=BOB)
    with pytest.raises(Refused, match="max_out lets 1 be in work"):
        fleet.acquire(other, fleet.hosts[2:3], owner=BOB, max_out="1")
    plan = fleet.ask("plan", wanted=fleet.hosts[4:], pace=[6], owner=BOB)
    assert plan["batches"] == []


def test_the_least_floor(fleet: Fleet, rules: Rules) -> None:
    rules.production("floor: 40%")
    run = fleet.begin()
    with pytest.raises(Refused, match=r"line 11\): order-svc 30%, order_svc 30% is below the least floor, 40%"):
        fleet.acquire(run, ["order-1"])
    with pytest.raises(Refused, match="below the least floor"):
        fleet.ask("plan", wanted=fleet.hosts, pace=[1])
    fleet.floor = "40%"
    assert fleet.acquire(run, ["order-1"])["granted"]


def test_confirm(fleet: Fleet, rules: Rules) -> None:
    rules.production("confirm: true")
    for typed in ("", "order", "ORDER-SVC"):
        assert "say its name once more, as in -e fleet_confirm=order-svc" in refused(fleet, confirm=typed)
    assert fleet.begin(confirm="order-svc")


def test_rules_that_become_stricter_in_the_middle(fleet: Fleet, rules: Rules) -> None:
    rules.production()
    run = fleet.begin()
    assert fleet.acquire(run, ["order-1"])["granted"]
    rules.production("approval: true")
    with pytest.raises(Refused, match=f"run {run} has no approval under the rules as they stand now"):
        fleet.acquire(run, ["order-2"])
    rules.production(may="\n    may: [{users: [dana], kinds: [rolling]}]")
    with pytest.raises(Refused, match="chen may not do rolling"):
        fleet.acquire(run, ["order-2"])


def test_the_kind_is_that_of_the_beginning(fleet: Fleet, rules: Rules) -> None:
    """A grant is judged by what the ledger has, and not by what is said with it."""
    rules.comes("dana", "sre")
    rules.production()
    run = fleet.begin(kind="forced")
    rules.comes("chen")
    with pytest.raises(Refused, match="chen may not do forced"):
        fleet.acquire(run, ["order-1"], kind="rolling")


class TestGoneOrBroken:
    def look(self, fleet: Fleet, run: str) -> None:
        """What is possible all the same."""
        assert fleet.ask("status")["runs"]
        look = fleet.ask("look")
        assert look["levels"] and look["policy"] is None and "policy.yml" in look["policy_trouble"]
        assert fleet.ask("renew", run=run, wanted=["order-1"], held=60)["leases"]
        assert fleet.ask("stop", owner=None, why="enough")["changed"]
        fleet.now += 1000
        assert fleet.ask("recover", owner=BOB, wanted=["order-1"], held=60)["granted"]

    def test_missing_after_there_was_one(self, fleet: Fleet, rules: Rules) -> None:
        rules.production()
        run = fleet.begin()
        fleet.acquire(run, ["order-1"])
        rules.policy.unlink()
        for action in ("plan", "begin", "acquire"):
            with pytest.raises(Refused, match=f"the policy {rules.policy} is gone, and runs began under one"):
                self.want(fleet, action, run)
        self.look(fleet, run)

    def test_broken(self, fleet: Fleet, rules: Rules) -> None:
        rules.production()
        run = fleet.begin()
        fleet.acquire(run, ["order-1"])
        rules.write(rules.policy.read_text() + "    aproval: true\n")
        for action in ("plan", "begin", "acquire"):
            with pytest.raises(Refused, match=r"cannot be used: line 11: .* unknown key 'aproval'.*Mend it"):
                self.want(fleet, action, run)
        self.look(fleet, run)

    def want(self, fleet: Fleet, action: str, run: str) -> None:
        if action == "acquire":
            fleet.acquire(run, ["order-2"])
        elif action == "begin":
            fleet.begin(owner=BOB)
        else:
            fleet.ask("plan", wanted=fleet.hosts, pace=[1])

    def test_before_there_was_one_it_may_be_missing(self, fleet: Fleet, rules: Rules) -> None:
        assert fleet.begin()
        rules.folder.rmdir()
        assert fleet.begin(owner=BOB)

    @pytest.mark.parametrize(
        ("spoil", "said"),
        [
            (lambda rules: rules.policy.chmod(0o666), "mode 0666"),
            (lambda rules: rules.policy.chmod(0o664), "mode 0664"),
            (lambda rules: rules.folder.chmod(0o777), "mode 0777"),
            (lambda rules: rules.policy.rename(rules.folder / "x") and rules.policy.symlink_to("x"), "symbolic link"),
            (lambda rules: rules.policy.unlink() or rules.policy.mkdir(), "of another kind"),
            (lambda rules: rules.policy.write_bytes(b"format: 1\n\xff"), "can't decode"),
        ],
    )
    def test_what_others_may_have_changed(self, fleet: Fleet, rules: Rules, spoil: Any, said: str) -> None:
        rules.production()
        spoil(rules)
        assert said in refused(fleet)
        assert said in refused(fleet, "plan", wanted=fleet.hosts, pace=[1])
        rules.folder.chmod(0o755)


def test_awx(fleet: Fleet, rules: Rules) -> None:
    may = "\n    may: [{awx_users: [chen], kinds: [rolling]}]"
    rules.production(may=may)
    job = {"user": "chen", "template": "Restart", "job": "17"}
    rules.comes("mallory")
    assert "mallory may not do rolling" in refused(fleet, awx=job), "a variable on the command line is nothing"
    rules.write(rules.policy.read_text().replace("zone: UTC", "zone: UTC\nawx_accounts: [awx]"))
    assert "mallory may not do rolling" in refused(fleet, awx=job)
    rules.comes("awx")
    assert "awx:eve may not do rolling" in refused(fleet, awx={**job, "user": "eve"})
    assert "awx may not do rolling" in refused(fleet)
    run = fleet.begin(awx=job)
    assert [one["account"] for one in fleet.ask("status")["runs"] if one["id"] == run] == ["awx:chen"]


def test_a_look_says_what_holds_now(fleet: Fleet, rules: Rules) -> None:
    assert [fleet.ask("look")[name] for name in ("policy", "closed", "policy_trouble")] == [None, [], ""]
    rules.production("at_most: 25%\nfreeze:\n  - {name: sale, from: 2027-01-15, until: 2027-01-16 08:00}")
    look = fleet.ask("look")
    assert look["policy"]["environment"] == "production" and look["policy"]["at_most"] == "25%"
    [closed] = look["closed"]
    assert "order-svc is frozen until 2027-01-16 08:00 UTC by 'sale'" in closed
    fleet.now += 86400
    assert fleet.ask("look")["closed"] == []
