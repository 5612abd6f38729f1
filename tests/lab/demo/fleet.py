# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A fleet on this machine: instances under supervisor, nginx before them, on loopback addresses of its own.

with Fleet(tmp_path / "fleet") as fleet, fleet.client() as client, fleet.observer() as observer:
    code, text = fleet.play("-l", "order-svc")
assert code == 0, text
assert client.result["lost"] == 0 and observer.lowest["order_svc"] >= 2
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from typing import Any

from . import addresses, processes
from .layout import Layout
from .playbook import Playbook
from .sessions import Client, Failed, Observer, spawn, wait_for

OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Fleet(Layout):
    """See Layout for what can be chosen."""

    # Start and stop

    def start(self) -> None:
        """Start all of it and wait until every instance is healthy. Raises Unusable or Failed, and leaves nothing."""
        self.stop()
        addresses.check([*self.balancers.values(), *self.instances.values()])
        shutil.rmtree(self.folder, ignore_errors=True)
        self.write()
        try:
            for balancer in self.balancers:
                self.start_balancer(balancer)
            self.start_supervisor()
        except BaseException:
            self.stop()
            raise

    def start_supervisor(self) -> None:
        """Start it with its instances, and wait until they are healthy."""
        argv = [sys.executable, "-m", "supervisor.supervisord", "-c", str(self.folder / "supervisord.conf")]
        log = self.folder / "logs" / "supervisord.out"
        supervisor = spawn(argv, self.folder, log)

        def settled() -> bool:
            return supervisor.poll() is not None or all(map(self.healthy, self.instances))

        try:
            wait_for("every instance healthy", settled)
        except Failed:
            sick = [name for name in self.instances if not self.healthy(name)]
            raise Failed(f"{', '.join(sick)} does not come up: {self.log(sick[0])[-500:]}") from None
        if supervisor.poll() is not None:
            raise Failed(f"supervisord ended with {supervisor.returncode}: {log.read_text()[-500:]}")

    def start_balancer(self, balancer: str) -> None:
        """nginx goes to the background by itself, once it listens."""
        self._nginx(balancer)

    def stop(self) -> None:
        """End everything in the folder, sessions too. The files stay, to look into."""
        processes.end(lambda: processes.of_fleet(self.folder))

    def __enter__(self) -> Fleet:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    # Traffic and eyes

    def client(self, name: str = "client", **options: float) -> Client:
        """Two requests of three go to the first upstream. options: client.py's, as in rate=300, connections=64."""
        others = [f"/{pool}/work" for pool in list(self.members)[1:]]
        paths = ["/work"] * (2 * len(others) or 1) + others
        arguments = [f"--to={address}" for address in self.balancers.values()] + [f"--path={path}" for path in paths]
        arguments += [f"--{option}={value}" for option, value in options.items()]
        return Client(self.folder / name, [*arguments, f"--logs={self.folder / 'processed'}"])

    def observer(self, name: str = "observer", *, interval: float = 0.05) -> Observer:
        """interval: seconds between two looks."""
        arguments = [f"--balancer={one}={self.folder / one}" for one in self.balancers]
        arguments += [f"--instance={one}={address}" for one, address in self.instances.items()]
        return Observer(self.folder / name, [*arguments, f"--interval={interval}"])

    def get(self, instance: str, path: str, timeout: float = 2.0) -> Any:
        """What an instance itself answers, as JSON. Raises OSError where it does not answer."""
        try:
            with OPENER.open(f"http://{self.instances[instance]}{path}", timeout=timeout) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            return json.load(error)
        except http.client.HTTPException as error:
            raise OSError(str(error)) from error

    def healthy(self, instance: str) -> bool:
        with contextlib.suppress(OSError, ValueError):
            return bool(self.get(instance, "/health-extended") == {"status": "healthy"})
        return False

    def pid(self, instance: str) -> int:
        """The instance's process; 0 where there is none."""
        for process in processes.of_fleet(self.folder):
            if self.instances[instance] in process.argv and "observer" not in process.folder:
                return process.pid
        return 0

    def master(self, balancer: str) -> int:
        """The balancer's master process; 0 where there is none."""
        for process in processes.of_fleet(self.folder / balancer):
            if process.argv[0].startswith("nginx: master"):
                return process.pid
        return 0

    def log(self, instance: str) -> str:
        with contextlib.suppress(FileNotFoundError):
            return (self.folder / "logs" / f"{instance}.out").read_text()
        return ""

    # Hands

    def switch(self, instance: str, name: str, value: float | None = 1) -> None:
        """Set one of service.py's switches; None takes it away."""
        path = self.folder / "switches" / f"{instance}.{name}"
        if value is None:
            path.unlink(missing_ok=True)
        else:
            path.write_text(f"{value:g}\n")

    def kill(self, name: str, number: int = signal.SIGKILL) -> int:
        """Send the signal to an instance's or a balancer's process. Which process that was."""
        pid = self.pid(name) if name in self.instances else self.master(name)
        if not pid:
            raise ProcessLookupError(f"{name} does not run")
        os.kill(pid, number)
        return pid

    def line(self, balancer: str, upstream: str, instance: str, words: str) -> None:
        """Write the member's line as a person would, with words like `down` after its own. Without a reload."""
        path = self.folder / balancer / "conf.d" / "upstreams.conf"
        block = re.compile(rf"(upstream {upstream} \{{[^}}]*?server {re.escape(self.instances[instance])})[^;]*;")
        after = " ".join(["", *self.line_words.split(), *words.split()])
        text, count = block.subn(rf"\1{after};", path.read_text())
        if count != 1:
            raise KeyError(f"{instance} is not in {upstream} at {balancer}")
        new = path.with_suffix(".new")
        new.write_text(text)
        new.replace(path)

    def reload(self, balancer: str) -> None:
        """By signal; the new workers are there a little later."""
        self._nginx(balancer, "-s", "reload")

    def wait_reloaded(self, seconds: float = 30.0) -> None:
        """Until no old worker is left at any balancer."""

        def done() -> bool:
            return not any("shutting down" in one.argv[0] for one in processes.of_fleet(self.folder))

        wait_for("old nginx workers gone", done, seconds)

    def supervisorctl(self, *words: str) -> str:
        """What it prints; its exit code says too little to be of use."""
        argv = [str(self.folder / "bin" / "supervisorctl"), "-c", str(self.folder / "supervisord.conf"), *words]
        return subprocess.run(argv, capture_output=True, text=True, check=False).stdout

    def playbook(self, *words: str, name: str = "rolling_restart.yml") -> Playbook:
        """One of the collection's playbooks, for this fleet, its output in playbook.log: `with` starts it."""
        return Playbook(name, "-i", str(self.inventory), *words, log=self.folder / "playbook.log")

    def play(self, *words: str, name: str = "rolling_restart.yml") -> tuple[int, str]:
        """Run a playbook to its end. Its exit code and what it printed."""
        with self.playbook(*words, name=name) as playbook:
            return playbook.wait(), playbook.text

    def _nginx(self, balancer: str, *words: str) -> None:
        argv = [*self.nginx(balancer), *words]
        ended = subprocess.run(argv, cwd=self.folder / balancer, capture_output=True, text=True, check=False)
        if ended.returncode != 0:
            raise Failed(f"{balancer}: {ended.stderr.strip()}")
