# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Servers in Java: their jars by Maven, and a process that is waited for, paused, and ended by its id."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from .demo import wait_for

POM = Path(__file__).parent / "maven" / "pom.xml"
# Small, and quick to start.
OPTIONS = ("-Xmx96m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData")
# What is compiled by one JDK and kept in the cache runs on an older one too.
RELEASE = "11"
FETCH = 900.0
START = 60.0


def jars(profile: str) -> Path:
    """The folder with the jars of one profile of the pom; fetched where they are not in the user's cache yet."""
    return _cached("jars", profile, POM.read_bytes(), lambda folder: _fetch(profile, folder))


def classes(profile: str, sources: Path) -> Path:
    """The folder with what is in `sources`, compiled against the jars of a profile; in the cache beside them."""
    files = sorted(path for path in sources.rglob("*") if path.is_file())
    content = b"".join(f"\n{path.relative_to(sources)}\n".encode() + path.read_bytes() for path in files)
    return _cached("classes", profile, POM.read_bytes() + content, lambda folder: _compile(profile, sources, folder))


def _cached(kind: str, profile: str, content: bytes, make: Callable[[Path], None]) -> Path:
    """A folder that depends on the content alone: made once, by one process at a time, and whole or not there."""
    mark = hashlib.sha256(content).hexdigest()[:12]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lossless-restart" / kind
    cache.mkdir(parents=True, exist_ok=True)
    folder = cache / f"{profile}-{mark}"
    with (cache / f"{profile}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            with tempfile.TemporaryDirectory(dir=cache) as draft:
                make(Path(draft) / "made")
                Path(draft, "made").rename(folder)
    return folder


def _fetch(profile: str, folder: Path) -> None:
    command = [program("mvn"), "-q", "-B", "-f", str(POM), "-P", profile, "dependency:copy-dependencies"]
    said = _run([*command, "-DincludeScope=runtime", f"-DoutputDirectory={folder}"])
    assert any(folder.glob("*.jar")), f"no jars for {profile}: {said}"


def _compile(profile: str, sources: Path, folder: Path) -> None:
    shutil.copytree(sources, folder, ignore=shutil.ignore_patterns("*.java"))
    command = [program("javac"), "--release", RELEASE, "-d", str(folder), "-cp", f"{jars(profile)}/*"]
    _run([*command, *map(str, sources.rglob("*.java"))])


def _run(command: Sequence[str]) -> str:
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=FETCH,
        check=False,
    )
    assert done.returncode == 0, f"{' '.join(command)}: {done.stdout[-3000:]}"
    return done.stdout


class Place:
    """The folder; where none is given one of its own, which is kept with its logs on a failure."""

    def __init__(self, folder: Path | None, name: str) -> None:
        self._own = folder is None
        self._folder = folder or Path(tempfile.mkdtemp(prefix=f"{name}-"))

    def __enter__(self) -> Path:
        return self._folder

    def __exit__(self, failure: object, *_: object) -> None:
        if self._own and failure is None:
            shutil.rmtree(self._folder)


def program(name: str) -> str:
    found = shutil.which(name)
    assert found, f"these tests need {name}: apt-get install -y default-jdk-headless maven"
    return found


class Server:
    """One JVM in a folder of its own, with its log there; it can be started again after it was stopped or killed.

    words: the JVM's options, the main class and its arguments. ready: whether the server itself says that it serves.
    own: a folder with classes beside the profile's jars.
    """

    grace = 10.0

    def __init__(
        self,
        name: str,
        folder: Path,
        profile: str,
        words: Sequence[str],
        ready: Callable[[], bool],
        own: Path | None = None,
    ) -> None:
        self.name = name
        self.folder = folder
        self.log = folder / "server.log"
        self.paused = False
        path = ":".join([*([str(own)] if own else []), f"{jars(profile)}/*"])
        self.command = [program("java"), *OPTIONS, f"-Duser.home={folder}", "-cp", path, *words]
        self._ready = ready
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process, f"{self.name} was not started"
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        self.launch()
        self.wait()

    def launch(self) -> None:
        """Start it, in a session of its own so that it can be ended with all its children; do not wait."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.paused = False

    def wait(self) -> None:
        """Until it says that it serves."""

        def serves() -> bool:
            assert self.alive, f"{self.name} ended: {self.log.read_text()[-3000:]}"
            return self._ready()

        wait_for(f"{self.name} (see {self.log})", serves, START)

    def stop(self) -> None:
        """As a service manager does it: SIGTERM, and SIGKILL where that does not help."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def pause(self) -> None:
        """Stop it in the middle of whatever it does; its sockets stay open."""
        self._signal(signal.SIGSTOP)
        self.paused = True

    def resume(self) -> None:
        self._signal(signal.SIGCONT)
        self.paused = False

    def _end(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        self._signal(number)
        self._signal(signal.SIGCONT)
        try:
            self._process.wait(self.grace)
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)
            self._process.wait(self.grace)
        self._signal(signal.SIGKILL)
        self._process = None
        self.paused = False

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)
