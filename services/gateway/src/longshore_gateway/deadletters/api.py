"""Routes of dead letters."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import Field, model_validator

from longshore.contracts import Contract, UtcDatetime
from longshore.paging import DEFAULT_LIMIT, Cursor, Limit, page, read_cursor, write_cursor
from longshore.problems import Problem
from longshore_gateway.accounts.api import Org, OrgReplaying
from longshore_gateway.deadletters.rules import SHOWN_BODY, DeadLetter
from longshore_gateway.deadletters.service import DeadLetters

router = APIRouter(prefix="/api/v1/dead-letters", tags=["dead letters"])


class DeadLetterView(Contract):
    """A record that could not be applied: by which consumer group, and why. `size` in bytes."""

    id: UUID
    integration_id: UUID | None
    topic: str
    partition: int
    offset: int
    key: str
    consumer_group: str
    reason: str
    error: str
    size: int
    failed_at: UtcDatetime
    replayed_at: UtcDatetime | None


class DeadLetterDetail(DeadLetterView):
    """With where the code failed and the first 64 KiB of the body (it may hold buyers' data)."""

    stack: str
    body: str
    body_truncated: bool


class DeadLetterList(Contract):
    """A page of dead letters."""

    items: list[DeadLetterView]
    next_cursor: str | None


class ReplayRequest(Contract):
    """Which letters to replay: `ids`, or all that wait of a `topic`, or `all`. At most 1,000 at once."""

    ids: list[UUID] | None = Field(default=None, max_length=1_000)
    topic: str | None = Field(default=None, max_length=249)
    all: bool = False

    @model_validator(mode="after")
    def _says_which(self) -> ReplayRequest:
        if self.ids is None and self.topic is None and not self.all:
            raise ValueError("say which: ids, topic, or all")
        return self


class ReplayAnswer(Contract):
    """How many went back to their topics."""

    replayed: int


@router.get("", response_model=DeadLetterList)
async def list_dead_letters(
    request: Request,
    org_id: Org,
    topic: Annotated[str | None, Query(max_length=249)] = None,
    replayed: Annotated[bool, Query(description="Show those that were replayed, too")] = False,
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
) -> DeadLetterList:
    """Dead letters, newest first."""
    letters = await _service(request).list(
        org_id, topic=topic, replayed=replayed, after=read_cursor(cursor), limit=limit + 1
    )
    items, following = page(letters, limit, lambda each: write_cursor(each.failed_at, each.id))
    return DeadLetterList(items=[DeadLetterView(**_view(letter)) for letter in items], next_cursor=following)


@router.get("/{id}", response_model=DeadLetterDetail)
async def get_dead_letter(request: Request, org_id: Org, id: UUID) -> DeadLetterDetail:
    """One dead letter, with its body."""
    letter = await _service(request).get(org_id, id)
    return DeadLetterDetail(
        **_view(letter),
        stack=letter.stack,
        body=letter.value[:SHOWN_BODY].decode("utf-8", "replace"),
        body_truncated=len(letter.value) > SHOWN_BODY,
    )


@router.post("/replay", status_code=202, response_model=ReplayAnswer)
async def replay_dead_letters(request: Request, org_id: OrgReplaying, body: ReplayRequest) -> ReplayAnswer:
    """Send letters back to the topics that they died on, byte for byte; each of them once."""
    if body.ids is not None and (body.topic is not None or body.all):
        raise Problem(422, "Name ids, or a topic, or all.", type="invalid-input")
    return ReplayAnswer(replayed=await _service(request).replay(org_id, body.ids, body.topic))


def _service(request: Request) -> DeadLetters:
    service: DeadLetters = request.app.state.dead_letters
    return service


def _view(letter: DeadLetter) -> dict[str, object]:
    return {
        "id": letter.id,
        "integration_id": letter.integration_id,
        "topic": letter.topic,
        "partition": letter.partition,
        "offset": letter.offset,
        "key": letter.key.decode("utf-8", "replace"),
        "consumer_group": letter.consumer_group,
        "reason": letter.reason,
        "error": letter.error,
        "size": len(letter.value),
        "failed_at": letter.failed_at,
        "replayed_at": letter.replayed_at,
    }
