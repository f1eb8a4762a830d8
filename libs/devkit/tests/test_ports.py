"""Ports are remembered, and chosen anew only when somebody else has them."""

from __future__ import annotations

import socket
from pathlib import Path

from longshore_devkit.ports import HOST, PortBook, free_port, port_is_free


def test_a_port_stays_the_same_from_run_to_run(tmp_path: Path) -> None:
    first = PortBook(tmp_path / "ports.json")
    ports = {name: first.port(name) for name in ("kafka", "postgres", "inventory")}
    assert len(set(ports.values())) == 3
    second = PortBook(tmp_path / "ports.json")
    assert {name: second.port(name) for name in ports} == ports


def test_a_port_that_is_taken_is_chosen_anew(tmp_path: Path) -> None:
    book = PortBook(tmp_path / "ports.json")
    port = book.port("kafka")
    with socket.create_server((HOST, port)):
        assert not port_is_free(port)
        other = PortBook(tmp_path / "ports.json").port("kafka")
        assert other != port
    assert PortBook(tmp_path / "ports.json").port("kafka") == other


def test_two_data_dirs_have_different_ports(tmp_path: Path) -> None:
    one, two = PortBook(tmp_path / "one" / "ports.json"), PortBook(tmp_path / "two" / "ports.json")
    with socket.create_server((HOST, one.port("kafka"))):
        assert two.port("kafka") != one.port("kafka")


def test_free_ports_are_free_and_avoid_those_given() -> None:
    port = free_port()
    assert port_is_free(port)
    assert free_port(frozenset({port})) != port


def test_no_port_is_given_twice_though_nobody_listens_there_yet() -> None:
    ports = [free_port() for _ in range(300)]
    assert len(set(ports)) == len(ports)


def test_a_port_that_is_meant_for_somebody_else_is_not_given(tmp_path: Path) -> None:
    port = PortBook(tmp_path / "ports.json").port("order-sync")
    assert PortBook(tmp_path / "ports.json", frozenset({port})).port("order-sync") != port
