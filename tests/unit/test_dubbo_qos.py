# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The QoS port in each version's own words, and every way in which it is none."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence

import pytest
from ansible_collections.lossless.restart.plugins.module_utils import _dubbo_qos
from ansible_collections.lossless.restart.plugins.module_utils._dubbo_qos import NoCommand, Published, Qos, QosError
from ansible_collections.lossless.restart.plugins.module_utils._dubbo_url import Service

from tests.unit.qos_double import LS_2, LS_3, NONE, Answers, Double, ls, qos_double

ECHO, PAY = Service("lab.Echo"), Service("lab.Pay")
# 2.7.23, asked without any argument.
NO_ARGS = (500, 'Cannot read the array length because "args" is null')
Y, N = [Published("", "", True)], [Published("", "", False)]


def test_what_2_x_lists() -> None:
    assert "|       lab.Echo      | Y |\n" in LS_2
    assert _dubbo_qos.listed(LS_2) == {"lab.Echo": Y, "g1/lab.Echo2:1.0.0": N}


def test_what_3_x_lists() -> None:
    found = _dubbo_qos.listed(LS_3.replace("\n", "\r\n"))
    application, interface = (Published("zookeeper", level, True) for level in ("application", "interface"))
    assert found == {
        "g1/lab.Echo2:1.0.0": [application, Published("zookeeper", "interface", False)],
        "lab.Echo": [application, interface],
    }
    assert _dubbo_qos.listed(NONE) == {}


def test_a_service_that_is_registered_nowhere_and_a_registry_with_a_dash() -> None:
    found = _dubbo_qos.listed(LS_3.replace("zookeeper-A(Y)/zookeeper-I(Y)", "").replace("keeper-A(Y)", "-k-A(Y)"))
    assert found["lab.Echo"] == []
    assert found["g1/lab.Echo2:1.0.0"][0] == Published("zoo-k", "application", True)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<html>", "that is not Dubbo's list of services"),
        ("", "that is not Dubbo's list"),
        (LS_2.replace("| Y |", "| ? |"), "of lab.Echo it says '?', which is neither Y nor N"),
        (LS_2.replace("| Y |", "| Y | 1 |"), "has not two columns"),
    ],
)
def test_what_is_no_list(text: str, said: str) -> None:
    with pytest.raises(ValueError) as refused:
        _dubbo_qos.listed(text)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("answers", "version", "ready"),
    [
        ({"/version": (200, 'dubbo version "3.3.6"'), "/ready": (200, "true")}, "3.3.6", True),
        ({"/version": (200, 'dubbo version "3.3.6"'), "/ready": (503, "false")}, "3.3.6", False),
        (
            {"/version": (200, 'dubbo version "2.7.23"'), "/ready": NO_ARGS, "/ready?service=": (200, "false")},
            "2.7.23",
            False,
        ),
        ({}, None, None),
    ],
    ids=["3.x", "3.x after an offline", "2.7 tells it by the text alone", "2.6"],
)
def test_version_and_ready(answers: Answers, version: str | None, ready: bool | None) -> None:
    with qos_double(answers) as double:
        qos = Qos(double.port)
        assert (qos.version(), qos.ready()) == (version, ready)


Named = Callable[[Service], Sequence[str]]
# By which names each line of versions knows a service.
NAMES: dict[str, Named] = {
    "2.6.12": lambda one: [one.key],
    "2.7.8": lambda one: [Service(one.interface, "", one.version).key],
    "2.7.23": lambda one: [one.interface],
    "3.3.6": lambda one: [one.key, f"{one.interface}:{one.version or 'null'}"],
}
PLAIN, NEAR = Service("lab.Echo"), Service("labXEcho")
VERSIONED, FIRST, SECOND = (Service("lab.Pay", group, "1.0.0") for group in ("", "g1", "g2"))
LATER = Service("lab.Pay", "g1", "2.0.0")


@contextlib.contextmanager
def process(version: str, *services: Service) -> Iterator[tuple[Double, Qos]]:
    """A process of that version that offers these."""
    answers: Answers = {"/ls": (200, ls([(one.key, "Y") for one in services]))}
    if version > "2.7.7":
        answers["/version"] = (200, f'dubbo version "{version}"')
    with qos_double(answers, {one.key: NAMES[version](one) for one in services}) as double:
        yield double, Qos(double.port)


@pytest.mark.parametrize("version", NAMES)
@pytest.mark.parametrize(
    ("wanted", "refused"),
    [
        ([PLAIN], []),
        ([NEAR], []),
        ([FIRST], ["2.7.8", "2.7.23"]),
        ([LATER], ["2.7.23"]),
        ([VERSIONED], list(NAMES)),
        ([VERSIONED, FIRST, SECOND], ["2.7.23"]),
        ([VERSIONED, FIRST, SECOND, LATER], []),
    ],
    ids=["alone", "a name like it", "a group", "a version", "without a group", "all of a version", "all"],
)
def test_a_service_is_taken_offline_without_any_other(version: str, wanted: list[Service], refused: list[str]) -> None:
    with process(version, PLAIN, NEAR, VERSIONED, FIRST, SECOND, LATER) as (double, qos):
        if version in refused:
            with pytest.raises(QosError, match="asked for 'offline' it cannot tell .* from .*. Name them all"):
                qos.offline(wanted)
        else:
            qos.offline(wanted)
            assert set(double.taken) == {one.key for one in wanted}
        assert set(double.taken) <= {one.key for one in wanted}


