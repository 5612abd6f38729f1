# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Servers in Java, with their jars by Maven."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from .process import START, Place, Process

__all__ = ["OPTIONS", "START", "Place", "Server", "classes", "jars", "program"]

POM = Path(__file__).parent / "maven" / "pom.xml"
# Small, and quick to start.
OPTIONS = ("-Xmx96m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData")
# What is compiled by one JDK and kept in the cache runs on an older one too.
RELEASE = "11"
FETCH = 900.0


def jars(profile: str) -> Path:
    """The folder with the jars of one profile of the pom; fetched where they are not in the user's cache yet."""
    return _cached("jars", profile, POM.read_bytes(), lambda folder: _fetch(profile, folder))


def classes(profile: str, *sources: Path) -> Path:
    """The folder with what is in all `sources`, compiled against the jars of a profile; in the cache beside them."""
    files = [(folder, path) for folder in sources for path in sorted(folder.rglob("*")) if path.is_file()]
    content = b"".join(f"\n{path.relative_to(folder)}\n".encode() + path.read_bytes() for folder, path in files)
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


def _compile(profile: str, sources: Sequence[Path], folder: Path) -> None:
    command = [program("javac"), "--release", RELEASE, "-d", str(folder), "-cp", f"{jars(profile)}/*"]
    for one in sources:
        shutil.copytree(one, folder, ignore=shutil.ignore_patterns("*.java"), dirs_exist_ok=True)
        command += map(str, one.rglob("*.java"))
    _run(command)


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


def program(name: str) -> str:
    found = shutil.which(name)
    assert found, f"these tests need {name}: apt-get install -y default-jdk-headless maven"
    return found


class Server(Process):
    """One JVM. words: its options, the main class and its arguments. own: a folder with classes beside the profile's
    jars."""

    def __init__(
        self,
        name: str,
        folder: Path,
        profile: str,
        words: Sequence[str],
        ready: Callable[[], bool],
        own: Path | None = None,
    ) -> None:
        path = ":".join([*([str(own)] if own else []), f"{jars(profile)}/*"])
        command = [program("java"), *OPTIONS, f"-Duser.home={folder}", "-cp", path, *words]
        super().__init__(name, folder, command, ready)
