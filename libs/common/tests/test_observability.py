"""Log lines are JSON, complete and clean; traces go on."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from pydantic import BaseModel

from longshore.broker import BrokerUnavailable
from longshore.observability import (
    child_traceparent,
    configure_logging,
    current_traceparent,
    new_traceparent,
    use_traceparent,
)


class Lines:
    def __init__(self) -> None:
        self.stream = io.StringIO()

    def __call__(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.stream.getvalue().splitlines()]


@pytest.fixture
def lines() -> Iterator[Lines]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    lines = Lines()
    configure_logging("info", "order-sync", lines.stream)
    yield lines
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def test_a_line_says_when_who_and_what(lines: Lines) -> None:
    structlog.get_logger("longshore.test").info("a batch was applied", group="g", records=5)
    (line,) = lines()
    assert line.pop("time").endswith("Z")
    assert line == {
        "event": "a batch was applied", "level": "info", "logger": "longshore.test", "service": "order-sync",
        "group": "g", "records": 5,
    }  # fmt: skip


def test_libraries_speak_json_too_but_only_from_warnings_on(lines: Lines) -> None:
    logging.getLogger("aiokafka.conn").info("connected")
    logging.getLogger("aiokafka.conn").warning("lost %s", "127.0.0.1:9092")
    logging.getLogger("uvicorn.access").warning("GET /?token=hunter22")
    logging.getLogger("some.library").info("token=hunter22")
    assert [(line["logger"], line["event"]) for line in lines()] == [
        ("aiokafka.conn", "lost 127.0.0.1:9092"),
        ("some.library", "token=[redacted]"),
    ]


def test_a_library_does_not_say_the_same_ten_times_a_second(lines: Lines) -> None:
    for port in range(20):
        logging.getLogger("aiokafka").error("Unable to connect to %s", port)
    assert len(lines()) == 1


def test_secrets_do_not_come_out_wherever_they_are_put(lines: Lines) -> None:
    log = structlog.get_logger("longshore.test")
    log.warning("refused shpat_0123456789abcdef", access_token="hunter22", order={"email": "alice@example.com"})
    log.warning("said %s", "cs_0123456789abcdef")
    log.bind(authorization="Bearer hunter22hunter22").warning("bound")
    said = lines.stream.getvalue()
    assert not [secret for secret in ("0123456789", "hunter22", "alice") if secret in said]


def test_exceptions_show_frames_but_no_values(lines: Lines) -> None:
    class Order(BaseModel):
        total: int

    log = structlog.get_logger("longshore.test")
    for fail in (lambda: Order.model_validate({"total": "alice@example.com"}), lambda: int("Alice Smith")):
        try:
            fail()
        except ValueError:
            log.exception("a record failed")
            logging.getLogger("other").exception("elsewhere")
    said = lines.stream.getvalue()
    assert "alice" not in said.lower()
    first = lines()[0]
    assert first["error"] == "Order: total: int_parsing"
    assert "test_exceptions_show_frames" in first["stack"]


def test_our_own_errors_and_those_about_sockets_may_speak(lines: Lines) -> None:
    for error in (BrokerUnavailable("Kafka has not been reached."), ConnectionRefusedError("Connect call failed")):
        structlog.get_logger().error("failed", exc_info=error)
    assert [line["message"] for line in lines()] == ["Kafka has not been reached.", "Connect call failed"]


def test_a_trace_is_continued_and_shown(lines: Lines) -> None:
    parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    with use_traceparent(parent) as traceparent:
        assert current_traceparent() == traceparent
        structlog.get_logger().info("inside")
    assert current_traceparent() is None
    assert traceparent[:36] == parent[:36]
    assert traceparent != parent
    assert lines()[0]["trace_id"] == "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.mark.parametrize("parent", [None, "", "nonsense", "00-zz-00f067aa0ba902b7-01", "00" * 200])
def test_a_malformed_trace_begins_a_new_one(parent: str | None) -> None:
    assert len(child_traceparent(parent)) == len(new_traceparent()) == 55