def test_what_goes_over_the_wire() -> None:
    with process("3.3.6", PLAIN, FIRST) as (double, qos):
        qos.online([FIRST, PLAIN])
    assert double.asked[2:] == ["/online?service=g1%2Flab%5C.Pay%3A1%5C.0%5C.0", "/online?service=lab%5C.Echo"]


def test_graceful_shutdown_is_for_all_services() -> None:
    with qos_double({"/gracefulShutdown": (200, "OK")}) as double:
        Qos(double.port).graceful_shutdown()
        assert double.asked == ["/gracefulShutdown"]
    with qos_double({}) as double, pytest.raises(NoCommand, match="'gracefulShutdown' it does not know it .404."):
        Qos(double.port).graceful_shutdown()


def services(qos: Qos) -> None:
    qos.services()


@pytest.mark.parametrize(
    ("answers", "ask", "said"),
    [
        (
            {"/ls": (200, LS_3)},
            lambda qos: qos.offline([PAY]),
            "knows no service lab.Pay; it has g1/lab.Echo2:1.0.0, lab",
        ),
        ({"/ls": (200, LS_3)}, lambda qos: qos.offline([ECHO]), "knows lab.Echo, but by no name that is understood"),
        ({}, services, "asked for 'ls' it does not know it (404). See that qos.port names this port in the instance"),
        ({"/ls": (403, "")}, services, "it does not allow it (403). Run this on the instance's own host, or add it to"),
        ({"/ls": (500, "boom")}, services, "it answers 500 'boom'. See that qos.port names this port"),
        ({"/ls": (503, "")}, services, "it answers 503 ''"),
        ({"/ls": (200, "<html>welcome")}, services, "'<html>welcome': that is not Dubbo's list of services. See that"),
        ({"/ls": (200, "x" * 70_000)}, services, "it answers with more than 64 KiB, which is more than is read"),
        ({"/version": (200, "nginx")}, lambda qos: qos.version(), "it answers with 'nginx', which names none"),
        ({"/ready": (200, "maybe")}, lambda qos: qos.ready(), "'maybe', and not with true or false"),
        ({"/gracefulShutdown": (200, "no")}, lambda qos: qos.graceful_shutdown(), "answers with 'no' instead of OK"),
    ],
)
def test_what_it_answers_instead(answers: Answers, ask: Callable[[Qos], None], said: str) -> None:
    with qos_double(answers) as double, pytest.raises(QosError) as refused:
        ask(Qos(double.port))
    assert said in str(refused.value) and f"qos port {double.port}: " in str(refused.value)


@contextlib.contextmanager
def listener(reply: bytes) -> Iterator[int]:
    """Another service: it answers every connection with these bytes."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    line = server.accept()[0]
                    with line:
                        line.recv(4096)
                        line.sendall(reply)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield int(server.getsockname()[1])
        server.shutdown(socket.SHUT_RDWR)
        thread.join(5)


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (b"\r\nForeign Ip Not Permitted.\r\n", "gives no answer: no HTTP answer: BadStatusLine"),
        (b"-ERR unknown command\r\n", "gives no answer: no HTTP answer"),
        (b"", "gives no answer: no HTTP answer: RemoteDisconnected"),
    ],
)
def test_another_service_is_there(reply: bytes, said: str) -> None:
    with listener(reply) as port, pytest.raises(QosError) as refused:
        Qos(port).services()
    assert said in str(refused.value)


def test_nothing_is_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = int(server.getsockname()[1])
    with pytest.raises(QosError, match=f"qos port {port}: asked for 'ls' it gives no answer: connection refused. See"):
        Qos(port).services()


def test_one_that_hangs_is_left_at_the_deadline() -> None:
    began = time.monotonic()
    with qos_double({"/ls": (200, LS_3)}, delay=1.0) as double:
        with pytest.raises(QosError, match="gives no answer: no whole answer in time"):
            Qos(double.port, deadline=0.2).services()
        assert time.monotonic() - began < 0.9


def test_a_command_has_more_time() -> None:
    """Its answer comes when the registries have taken it."""
    with qos_double({"/gracefulShutdown": (200, "OK")}, delay=0.6) as double:
        Qos(double.port, 0.3, patience=20.0).graceful_shutdown()
        with pytest.raises(
            QosError, match="gives no answer: no whole answer in time. Whether it was done is not known"
        ):
            Qos(double.port, 20.0, patience=0.3).graceful_shutdown()
