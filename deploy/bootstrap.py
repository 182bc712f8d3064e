#!/usr/bin/env python3
"""Makes the virtual environment that everything else runs in; needs only Python 3.11 and its standard library.

    python3 deploy/bootstrap.py [--dev] [--browser]

Quick when nothing changed: a stamp in the environment holds the hash of what was installed. The CPU build of torch
comes from pip's own find-links folder where one holds it, else from PyTorch's CPU index; a machine with an NVIDIA GPU
gets requirements/gpu.txt.
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
TOOLS = ROOT / ".tools"
PYTHON = VENV / "bin" / "python"


def say(text: str) -> None:
    print(f"[setup] {text}", file=sys.stderr, flush=True)


def run(*command: str | Path) -> None:
    result = subprocess.run([str(part) for part in command], check=False)
    if result.returncode:
        sys.exit(f"[setup] failed ({result.returncode}): {' '.join(map(str, command))}")


def find_uv() -> str:
    """uv from PATH, else installed with pip into .tools (never into the caller's Python)."""
    found = shutil.which("uv") or shutil.which("uv", path=str(TOOLS / "bin"))
    if found:
        return found
    say("uv is missing: installing it with pip into .tools")
    run(sys.executable, "-m", "venv", TOOLS)
    run(TOOLS / "bin" / "python", "-m", "pip", "install", "-q", "uv>=0.9")
    return str(TOOLS / "bin" / "uv")


def find_links() -> list[str]:
    """The folders of pip's own configuration that hold wheels; uv doesn't read that configuration."""
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "get", "global.find-links"], capture_output=True, text=True, check=False
    )
    return [*os.environ.get("PIP_FIND_LINKS", "").split(), *listed.stdout.split()]


def torch_source(pins: Path) -> list[str]:
    """Where uv finds the torch build that the pins name."""
    torch_pin = next(line.strip() for line in pins.read_text().splitlines() if line.startswith("torch=="))
    if "+cpu" not in torch_pin:
        return []
    wheel = torch_pin.replace("==", "-") + "-*.whl"
    for folder in find_links():
        if Path(folder).is_dir() and any(Path(folder).glob(wheel)):
            return ["--find-links", folder]
    return ["--torch-backend", "cpu"]


def wanted(dev: bool) -> tuple[str, list[Path], Path]:
    kind = os.environ.get("RATCHET_HARDWARE") or ("gpu" if shutil.which("nvidia-smi") else "cpu")
    if kind not in ("cpu", "gpu"):
        sys.exit(f"[setup] RATCHET_HARDWARE is '{kind}'; it must be cpu or gpu")
    folder = ROOT / "requirements"
    pins = [folder / f"{kind}.txt"] + ([folder / "dev.txt"] if dev else [])
    return kind, pins, folder / f"overrides-{kind}.txt"


def install(dev: bool) -> None:
    kind, pins, overrides = wanted(dev)
    inputs = [*pins, overrides, ROOT / "pyproject.toml"]
    stamp = VENV / ("stamp-dev" if dev else "stamp")
    state = hashlib.sha256(b"".join(path.read_bytes() for path in inputs)).hexdigest()
    if PYTHON.exists() and stamp.exists() and stamp.read_text() == state:
        return None
    if not dev and (VENV / "stamp-dev").exists():
        return install(dev=True)  # a developer's environment stays one
    started = time.monotonic()
    say(f"installing the {kind} environment{' with test tools' if dev else ''} into .venv (about 2.7 GB)")
    uv = find_uv()
    if not PYTHON.exists():
        run(uv, "venv", "-q", "--python", sys.executable, VENV)
    requirements = [argument for path in pins for argument in ("-r", path)]
    run(uv, "pip", "install", "-p", PYTHON, "--override", overrides, *torch_source(pins[0]), *requirements)
    run(uv, "pip", "install", "-q", "-p", PYTHON, "--no-deps", "-e", ROOT)
    stamp.write_text(state)
    say(f"ready in {time.monotonic() - started:.0f} s")
    return None


def install_browser() -> None:
    """A Chromium for the page's tests: the machine's own, else Debian's, else Playwright's build."""
    if any(map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))):
        return
    if shutil.which("apt-get") and os.geteuid() == 0:
        say("installing Debian's chromium for the page's tests")
        run("apt-get", "update", "-qq")
        run("apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium")
        return
    if not any((Path.home() / ".cache" / "ms-playwright").glob("chromium-*")):
        say("installing Playwright's chromium for the page's tests")
        run(PYTHON, "-m", "playwright", "install", "chromium")


def main() -> None:
    parser = argparse.ArgumentParser(description="Set up Ratchet's virtual environment.")
    parser.add_argument("--dev", action="store_true", help="with what tests and linters need")
    parser.add_argument("--browser", action="store_true", help="with a Chromium for the page's tests")
    options = parser.parse_args()
    if sys.version_info < (3, 11):  # noqa: UP036  (this file is run by whatever python3 is)
        sys.exit(f"[setup] Ratchet needs Python 3.11 or newer; {sys.executable} is {sys.version.split()[0]}")
    install(dev=options.dev)
    if options.browser:
        install_browser()


if __name__ == "__main__":
    main()
