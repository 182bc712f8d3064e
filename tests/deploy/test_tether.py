import signal
import subprocess
import sys
import time
from pathlib import Path

PARENT = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-m", "deploy.tether", "sleep", "600"])
time.sleep(1)
print(child.pid, flush=True)
time.sleep(600)
"""


def test_a_tethered_command_ends_when_its_parent_is_killed():
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    assert Path(f"/proc/{child}/exe").resolve().name == "sleep"
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 10
    while Path(f"/proc/{child}/exe").exists():
        assert time.monotonic() < deadline, "the child outlived its parent"
        time.sleep(0.05)
