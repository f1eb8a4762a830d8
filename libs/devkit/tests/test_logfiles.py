"""Logs that a process has open are bounded without it noticing."""

from __future__ import annotations

from pathlib import Path

from longshore_devkit.logfiles import bound_log, tail


def test_a_log_past_its_size_moves_aside_and_the_writer_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "service.log"
    with path.open("a") as writer:
        writer.write("old\n" * 10)
        writer.flush()
        bound_log(path, max_bytes=20)
        writer.write("new\n")
    assert path.read_text() == "new\n"
    assert (tmp_path / "service.log.1").read_text() == "old\n" * 10


def test_a_small_or_missing_log_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "service.log"
    bound_log(path)
    path.write_text("one\n")
    bound_log(path)
    assert path.read_text() == "one\n"


def test_tail_is_the_last_lines(tmp_path: Path) -> None:
    path = tmp_path / "service.log"
    assert tail(path) == ""
    path.write_text("".join(f"{number}\n" for number in range(100)))
    assert tail(path, lines=2) == "98\n99"
