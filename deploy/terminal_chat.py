"""Chat in the terminal, through the gateway's OpenAI-compatible API, as the local operator."""

import openai
from rich.console import Console

from deploy.gateway import operator_key
from deploy.settings import StackSettings
from feedback.errors import NotReady

HELP = "Enter sends; an empty line or Ctrl-D ends; Ctrl-C stops a reply."


def converse(settings: StackSettings, line: str) -> None:
    """Reads from the terminal until an empty line; the whole conversation is stored under the operator."""
    client = openai.OpenAI(base_url=f"{settings.gateway_url}/v1", api_key=operator_key(settings.home), max_retries=0)
    console = Console()
    console.print(f"[dim]{HELP}[/dim]")
    turns: list[dict[str, str]] = []
    conversation_id: str | None = None
    while said := ask(console):
        turns.append({"role": "user", "content": said})
        try:
            reply, conversation_id = answer(client, console, line, turns, conversation_id)
        except openai.APIStatusError as error:
            turns.pop()
            console.print(f"[red]{error.message}[/red]")
            continue
        except openai.APIConnectionError as error:
            raise NotReady(f"the gateway at {settings.gateway_url} doesn't answer; see `ratchet status`") from error
        turns.append({"role": "assistant", "content": reply})


def ask(console: Console) -> str:
    try:
        return console.input("[bold]you[/bold]  ").strip()
    except (EOFError, KeyboardInterrupt):
        return ""


def answer(
    client: openai.OpenAI, console: Console, line: str, turns: list[dict[str, str]], conversation_id: str | None
) -> tuple[str, str]:
    """Prints the reply as it comes; the reply (as far as it came) and the conversation it belongs to."""
    extra = {"conversation_id": conversation_id} if conversation_id else {}
    raw = client.chat.completions.with_raw_response.create(
        model=line,
        messages=turns,
        stream=True,
        extra_body=extra,
    )
    console.print(f"[dim]{raw.headers['x-ratchet-adapter']}[/dim]")
    reply = ""
    with raw.parse() as stream:
        try:
            for chunk in stream:
                piece = chunk.choices[0].delta.content or "" if chunk.choices else ""
                reply += piece
                console.print(piece, end="", markup=False, highlight=False)
        except KeyboardInterrupt:
            console.print("[dim] (stopped)[/dim]", end="")
    console.print()
    return reply, raw.headers["x-ratchet-conversation-id"]
