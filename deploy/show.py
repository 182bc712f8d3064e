"""What the `ratchet` command prints: results on standard output, progress on standard error; both with Rich."""

import time
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from deploy.cycle import CycleState, summary
from deploy.doctor import Check
from deploy.gateway import Gateway
from deploy.settings import StackSettings
from deploy.stack import Health
from feedback.errors import NotFound
from feedback.words import Promotion

LOGS = ("gateway", "vllm", "ui", "supervisor")
READY_WAIT_S = 600
out = Console()
progress = Console(stderr=True)


def say(text: str) -> None:
    progress.print(f"[dim]{time.strftime('%H:%M:%S')}[/dim] {text}", highlight=False)


def table(*columns: str, rows: Iterable[Iterable[object]], title: str | None = None) -> None:
    made = Table(*columns, title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for row in rows:
        made.add_row(*(str(cell) for cell in row))
    out.print(made)


def moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M}"


def addresses(settings: StackSettings, link: str | None) -> None:
    out.print(f"chat page   {settings.ui_url}", highlight=False)
    out.print(f"API         {settings.gateway_url}/v1 (any OpenAI client; make a key with `ratchet key NAME`)")
    if link:
        out.print(f"sign in     {link}  (operator, works once; another: `ratchet link`)", soft_wrap=True)


def wait_ready(gateway: Gateway) -> None:
    """Waits until chats can be answered, telling every ten seconds what is being waited for."""
    told = -10.0
    started = time.monotonic()

    def tell(detail: str) -> None:
        nonlocal told
        if time.monotonic() - started - told >= 10:
            told = time.monotonic() - started
            say(f"waiting for {detail}")

    waited = gateway.wait_ready(READY_WAIT_S, tell)
    say(f"ready after {waited:.0f} s")


def health(settings: StackSettings, found: Health) -> None:
    table(
        "process", "state", "pid", "up", "detail",
        rows=((p.name, p.state, p.pid or "", f"{p.up_s} s" if p.pid else "", p.detail) for p in found.processes),
    )  # fmt: skip
    out.print()
    if found.gateway is None:
        out.print("the gateway doesn't answer; see `ratchet logs gateway`")
        return
    table("line", "live adapter", rows=((one["line"], one["live"]) for one in found.gateway["lines"]))
    out.print()
    counts = ", ".join(f"{number} {what}" for what, number in found.gateway["counts"].items())
    out.print(f"stored: {counts}", highlight=False)
    out.print("ready" if found.ready else f"not ready: waiting for {found.waiting_for}", highlight=False)
    out.print(f"chat page {settings.ui_url}", highlight=False)


def checks(found: list[Check]) -> None:
    table(
        "", "check", "found", "what to do",
        rows=(("[green]ok[/green]" if c.ok else "[red]!![/red]", c.name, c.found, c.remedy) for c in found),
    )  # fmt: skip


def log(settings: StackSettings, process: str, rows: int, follow: bool) -> None:
    """The last rows of a log, and with `follow` what comes after. Raises NotFound for a process we don't run."""
    if process not in LOGS:
        raise NotFound(f"there is no process '{process}'; choose one of {', '.join(LOGS)}")
    path = settings.home / "logs" / f"{process}.log"
    if not path.exists():
        raise NotFound(f"{path} doesn't exist yet; start the platform with `ratchet up`")
    with path.open(errors="replace") as file:
        for row in file.readlines()[-rows:]:
            print(row, end="")
        while follow:
            row = file.readline()
            if row:
                print(row, end="", flush=True)
            else:
                time.sleep(0.3)


def adapters(gateway: Gateway, line: str) -> None:
    live = gateway.live(line)
    found = gateway.adapters(line)
    rows: list[tuple[object, ...]] = [
        (a.adapter_id, a.state, a.rank, a.dataset_hash[:16], moment(a.created_at)) for a in found
    ]
    if live not in {a.adapter_id for a in found}:
        rows.append((live, "live", "", "", "the base model"))
    table("adapter", "state", "rank", "dataset", "taken in", rows=rows)


def promotion(decided: Promotion) -> None:
    out.print(f"{decided.action}: line '{decided.line}' is answered by {live_after(decided)} from now on")


def live_after(decided: Promotion) -> str:
    return decided.incumbent_id if decided.action == "reject" else decided.adapter_id


def cycle(state: CycleState) -> None:
    out.print(f"{state.start.cycle_id} on line '{state.start.line}', recipe {state.start.recipe}: {state.outcome}")
    table("stage", "result", rows=((stage, summary(word)) for stage, word in state.done.items()))
    report = state.directory / "report" / "report.html"
    if report.exists():
        out.print(f"report: {report}", soft_wrap=True)


def cycles(states: list[CycleState]) -> None:
    table(
        "cycle", "line", "started", "recipe", "outcome",
        rows=(
            (s.start.cycle_id, s.start.line, moment(s.start.started_at), Path(s.start.recipe).name, s.outcome)
            for s in states
        ),
    )  # fmt: skip
