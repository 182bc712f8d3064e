"""`ratchet demo`: start, let customers chat and judge, turn the loop once, show what came of it, stay open."""

import json
import shutil
import time
from collections import Counter
from pathlib import Path
from typing import Any

from rich.panel import Panel
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from deploy import decide, show, stack
from deploy.cycle import Cycles, CycleState, made
from deploy.demo import verdict
from deploy.demo.people import load_shop, people
from deploy.demo.visits import hold_visits
from deploy.processes import Supervisor
from deploy.settings import StackSettings, default_home, load_settings
from evalsuite.report import Judgement
from feedback.errors import Conflict
from feedback.manifest import read_json
from feedback.words import Decision, Promotion, Verdict

SEED = 20
MARK = "made-by-ratchet-demo"
RECIPE = "quick"


def run_demo(home: Path | None) -> None:
    """Everything, in order. The last line on standard output is one JSON object with the figures."""
    began = time.monotonic()
    settings = load_settings(home or default_home().with_name("ratchet-demo"))
    fresh_home(settings)
    seconds: dict[str, float] = {}
    with Stopwatch(seconds, "start"):
        stack.bring_up(settings, show.say)
        with stack.connect(settings) as operator:
            show.wait_ready(operator)
    with Stopwatch(seconds, "visits"):
        done = visit(settings)
    with Stopwatch(seconds, "cycle"):
        cycles = Cycles(settings.home)
        state = decide.turn(settings, cycles.begin(settings.line, RECIPE), show.say)
    seconds["total"] = round(time.monotonic() - began, 1)
    present(settings, state)
    print(json.dumps(figures(settings, state, done, seconds)), flush=True)


def fresh_home(settings: StackSettings) -> None:
    """An empty home directory; only one that an earlier demo marked as its own is wiped."""
    home = settings.home
    if Supervisor(settings).running():
        show.say("stopping the demo that is still running")
        stack.take_down(settings)
    if home.exists() and any(home.iterdir()):
        if not (home / MARK).exists():
            raise Conflict(f"{home} isn't empty and no demo made it; give the demo another place with --home")
        shutil.rmtree(home)
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    (home / MARK).touch()


class Stopwatch:
    """Adds the seconds of its block to a dictionary."""

    def __init__(self, seconds: dict[str, float], name: str) -> None:
        self.seconds, self.name = seconds, name

    def __enter__(self) -> None:
        self.started = time.monotonic()

    def __exit__(self, *_: object) -> None:
        self.seconds[self.name] = round(time.monotonic() - self.started, 1)


def visit(settings: StackSettings) -> Counter[str]:
    shop = load_shop()
    crowd = people(shop, SEED)
    show.say(f"{len(crowd)} simulated customers come in with {len(shop.questions)} questions")
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with stack.connect(settings) as operator, Progress(*columns, console=show.progress) as bar:
        task = bar.add_task("conversations", total=len(shop.questions))
        told = 0

        def advance(finished: int, of: int) -> None:
            nonlocal told
            bar.update(task, completed=finished)
            if not show.progress.is_terminal and finished * 4 // of > told:
                told = finished * 4 // of
                show.say(f"{finished} of {of} conversations held")

        done = hold_visits(operator, shop, crowd, settings.line, advance)
    show.say(", ".join(f"{number} {what}" for what, number in sorted(done.items())))
    return done


def judgement_of(state: CycleState) -> Judgement:
    return read_json(state.directory / "report" / "report.json", Judgement)


def present(settings: StackSettings, state: CycleState) -> None:
    """The table, the picture, three prompts side by side, and where to go on."""
    judgement = judgement_of(state)
    picture = state.directory / "report" / "held-out-taste.png"
    verdict.draw(judgement, picture)
    found = verdict.held_out_taste(judgement)
    rows = [("held-out customers' taste", found.before, found.after, found.difference, found.ci_low, found.ci_high)]
    rows += [
        (m.title, m.incumbent, m.candidate, m.difference, m.ci_low, m.ci_high) for m in judgement.comparison.measures
    ]
    show.out.print()
    show.table(
        "measure", "before", "after", "difference", "95% interval",
        rows=((name, f"{b:.3f}", f"{a:.3f}", f"{d:+.3f}", f"{lo:+.3f} to {hi:+.3f}") for name, b, a, d, lo, hi in rows),
    )  # fmt: skip
    for sample in verdict.samples(judgement)[: verdict.SIDE_BY_SIDE]:
        show.out.print(Panel(sample.prompt, title="a held-out customer asks", title_align="left"))
        show.out.print(f"[dim]before ({sample.taste_before:.2f})[/dim]  ", end="")
        show.out.print(sample.before.strip(), markup=False, highlight=False)
        show.out.print(f"[green]after ({sample.taste_after:.2f})[/green]  ", end="")
        show.out.print(sample.after.strip(), markup=False, highlight=False)
    show.out.print()
    show.cycle(state)
    show.out.print(f"picture: {picture}", soft_wrap=True)
    with stack.connect(settings) as gateway:
        show.addresses(settings, stack.sign_in_link(settings, gateway))
    show.out.print(f"the chat stays open; stop it with: ratchet down --home {settings.home}", soft_wrap=True)


def figures(
    settings: StackSettings, state: CycleState, done: Counter[str], seconds: dict[str, float]
) -> dict[str, Any]:
    judgement = judgement_of(state)
    decided = made(state, "verdict", Verdict)
    found = verdict.held_out_taste(judgement)
    promotion = state.done.get("promotion")
    promoted = isinstance(promotion, Promotion) and promotion.action == "promote"
    return {
        "decision": str(decided.decision),
        "promoted": promoted and decided.decision is Decision.PROMOTE,
        "adapter": decided.candidate_id,
        "incumbent": decided.incumbent_id,
        "heldout_taste": verdict.rounded(found) | {"clear_of_zero": found.ci_low > 0},
        "measures": {measure.name: verdict.to_json(measure) for measure in judgement.comparison.measures},
        "reasons": list(decided.reasons),
        "did": dict(done),
        "seconds": seconds,
        "report": str(state.directory / "report" / "report.html"),
        "chat": settings.ui_url,
    }
