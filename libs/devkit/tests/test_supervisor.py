"""The supervisor on real processes: order, restarts, and that nothing is left behind."""

from __future__ import annotations

import asyncio
import signal
import sys
import textwrap
from pathlib import Path

import psutil
import pytest

from longshore_devkit.errors import StartError
from longshore_devkit.ports import free_port
from longshore_devkit.processes import ProcessSpec, wait_stopped
from longshore_devkit.supervisor import Event, Supervisor
from longshore_devkit.testing import eventually

STUBBORN = "import signal,time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"

# A thread for each file, that writes to it all the time.
BUSY = """
import sys, threading
def write(name):
    with open(name, "ab", buffering=0) as file:
        while True:
            file.write(b"x")
for name in sys.argv[1:]:
    threading.Thread(target=write, args=(name,)).start()
"""


def sleeper(name: str, **settings: object) -> ProcessSpec:
    return ProcessSpec(name=name, argv=("sleep", "600"), **settings)  # type: ignore[arg-type]


def alive(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


class TestStart:
    async def test_each_starts_after_those_it_needs_are_ready(self, tmp_path: Path) -> None:
        events: list[Event] = []
        flag = tmp_path / "ready"

        async def flagged() -> bool:
            return flag.exists()

        first = sleeper("first", ready=flagged)
        second = sleeper("second", after=("first",))
        supervisor = Supervisor([second, first], on_event=events.append)
        starting = asyncio.create_task(supervisor.start())
        await eventually(lambda: supervisor.pid("first"))
        assert supervisor.pid("second") is None
        flag.touch()
        await starting
        assert [(event.name, event.kind) for event in events] == [
            ("first", "started"),
            ("first", "ready"),
            ("second", "started"),
            ("second", "ready"),
        ]
        await supervisor.stop()

    async def test_a_url_is_waited_for(self, tmp_path: Path) -> None:
        port = free_port()
        (tmp_path / "readyz").write_text("yes")
        server = ProcessSpec(
            name="web",
            argv=(sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"),
            cwd=tmp_path,
            ready=f"http://127.0.0.1:{port}/readyz",
        )
        supervisor = Supervisor([server])
        await supervisor.start()
        assert supervisor.is_ready("web")
        await supervisor.stop()

    async def test_one_that_never_starts_is_an_error_with_the_end_of_its_log(self, tmp_path: Path) -> None:
        async def never() -> bool:
            return False

        broken = ProcessSpec(
            name="broken",
            argv=(sys.executable, "-c", "raise SystemExit('no database here')"),
            ready=never,
            log_file=tmp_path / "broken.log",
            start_attempts=2,
        )
        supervisor = Supervisor([sleeper("other"), broken])
        with pytest.raises(StartError, match=r"(?s)broken does not start .*exit code 1.*no database here"):
            await supervisor.start()
        assert supervisor.pid("other") is None

    async def test_one_that_is_not_ready_in_time_is_an_error(self) -> None:
        async def never() -> bool:
            return False

        supervisor = Supervisor([sleeper("slow", ready=never, ready_timeout=0.05)])
        with pytest.raises(StartError, match="slow does not start"):
            await supervisor.start()

    async def test_a_missing_program_is_an_error_not_a_stack(self, tmp_path: Path) -> None:
        async def never() -> bool:
            return False

        missing = ProcessSpec(
            name="missing",
            argv=(str(tmp_path / "nothing"),),
            ready=never,
            log_file=tmp_path / "log",
            start_attempts=1,
        )
        with pytest.raises(StartError, match="No such file"):
            await Supervisor([missing]).start()


class TestRestart:
    async def test_what_dies_is_started_again_and_waited_for(self) -> None:
        events: list[Event] = []
        supervisor = Supervisor([sleeper("worker")], on_event=events.append)
        await supervisor.start()
        before = supervisor.pid("worker")
        supervisor.signal("worker", signal.SIGKILL)
        await supervisor.wait_ready("worker")
        assert supervisor.pid("worker") not in (None, before)
        assert supervisor.starts("worker") == 2
        assert [str(event) for event in events if event.kind in ("died", "restarting")] == [
            "worker: died by SIGKILL",
            "worker: restarting in 0.2 s",
        ]
        await supervisor.stop()

    async def test_the_pause_doubles_while_it_keeps_dying(self) -> None:
        events: list[Event] = []
        supervisor = Supervisor([ProcessSpec(name="brief", argv=("true",))], on_event=events.append)
        await supervisor.start()
        await eventually(lambda: supervisor.starts("brief") >= 3)
        await supervisor.stop()
        pauses = [event.detail for event in events if event.kind == "restarting"]
        assert pauses[:2] == ["in 0.2 s", "in 0.4 s"]


class TestHold:
    async def test_what_is_held_stays_away_until_it_is_released(self) -> None:
        events: list[Event] = []
        supervisor = Supervisor([sleeper("worker")], on_event=events.append)
        await supervisor.start()
        supervisor.hold("worker")
        # Its pause is over, and it would have started.
        await eventually(lambda: any(event.kind == "restarting" for event in events))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(supervisor.wait_ready("worker"), 0.6)
        assert (supervisor.pid("worker"), supervisor.starts("worker")) == (None, 1)
        supervisor.release("worker")
        await supervisor.wait_ready("worker")
        assert supervisor.starts("worker") == 2
        await supervisor.stop()

    async def test_a_held_one_does_not_keep_the_others_from_stopping(self) -> None:
        supervisor = Supervisor([sleeper("worker"), sleeper("other")])
        await supervisor.start()
        supervisor.hold("worker")
        await eventually(lambda: supervisor.pid("worker") is None)
        await asyncio.wait_for(supervisor.stop(), 5)


class TestStop:
    async def test_dependents_stop_first(self) -> None:
        events: list[Event] = []
        supervisor = Supervisor([sleeper("first"), sleeper("second", after=("first",))], on_event=events.append)
        await supervisor.start()
        await supervisor.stop()
        assert [event.name for event in events if event.kind == "stopped"] == ["second", "first"]

    async def test_one_that_does_not_heed_the_signal_is_killed(self, tmp_path: Path) -> None:
        events: list[Event] = []
        log = tmp_path / "log"
        stubborn = ProcessSpec(name="stubborn", argv=(sys.executable, "-c", STUBBORN), stop_timeout=0.1, log_file=log)
        supervisor = Supervisor([stubborn], on_event=events.append)
        await supervisor.start()
        await eventually(lambda: "up" in log.read_text())
        pid = supervisor.pid("stubborn")
        assert pid is not None
        await supervisor.stop()
        assert not alive(pid)
        assert "killed" in [event.kind for event in events]

    async def test_a_paused_process_is_stopped_too(self) -> None:
        supervisor = Supervisor([sleeper("paused")])
        await supervisor.start()
        supervisor.signal("paused", signal.SIGSTOP)
        async with asyncio.timeout(5):
            await supervisor.stop()

    async def test_a_process_that_is_waited_for_does_nothing_more(self, tmp_path: Path) -> None:
        counts = [tmp_path / str(n) for n in range(3)]
        supervisor = Supervisor([ProcessSpec(name="busy", argv=(sys.executable, "-c", BUSY, *map(str, counts)))])
        await supervisor.start()
        try:
            await eventually(lambda: all(each.exists() and each.stat().st_size > 100 for each in counts))
            pid = supervisor.pid("busy")
            assert pid is not None
            with pytest.raises(TimeoutError):
                wait_stopped(pid, timeout_s=0.01)
            supervisor.signal("busy", signal.SIGSTOP)
            wait_stopped(pid)
            written = [each.stat().st_size for each in counts]
            assert psutil.Process(pid).status() == psutil.STATUS_STOPPED
            assert [each.stat().st_size for each in counts] == written
            supervisor.signal("busy", signal.SIGCONT)
            await eventually(lambda: all(each.stat().st_size > n for each, n in zip(counts, written, strict=True)))
        finally:
            await supervisor.stop()

    async def test_what_a_process_started_goes_with_it(self, tmp_path: Path) -> None:
        child = tmp_path / "child"
        parent = ProcessSpec(name="parent", argv=("sh", "-c", f"sleep 600 & echo $! > {child}; wait"))
        supervisor = Supervisor([parent])
        await supervisor.start()
        pid = int(await eventually(lambda: child.exists() and child.read_text().strip()))
        await supervisor.stop()
        await eventually(lambda: not alive(pid))


class TestKilledSupervisor:
    async def test_kill_9_of_the_supervisor_leaves_no_process(self, tmp_path: Path) -> None:
        script = tmp_path / "supervise.py"
        script.write_text(
            textwrap.dedent(
                f"""
                import asyncio
                from longshore_devkit.processes import ProcessSpec, wait_stopped
                from longshore_devkit.supervisor import Supervisor

                async def main():
                    child = "sleep 600 & echo $! > {tmp_path}/grandchild; exec sleep 600"
                    supervisor = Supervisor([
                        ProcessSpec(name="one", argv=("sleep", "600")),
                        ProcessSpec(name="two", argv=("sh", "-c", child)),
                    ])
                    await supervisor.start()
                    print(supervisor.pid("one"), supervisor.pid("two"), flush=True)
                    await asyncio.sleep(600)

                asyncio.run(main())
                """
            )
        )
        supervisor = await asyncio.create_subprocess_exec(sys.executable, str(script), stdout=asyncio.subprocess.PIPE)
        try:
            assert supervisor.stdout is not None
            pids = [int(word) for word in (await supervisor.stdout.readline()).split()]
            grandchild = tmp_path / "grandchild"
            pids.append(int(await eventually(lambda: grandchild.exists() and grandchild.read_text().strip())))
            assert len(pids) == 3
            assert all(map(alive, pids))
        finally:
            supervisor.kill()
            await supervisor.wait()
        await eventually(lambda: not any(map(alive, pids)))
