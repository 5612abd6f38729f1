# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which old workers keep a member in traffic: those of before nginx read that it is down, and no later ones."""

from __future__ import annotations

import pytest
from ansible_collections.lossless.restart.plugins.module_utils._nginx_proof import Looks, Seen


def seen(*old: int, unread: bool = False, connections: int = 0) -> Seen:
    return Seen([], ["a.conf"] if unread else [], list(old), {"10.0.0.3:8080": connections}, {}, True)


@pytest.mark.parametrize(
    ("looks", "counted", "out"),
    [
        ([seen()], [], True),
        ([seen(7)], [7], False),
        ([seen(7), seen(7, 8)], [7], False),
        ([seen(7), seen(8)], [], True),
        ([seen(), seen(8)], [], True),
        # Until nginx has read the file, every old worker may have the old one.
        ([seen(unread=True), seen(8)], [8], False),
        ([seen(7, unread=True), seen(7, 8), seen(8, 9)], [8], False),
        ([seen(7), seen(connections=1)], [], False),
    ],
)
def test_old_workers(looks: list[Seen], counted: list[int], out: bool) -> None:
    taken = Looks()
    last = [taken.take(look) for look in looks][-1]
    assert (last.shutting_down, last.out) == (counted, out)
