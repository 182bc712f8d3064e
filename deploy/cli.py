"""The `ratchet` command. Nothing heavy is imported before the command that needs it runs."""

import sys
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    help="A chat platform that runs on your own machines and gets better from being used.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
cycle_app = typer.Typer(help="One turn of the loop: snapshot, dataset, training, evaluation, decision.")
app.add_typer(cycle_app, name="cycle", no_args_is_help=True)

Home = Annotated[Path | None, typer.Option(help="Home directory; else RATCHET_HOME, else ~/.local/share/ratchet.")]
Line = Annotated[str | None, typer.Option(help="Product line; else RATCHET_LINE.")]


@app.command()
def up(
    home: Home = None, wait: Annotated[bool, typer.Option(help="Return when chats can be answered.")] = False
) -> None:
    """Start vLLM, the gateway and the chat page."""
    from deploy import show, stack
    from deploy.settings import load_settings

    settings = load_settings(home)
    first = stack.bring_up(settings, show.say)
    with stack.connect(settings) as gateway:
        link = stack.sign_in_link(settings, gateway) if first else None
        show.addresses(settings, link)
        if wait:
            show.wait_ready(gateway)


@app.command()
def down(home: Home = None) -> None:
    """Stop everything; nothing is lost."""
    from deploy import show, stack
    from deploy.settings import load_settings

    stack.take_down(load_settings(home))
    show.say("stopped")


@app.command()
def status(home: Home = None) -> None:
    """Show each process, its health and the live adapter of each line."""
    from deploy import show, stack
    from deploy.settings import load_settings

    settings = load_settings(home)
    health = stack.health(settings)
    show.health(settings, health)
    raise typer.Exit(0 if health.ready else 1)


@app.command()
def logs(
    process: Annotated[str, typer.Argument(help="gateway, vllm, ui or supervisor")] = "gateway",
    rows: Annotated[int, typer.Option("--rows", "-n", help="How many of the last rows.")] = 50,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as rows are written.")] = False,
    home: Home = None,
) -> None:
    """Print the end of a process's log."""
    from deploy import show
    from deploy.settings import load_settings

    show.log(load_settings(home), process, rows, follow)


@app.command()
def doctor(home: Home = None) -> None:
    """Check Python, memory, disk, ports, processor and GPU, and say what to do."""
    from deploy import show
    from deploy.doctor import examine
    from deploy.hardware import this_machine
    from deploy.processes import Supervisor
    from deploy.settings import load_settings

    settings = load_settings(home)
    checks = examine(settings, this_machine(), Supervisor(settings).running())
    show.checks(checks)
    raise typer.Exit(0 if all(check.ok for check in checks) else 1)


@app.command()
def chat(home: Home = None, line: Line = None) -> None:
    """Chat in the terminal."""
    from deploy.settings import load_settings
    from deploy.terminal_chat import converse

    settings = load_settings(home)
    converse(settings, line or settings.line)


@app.command()
def link(
    user: Annotated[str, typer.Option(help="Whom the link signs in.")] = "operator",
    role: Annotated[str, typer.Option(help="user, annotator or operator")] = "operator",
    home: Home = None,
) -> None:
    """Print an address that signs one browser in, once."""
    from deploy import stack
    from deploy.settings import load_settings

    settings = load_settings(home)
    with stack.connect(settings) as gateway:
        typer.echo(stack.sign_in_link(settings, gateway, user, role))


@app.command()
def key(
    user: Annotated[str, typer.Argument(help="Whose key it is.")],
    role: Annotated[str, typer.Option(help="user, annotator or operator")] = "user",
    label: Annotated[str, typer.Option(help="What it is for.")] = "",
    home: Home = None,
) -> None:
    """Make an API key for any OpenAI client; it is shown this once."""
    from deploy import stack
    from deploy.settings import load_settings

    with stack.connect(load_settings(home)) as gateway:
        typer.echo(gateway.new_key(user, role, label))


@app.command()
def adapters(home: Home = None, line: Line = None) -> None:
    """List the line's adapters and what became of them."""
    from deploy import show, stack
    from deploy.settings import load_settings

    settings = load_settings(home)
    with stack.connect(settings) as gateway:
        show.adapters(gateway, line or settings.line)


@app.command()
def promote(
    adapter: Annotated[str, typer.Argument(help="The adapter's name.")],
    reason: Annotated[str, typer.Option(help="Why; kept for good.")],
    home: Home = None,
    line: Line = None,
) -> None:
    """Make an adapter live by an operator's decision."""
    from deploy import show
    from deploy.decide import decide
    from deploy.settings import load_settings

    settings = load_settings(home)
    show.promotion(decide(settings, line or settings.line, "promote", adapter, reason))


@app.command()
def rollback(
    to: Annotated[str | None, typer.Option(help="Adapter to return to; else the one before.")] = None,
    reason: Annotated[str, typer.Option(help="Why; kept for good.")] = "rolled back by hand",
    home: Home = None,
    line: Line = None,
) -> None:
    """Go back to the adapter that was live before (or to the base model)."""
    from deploy import show
    from deploy.decide import decide
    from deploy.settings import load_settings

    settings = load_settings(home)
    show.promotion(decide(settings, line or settings.line, "rollback", to, reason))


@cycle_app.command("run")
def cycle_run(
    recipe: Annotated[str, typer.Option(help="A preset (quick, default) or a TOML file.")] = "default",
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the line's unfinished cycle.")] = False,
    home: Home = None,
    line: Line = None,
) -> None:
    """Turn the loop once: from what people said to a decision."""
    from deploy import show
    from deploy.cycle import Cycles
    from deploy.decide import turn
    from deploy.settings import load_settings
    from retrain.recipe import load_recipe

    load_recipe(recipe)  # a mistake in it is told now, not after the snapshot
    settings = load_settings(home)
    line_name = line or settings.line
    cycles = Cycles(settings.home)
    state = cycles.unfinished(line_name) if resume else cycles.begin(line_name, full_path(recipe))
    show.cycle(turn(settings, state, show.say))


def full_path(recipe: str) -> str:
    """A preset's name as it is, a file by its full path: a resumed cycle may be run from elsewhere."""
    return str(Path(recipe).resolve()) if recipe.endswith(".toml") else recipe


@cycle_app.command("list")
def cycle_list(home: Home = None) -> None:
    """List the cycles, newest first."""
    from deploy import show
    from deploy.cycle import Cycles
    from deploy.settings import load_settings

    show.cycles(Cycles(load_settings(home).home).list())


@cycle_app.command("show")
def cycle_show(
    cycle: Annotated[str | None, typer.Argument(help="The cycle's id; else the newest.")] = None, home: Home = None
) -> None:
    """Show what a cycle made, stage by stage."""
    from deploy import show
    from deploy.cycle import Cycles
    from deploy.settings import load_settings

    cycles = Cycles(load_settings(home).home)
    show.cycle(cycles.state(cycle) if cycle else cycles.newest())


@app.command()
def demo(
    home: Annotated[Path | None, typer.Option(help="Where the demo lives; made anew each time.")] = None,
) -> None:
    """Turn the whole loop once with simulated customers, and leave the chat open."""
    from deploy.demo.run import run_demo

    run_demo(home)


def main() -> None:
    """The console script: our errors are one sentence on standard error and exit code 2."""
    from feedback.errors import RatchetError

    try:
        app()
    except RatchetError as error:
        typer.echo(f"ratchet: {error}", err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
