"""The command: what it sends, what it says, how it ends. tests/door runs it against a real hub."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import httpx
import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner, Result

from longshore_client.cli.app import app
from longshore_client.cli.config import Config, save
from longshore_client.cli.exits import ExitCode
from longshore_client.cli.session import Session

ID = "6f1c0b9e-0000-4000-8000-000000000001"
URL = "https://hub.example"
SYSTEM = {
    "version": "9", "ready": True, "settled": True, "services": [{"name": "gateway", "ready": True, "version": "9"}],
    "lag": {}, "outbox": {}, "jobs": {}, "dead_letters": 0, "halted": [],
}  # fmt: skip
STORE = {
    "id": ID, "org_id": ID, "platform": "woocommerce", "name": "Tea", "store_url": "https://tea.example",
    "status": "active", "status_reason": None, "settings": {}, "webhook_url": None,
    "created_at": "2026-11-28T00:00:00Z", "updated_at": "2026-11-28T00:00:00Z",
}  # fmt: skip
# They print a script, or are the gateway's own.
WITHOUT_JSON = {("completion",), ("admin", "create"), ("keys", "rotate"), ("keys", "check")}
PLATFORMS = {
    "items": [
        {
            "platform": "shopify", "name": "Shopify", "status": "available",
            "credentials": {
                "properties": {"access_token": {"title": "Token"}, "api_secret": {}, "more": {}},
                "required": ["access_token"],
            },
        }
    ]
}  # fmt: skip
Run = Callable[..., tuple[Result, Any]]


@pytest.fixture
def run(make_wire: Callable[..., Any], tmp_path: Path) -> Run:
    def run(*arguments: str, answers: Any = (), environ: dict[str, str] | None = None, typed: str = "") -> Any:
        wire = make_wire(*answers)
        environ = {"LONGSHORE_URL": URL, "LONGSHORE_API_KEY": "lsk_x"} if environ is None else environ
        session = Session(environ=environ, path=tmp_path / "config.json", transport=httpx.MockTransport(wire))
        return CliRunner().invoke(app, arguments, obj=session, input=typed, prog_name="longshore"), wire

    return run


def every_command(
    group: click.Group = app, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from every_command(command, (*path, name))
        else:
            yield (*path, name), command


@pytest.mark.parametrize(("path", "command"), list(every_command()))
def test_each_command_has_help_and_json(run: Run, path: tuple[str, ...], command: click.Command) -> None:
    result, _ = run(*path, "--help")
    assert result.exit_code == 0
    assert command.help
    if path not in WITHOUT_JSON:
        assert "--json" in result.stdout
    for parameter in command.params:
        if isinstance(parameter, click.Option) and isinstance(parameter.type, click.types.StringParamType):
            # A secret as an option would stay in the shell's history and show in the list of processes.
            assert not {"key", "secret", "token", "password"} & set((parameter.name or "").split("_")) or (
                parameter.name == "idempotency_key"
            )


@pytest.mark.parametrize(
    ("status", "code"),
    [(401, 3), (403, 4), (404, 5), (409, 6), (422, 6), (400, 6), (500, 1)],
)
def test_the_exit_code_says_what_went_wrong(
    run: Run, make_problem: Callable[..., httpx.Response], status: int, code: int
) -> None:
    result, _ = run("integrations", "show", ID, answers=[make_problem(status, "It is so.")])
    assert result.exit_code == code
    assert "It is so." in result.stderr
    assert result.stdout == ""
    assert "Traceback" not in result.output
    in_json, _ = run("integrations", "show", ID, "--json", answers=[make_problem(status, "It is so.")])
    assert json.loads(in_json.stderr)["status"] == status
    assert in_json.exit_code == code


def test_a_hub_that_is_away(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("longshore_client.sync.transport.time.sleep", lambda _: None)
    result, _ = run("status", answers=[httpx.ConnectError("refused")] * 5)
    assert result.exit_code == ExitCode.UNAVAILABLE
    assert "refused" in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["status", "--nonsense"],
        ["orders", "show", "1"],
        ["dlq", "replay"],
        ["inventory", "adjust", "A", "--reason", "x"],
    ],
)
def test_usage(run: Run, arguments: list[str]) -> None:
    result, wire = run(*arguments)
    assert result.exit_code == ExitCode.USAGE
    assert wire.requests == []


class TestKeys:
    def test_without_a_key_it_says_what_to_do(self, run: Run) -> None:
        result, wire = run("status", environ={})
        assert result.exit_code == ExitCode.NOT_AUTHENTICATED
        assert "longshore login" in result.stderr
        assert wire.requests == []

    def test_login_looks_whether_the_key_fits_before_it_keeps_it(
        self, run: Run, make_problem: Callable[..., httpx.Response], tmp_path: Path
    ) -> None:
        refused, _ = run(
            "login", "--url", URL, "--api-key-stdin", typed="lsk_bad\n", answers=[make_problem(401)], environ={}
        )
        assert refused.exit_code == ExitCode.NOT_AUTHENTICATED
        assert not (tmp_path / "config.json").exists()
        done, wire = run(
            "login",
            "--url",
            URL,
            "--api-key-stdin",
            typed="lsk_good\n",
            answers=[httpx.Response(200, json=SYSTEM)],
            environ={},
        )
        assert done.exit_code == 0
        assert "lsk_good" not in done.output
        assert wire.requests[0].headers["Authorization"] == "Bearer lsk_good"
        after, wire = run("status", answers=[httpx.Response(200, json=SYSTEM)], environ={})
        assert after.exit_code == 0
        assert str(wire.requests[0].url) == f"{URL}/api/v1/system"
        assert wire.requests[0].headers["Authorization"] == "Bearer lsk_good"
        gone, _ = run("logout", environ={})
        assert gone.exit_code == 0
        assert not (tmp_path / "config.json").exists()

    def test_a_prompted_key_is_not_shown(self, run: Run) -> None:
        done, _ = run("login", typed=f"{URL}\nlsk_typed\n", answers=[httpx.Response(200, json=SYSTEM)], environ={})
        assert done.exit_code == 0, done.output
        assert "lsk_typed" not in done.output

    def test_a_kept_key_is_shown_to_its_own_hub_only(self, run: Run, tmp_path: Path) -> None:
        save(tmp_path / "config.json", Config(URL, "lsk_kept"))
        for arguments, environ in (
            (("--url", "https://evil.example", "status"), {}),
            (("status",), {"LONGSHORE_URL": "https://evil.example"}),
        ):
            result, wire = run(*arguments, environ=environ)
            assert result.exit_code == ExitCode.NOT_AUTHENTICATED
            assert wire.requests == []

    def test_plain_http_is_warned_of(self, run: Run) -> None:
        for url, warned in (("http://hub.example", True), ("http://127.0.0.1:8000", False), (URL, False)):
            done, _ = run(
                "login",
                "--url",
                url,
                "--api-key-stdin",
                typed="k\n",
                answers=[httpx.Response(200, json=SYSTEM)],
                environ={},
            )
            assert ("plain http" in done.stderr) == warned


class TestAnswers:
    def test_a_list_for_people_and_for_scripts(self, run: Run) -> None:
        pages = [
            httpx.Response(200, json={"items": [STORE], "next_cursor": "c"}),
            httpx.Response(200, json={"items": [STORE | {"name": "Te\x1b[2Ja"}], "next_cursor": None}),
        ]
        result, _ = run("integrations", "list", "--all", answers=pages)
        assert result.exit_code == 0
        heading, *rows = result.stdout.splitlines()
        assert heading.split() == ["ID", "PLATFORM", "STATUS", "NAME", "STORE", "REASON"]
        assert [row.split()[0] for row in rows] == [ID, ID]
        assert "\x1b" not in result.stdout
        in_json, wire = run("integrations", "list", "--json", "--limit", "1", answers=pages)
        assert [each["name"] for each in json.loads(in_json.stdout)] == ["Tea"]
        assert len(wire.requests) == 1

    def test_an_empty_list(self, run: Run) -> None:
        nothing = httpx.Response(200, json={"items": [], "next_cursor": None})
        result, _ = run("integrations", "list", answers=[nothing])
        assert (result.exit_code, result.stdout) == (0, "")
        assert result.stderr
        in_json, _ = run("integrations", "list", "--json", answers=[nothing])
        assert json.loads(in_json.stdout) == []

    def test_a_hub_that_is_not_ready_is_no_success(self, run: Run) -> None:
        service = {"name": "inventory", "ready": False, "version": None, "missing": {"database": "away"}}
        state = SYSTEM | {"ready": False, "settled": False, "services": [service]}
        for arguments in (["status"], ["status", "--wait", "0"], ["status", "--json"]):
            result, _ = run(*arguments, answers=[httpx.Response(200, json=state)])
            assert result.exit_code == ExitCode.FAILED
        result, _ = run("status", answers=[httpx.Response(200, json=state)])
        assert "database: away" in result.stdout

    def test_credentials_are_read_and_never_shown(self, run: Run) -> None:
        made = httpx.Response(201, json=STORE | {"status": "connecting"})
        by_file, wire = run(
            "integrations", "create", "woocommerce", "--name", "Tea", "--store-url", "https://tea.example",
            "--credentials", "-", answers=[made], typed='{"consumer_key": "ck_1", "consumer_secret": "cs_1"}',
        )  # fmt: skip
        assert by_file.exit_code == 0, by_file.output
        body = json.loads(wire.requests[0].content)
        assert body["credentials"] == {"consumer_key": "ck_1", "consumer_secret": "cs_1"}
        asked, wire = run(
            "integrations", "create", "shopify", "--name", "Tea", "--store-url", "https://tea.myshopify.com",
            answers=[httpx.Response(200, json=PLATFORMS), made], typed="shpat_1\nshpss_1\n\n",
        )  # fmt: skip
        assert asked.exit_code == 0, asked.output
        assert json.loads(wire.requests[1].content)["credentials"] == {
            "access_token": "shpat_1",
            "api_secret": "shpss_1",
        }
        assert "shpat_1" not in asked.output
        wrong, wire = run("integrations", "create", "api", "--name", "A", "--credentials", "-", typed="cs_secret")
        assert wrong.exit_code == ExitCode.USAGE
        assert "cs_secret" not in wrong.output
        assert wire.requests == []

    def test_a_store_that_did_not_become_active_is_no_success(self, run: Run) -> None:
        answers = [
            httpx.Response(200, json=PLATFORMS),
            httpx.Response(201, json=STORE | {"status": "error", "status_reason": "The keys are wrong."}),
        ]
        result, _ = run("integrations", "create", "api", "--name", "A", "--wait", "5", answers=answers)
        assert result.exit_code == ExitCode.FAILED
        assert "The keys are wrong." in result.stdout

    def test_nothing_is_disconnected_unasked(self, run: Run) -> None:
        found = httpx.Response(200, json=STORE)
        stopped, wire = run("integrations", "delete", ID, answers=[found], typed="n\n")
        assert stopped.exit_code == 1
        assert [each.method for each in wire.requests] == ["GET"]
        done, wire = run("integrations", "delete", ID, "--yes", answers=[httpx.Response(204)])
        assert done.exit_code == 0
        assert [each.method for each in wire.requests] == ["DELETE"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(run: Run, shell: str) -> None:
    result, _ = run("completion", shell)
    assert result.exit_code == 0
    assert "_LONGSHORE_COMPLETE" in result.stdout


def test_completion_knows_sub_commands_options_and_choices() -> None:
    complete = ShellComplete(app, {}, "longshore", "_LONGSHORE_COMPLETE")

    def words(arguments: list[str], incomplete: str = "") -> set[str]:
        return {each.value for each in complete.get_completions(arguments, incomplete)}

    assert words([]) >= {"login", "integrations", "sync", "orders", "dlq", "keys", "privacy", "status"}
    assert words(["privacy"], "er") == {"erase", "erase-store"}
    assert "--json" in words(["orders", "list"], "--")
    assert words(["users", "invite", "--role"]) == {"owner", "operator", "viewer"}


class TestConnections:
    def test_a_test_that_found_something_to_do_is_no_success(self, run: Run) -> None:
        check = {"name": "tls", "status": "ok", "detail": "fine", "remedy": None}
        for status, code in (("ok", 0), ("warn", 0), ("fail", 1)):
            answer = {"integration_id": ID, "status": status, "checks": [check], "tested_at": "2026-11-28T00:00:00Z"}
            result, wire = run("integrations", "test", ID, answers=[httpx.Response(200, json=answer)])
            assert result.exit_code == code
            assert "fine" in result.stdout
            assert wire.requests[0].url.path.endswith("/test")

    def test_what_is_to_be_done_is_told_whole(self, run: Run) -> None:
        remedy = "Make the key as an administrator or shop manager, and see that the host passes it on. " * 3
        check = {"name": "authenticated", "status": "fail", "detail": "Not let in. " * 9, "remedy": remedy}
        answer = {"integration_id": ID, "status": "fail", "checks": [check], "tested_at": "2026-11-28T00:00:00Z"}
        shown, _ = run("integrations", "test", ID, answers=[httpx.Response(200, json=answer)])
        assert remedy.strip() in shown.stdout
        as_json, _ = run("integrations", "test", ID, "--json", answers=[httpx.Response(200, json=answer)])
        assert json.loads(as_json.stdout) == answer

    def test_webhooks_that_are_not_alive_are_no_success(self, run: Run) -> None:
        for status, code in (("active", 0), ("disabled", 1)):
            answer = httpx.Response(200, json={"items": [{"topic": "order.created", "status": status}]})
            listed, wire = run("integrations", "webhooks", ID, answers=[answer])
            assert (listed.exit_code, wire.requests[0].method) == (code, "GET")
            repaired, wire = run("integrations", "webhooks", ID, "--repair", "--json", answers=[answer])
            assert (repaired.exit_code, wire.requests[0].method) == (code, "POST")

    def test_nothing_to_change_is_wrong_usage(self, run: Run) -> None:
        for line in (["integrations", "change", ID], ["users", "change", ID]):
            result, wire = run(*line)
            assert result.exit_code == ExitCode.USAGE
            assert wire.requests == []


class TestPrivacy:
    REQUEST = {
        "id": ID, "integration_id": ID, "kind": "erase_buyer", "source": "api", "received_at": "2026-11-28T00:00:00Z",
        "done_at": "2026-11-28T00:00:01Z", "outcome": {"orders": 2},
    }  # fmt: skip

    def test_nobody_is_erased_unasked_or_unnamed(self, run: Run) -> None:
        for line in (["erase", ID, "--yes"], ["export", ID]):
            result, wire = run("privacy", *line)
            assert (result.exit_code, wire.requests) == (ExitCode.USAGE, [])
        for line in (["erase", ID, "--email", "a@b.example"], ["erase-store", ID]):
            result, wire = run("privacy", *line, typed="n\n")
            assert (result.exit_code, wire.requests) == (1, [])

    def test_erase(self, run: Run) -> None:
        line = ["privacy", "erase", ID, "--customer", "7", "--order", "1", "--order", "2", "--yes"]
        result, wire = run(*line, answers=[httpx.Response(201, json=self.REQUEST)])
        assert result.exit_code == 0, result.output
        assert "orders=2" in result.stdout
        (request,) = wire.requests
        assert request.url.path == "/api/v1/privacy/erasures"
        sent = json.loads(request.content)
        assert (sent["customer_external_id"], sent["order_external_ids"]) == ("7", ["1", "2"])
        begun, wire = run("privacy", "erase-store", ID, "--yes", answers=[httpx.Response(202, json=self.REQUEST)])
        assert (begun.exit_code, wire.requests[0].method) == (0, "DELETE")

    def test_what_is_handed_out_is_shown_to_those_who_ask_for_it_only(self, run: Run) -> None:
        found = {"request": self.REQUEST, "customers": [{"email": "a@b.example"}], "orders": [{}, {}]}
        for line in (["export", ID, "--email", "a@b.example"], ["answer", ID]):
            shown, _ = run("privacy", *line, answers=[httpx.Response(200, json=found)])
            assert (shown.exit_code, "a@b.example" in shown.stdout) == (0, False)
            in_json, _ = run("privacy", *line, "--json", answers=[httpx.Response(200, json=found)])
            assert json.loads(in_json.stdout)["customers"] == found["customers"]

    def test_requests_that_wait(self, run: Run) -> None:
        waiting = self.REQUEST | {"done_at": None, "kind": "export"}
        page = httpx.Response(200, json={"items": [self.REQUEST, waiting], "next_cursor": None})
        for options, kinds in (((), ["erase_buyer", "export"]), (("--open",), ["export"])):
            result, _ = run("privacy", "list", "--json", *options, answers=[page])
            assert [each["kind"] for each in json.loads(result.stdout)] == kinds


class TestOnTheMachine:
    def test_without_the_hub_it_says_where_to_run_it(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("longshore_client.cli.machine.GATEWAY", "longshore_of_nowhere")
        result, _ = run("keys", "rotate")
        assert result.exit_code == ExitCode.USAGE
        assert "machine" in result.stderr

    def test_it_ends_as_the_gateway_does(self, run: Run) -> None:
        result, _ = run("admin", "create", "--email", "no address")
        assert result.exit_code == 2


class TestIngest:
    @pytest.mark.parametrize("text", ['[{"a": 1}, {"a": 2}]', '{"a": 1}\n\n{"a": 2}\n', '\n{"a": 1}\n{"a": 2}'])
    def test_an_array_or_an_object_a_line(self, run: Run, text: str) -> None:
        accepted = httpx.Response(202, json={"accepted": 2, "items": []})
        result, wire = run("ingest", "orders", ID, "-", "--json", answers=[accepted], typed=text)
        assert result.exit_code == 0, result.output
        assert json.loads(wire.requests[0].content) == [{"a": 1}, {"a": 2}]
        assert json.loads(result.stdout) == {"accepted": 2}

    def test_much_goes_in_parts(self, run: Run) -> None:
        answers = [httpx.Response(202, json={"accepted": n, "items": []}) for n in (500, 500, 1)]
        result, wire = run("ingest", "stock", ID, "-", answers=answers, typed="{}\n" * 1_001)
        assert "1001 stock" in result.stdout
        assert [len(json.loads(each.content)) for each in wire.requests] == [500, 500, 1]

    @pytest.mark.parametrize("text", ["[1]", "{", '"a"', "[{]"])
    def test_what_is_no_object_is_not_sent(self, run: Run, text: str) -> None:
        result, wire = run("ingest", "orders", ID, "-", typed=text)
        assert result.exit_code == ExitCode.USAGE
        assert wire.requests == []
