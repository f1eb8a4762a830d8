"""dlq: records that no consumer could apply."""

from __future__ import annotations

from uuid import UUID

import click

from longshore_client.cli.output import page_size, show_list, show_one
from longshore_client.cli.session import HubGroup, Session, paged, pass_session


@click.group("dlq", cls=HubGroup)
def dead_letters() -> None:
    """Dead letters: records that could not be applied."""


@dead_letters.command("list")
@click.option("--topic", help="Those that died on this topic.")
@click.option("--replayed", is_flag=True, help="Those that went back already, too.")
@paged
@pass_session
def list_(session: Session, topic: str | None, replayed: bool, limit: int, everything: bool) -> None:
    """List dead letters, newest first."""
    with session.hub() as hub:
        show_list(
            session,
            hub.dead_letters.list(topic=topic, replayed=replayed, limit=page_size(limit, everything=everything)),
            {
                "id": lambda each: each.id,
                "topic": lambda each: f"{each.topic}/{each.partition}/{each.offset}",
                "group": lambda each: each.consumer_group,
                "failed": lambda each: each.failed_at,
                "reason": lambda each: each.reason,
                "error": lambda each: each.error,
            },
            limit=limit,
            everything=everything,
            empty="No dead letter.",
        )


@dead_letters.command()
@click.argument("id", type=click.UUID)
@pass_session
def show(session: Session, id: UUID) -> None:
    """Show one, with its body (it may hold buyers' data) and where the code failed."""
    with session.hub() as hub:
        letter = hub.dead_letters.get(id)
    fields: dict[str, object] = {
        "id": letter.id,
        "record": f"{letter.topic}/{letter.partition}/{letter.offset}",
        "group": letter.consumer_group,
        "failed": letter.failed_at,
        "replayed": letter.replayed_at,
        "reason": letter.reason,
        "error": letter.error,
        "size": letter.size,
    }
    show_one(session, letter, fields)
    if not session.as_json:
        click.echo(f"\n{letter.stack}\n{letter.body}")


@dead_letters.command()
@click.argument("ids", type=click.UUID, nargs=-1)
@click.option("--topic", help="All that wait of this topic.")
@click.option("--all", "everything", is_flag=True, help="All that wait.")
@pass_session
def replay(session: Session, ids: tuple[UUID, ...], topic: str | None, everything: bool) -> None:
    """Send dead letters back to their topics: those with these IDS, of a --topic, or --all (at most 1,000 at once)."""
    if bool(ids) + (topic is not None) + everything != 1:
        raise click.UsageError("Name ids, or a --topic, or --all.")
    with session.hub() as hub:
        answer = hub.dead_letters.replay(list(ids) or None, topic=topic, all=everything or None)
    show_one(session, answer, {"replayed": answer.replayed})
