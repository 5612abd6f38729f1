# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Asks an executor of XXL-JOB whether one of its jobs runs or waits there."""

from __future__ import annotations

import concurrent.futures
import json
import time
from collections.abc import Mapping, Sequence

from . import _http
from ._xxljob import XxlJobError

_FINE = 200
# As every version says it of one that runs or waits; it says 500 of whatever it does not like.
_BUSY = "running or has trigger queue"
_AT_ONCE = 16
_PATIENCE = 5.0


def busy(url: str, headers: Mapping[str, str], jobs: Sequence[int]) -> list[int]:
    """Those of the jobs that run or wait at the executor. One where nobody listens has none: it has ended.

    Raises XxlJobError where it does not say.
    """
    with concurrent.futures.ThreadPoolExecutor(_AT_ONCE) as pool:
        answers = pool.map(lambda job: _busy(url, headers, job), jobs)
        return [job for job, answer in zip(jobs, answers) if answer]


def _busy(url: str, headers: Mapping[str, str], job: int) -> bool:
    body = json.dumps({"jobId": job}).encode()
    sent = {**headers, "Content-Type": "application/json;charset=UTF-8"}
    try:
        answer = _http.ask(f"{url.rstrip('/')}/idleBeat", "POST", sent, None, time.monotonic() + _PATIENCE, body)
        found = json.loads(answer.body)
        code, said = int(found["code"]), str(found.get("msg") or "")
    except _http.Unreachable as error:
        if "connection refused" in str(error):
            return False
        raise XxlJobError(f"{url}: {error}") from error
    except OSError as error:
        if isinstance(error, ConnectionRefusedError):
            return False
        raise XxlJobError(f"{url}: {error}") from error
    except (ValueError, KeyError, TypeError):
        raise XxlJobError(f"{url} does not answer as an executor of XXL-JOB does") from None
    if code != _FINE and _BUSY not in said:
        raise XxlJobError(f"{url} does not say whether job {job} runs: {said.rstrip('.')}. Look at headers_file")
    return code != _FINE
