# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An application that goes out properly: FastAPI, under uvicorn with one worker."""

from __future__ import annotations

import asyncio
import os
from typing import Any

from fastapi import FastAPI, Response


class State:
    """Of this process. accepting: whether it is to be sent work; in_flight: what it has in hand."""

    accepting = True
    in_flight = 0


class Counted:
    """Counts each request until its answer has been sent, those to /internal/ not."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["path"].startswith("/internal/"):
            await self.app(scope, receive, send)
            return
        State.in_flight += 1
        try:
            await self.app(scope, receive, send)
        finally:
            State.in_flight -= 1


app = FastAPI()
app.add_middleware(Counted)


@app.get("/internal/ready")
async def ready(response: Response) -> dict[str, bool]:
    """Whoever looks sends work only while this answers 200."""
    response.status_code = 200 if State.accepting else 503
    return {"accepting": State.accepting}


@app.get("/internal/status")
async def status() -> dict[str, Any]:
    """What is still in hand."""
    return {"accepting": State.accepting, "in_flight": State.in_flight}


@app.post("/internal/prepare-shutdown")
async def prepare_shutdown() -> dict[str, bool]:
    """Take no new work: those who look stop sending. What comes until they have looked is still served."""
    State.accepting = False
    # A consumer of messages leaves its group here, and counts what it has in hand in in_flight.
    return {"accepting": State.accepting}


@app.post("/internal/resume")
async def resume() -> dict[str, bool]:
    """It was not restarted after all."""
    State.accepting = True
    return {"accepting": State.accepting}


@app.post("/serve/{milliseconds}")
async def serve(milliseconds: int) -> dict[str, int]:
    """Its work."""
    await asyncio.sleep(milliseconds / 1000)
    return {"pid": os.getpid()}
