"""Which requests are the same, and which answers are kept."""

from __future__ import annotations

import pytest

from longshore_gateway.idempotency.rules import (
    Answer,
    answer_of,
    hands_out,
    is_kept,
    is_key,
    kept_headers,
    request_digests,
)

KEYS = ("newest", "older")


def test_an_answer_comes_back_as_it_was() -> None:
    answer = Answer(201, (("content-type", "application/json"), ("location", "/x")), b'{"a": "\xc3\xa9"}\x00')
    assert answer_of(answer.as_texts()) == answer


def test_what_stands_in_a_header_of_before_but_is_not_told_again() -> None:
    headers = [(b"Content-Type", b"a/b"), (b"RateLimit-Limit", b"9"), (b"Set-Cookie", b"x"), (b"Location", b"/1")]
    assert kept_headers(headers) == (("content-type", "a/b"), ("location", "/1"))


@pytest.mark.parametrize(("status", "kept"), [(200, True), (204, True), (404, False), (422, False), (503, False)])
def test_only_what_was_done_is_kept(status: int, kept: bool) -> None:
    assert is_kept(status) is kept


@pytest.mark.parametrize(
    ("path", "does"),
    [("exports", True), ("requests/7/export", True), ("erasures", False), ("requests", False)],
)
def test_answers_with_a_buyers_data_are_not_kept(path: str, does: bool) -> None:
    assert hands_out(f"/api/v1/privacy/{path}") is does


@pytest.mark.parametrize(
    ("text", "good"), [("k", True), ("x" * 255, True), ("x" * 256, False), ("", False), ("é", False), ("a\tb", False)]
)
def test_keys(text: str, good: bool) -> None:
    assert is_key(text) is good


def test_anything_that_differs_makes_another_request() -> None:
    same = ("POST", "/api/v1/users?", "application/json", b"{}")
    others = [("PUT", *same[1:]), ("POST", "/api/v1/keys?", *same[2:]), (*same[:2], "x", b"{}"), (*same[:3], b"{ }")]
    digests = {request_digests(KEYS, *each)[0] for each in [same, *others]}
    assert len(digests) == 5


def test_keys_rotate_and_bodies_cannot_be_guessed_without_them() -> None:
    request = ("POST", "/api/v1/users?", "", b"password")
    before, during = request_digests(["older"], *request), request_digests(KEYS, *request)
    assert before[0] in during
    assert during[0] != before[0]
