"""Processes that end with the one that started them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.servers.ports import wait_until

# Starts a child that itself starts one, says their ids, and waits.
STUBBORN = "trap '' TERM; sleep 600 & echo $!; wait; wait"
SCRIPT = """
import os, subprocess, sys
from bin.launcher import children
children.PATIENCE = 0.3
try:
    with children.Children() as family:
        shell = family.start("a child", ["sh", "-c", sys.argv[1]], os.environ)
        os.write(1, f"{shell.pid}\\n".encode())  # at once: the shell writes there, too
        os.write(1, f"{family.wait()}\\n".encode())
        sys.exit(9)
except children.Stopped:
    sys.exit(7)
"""


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


class Family:
    """A parent in a process of its own, with a child and perhaps a grandchild."""

    def __init__(self, command: str) -> None:
        self.parent = subprocess.Popen([sys.executable, "-c", SCRIPT, command], stdout=subprocess.PIPE, text=True)
        assert self.parent.stdout is not None
        self.said = self.parent.stdout

    def line(self) -> str:
        return self.said.readline().strip()


@pytest.fixture
def families() -> Iterator[list[Family]]:
    made: list[Family] = []
    yield made
    for family in made:
        family.parent.kill()
        family.parent.wait()
        family.said.close()  # whoever is left of a family that was broken keeps it open


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("command", ["sleep 600 & echo $!; wait", STUBBORN], ids=["willing", "stubborn"])
def test_a_signal_leaves_neither_child_nor_grandchild(
    families: list[Family], number: signal.Signals, command: str
) -> None:
    family = Family(command)
    families.append(family)
    pids = [int(family.line()), int(family.line())]
    assert all(alive(pid) for pid in pids)
    family.parent.send_signal(number)
    assert family.parent.wait(20) == 7
    wait_until(lambda: not any(alive(pid) for pid in pids), "the children to be gone")


def test_a_second_signal_does_not_cut_the_end_short(families: list[Family]) -> None:
    family = Family(STUBBORN)
    families.append(family)
    pids = [int(family.line()), int(family.line())]
    family.parent.send_signal(signal.SIGINT)
    family.parent.send_signal(signal.SIGINT)
    assert family.parent.wait(20) == 7
    wait_until(lambda: not any(alive(pid) for pid in pids), "the children to be gone")


BOTH = "{signal.SIGINT, signal.SIGTERM}"

# What a parent does when a signal comes, or two at once.
HEARD = {
    "an error is handled": """
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        except Exception:
            pass""",
    "an exception is lost": """
        lose(signal.SIGTERM)
        family.wait()""",
    "two come": f"""
        signal.pthread_sigmask(signal.SIG_BLOCK, {BOTH})
        for number in {BOTH}:
            os.kill(os.getpid(), number)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {BOTH})""",
}


@pytest.mark.parametrize("parent", HEARD.values(), ids=HEARD)
def test_signals_are_heard_and_leave_no_child_whatever_the_parent_does(parent: str) -> None:
    code = f"""
import os, signal, sys
from bin.launcher.children import Children, Stopped
from tests.lost_signals import lose

try:
    with Children() as family:
        print(family.start("a child", ["sleep", "600"], os.environ).pid, flush=True)
{parent}
except Stopped:
    sys.exit(7)
"""
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, timeout=60, check=False)
    assert done.returncode == 7
    wait_until(lambda: not alive(int(done.stdout)), "the child to be gone")


def test_the_end_of_a_child_is_noticed_with_its_name_and_code(families: list[Family]) -> None:
    family = Family("exit 3")
    families.append(family)
    assert int(family.line())
    assert family.line() == "('a child', 3)"
    assert family.parent.wait(20) == 9
