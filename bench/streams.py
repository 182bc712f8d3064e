"""Streams through the gateway, storing durably, against vLLM asked directly, on the embedded model."""

import asyncio
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import httpx

from deploy import show, stack
from deploy.settings import StackSettings, default_cache

TOKENS, ROUNDS = 64, 3
STREAMS = (1, 8, 16)


@dataclass(frozen=True)
class Target:
    """Where to stream from, under which name and with which key."""

    name: str
    url: str
    model: str
    key: str


@dataclass(frozen=True)
class Figures:
    """Medians over the rounds: tokens a second of all streams together, milliseconds to a stream's first token."""

    tokens_s: float
    first_ms: float


def run() -> None:
    with tempfile.TemporaryDirectory() as folder:
        settings = StackSettings(
            home=Path(folder) / "home",
            cache=default_cache(),
            port=18000,
            ui_port=18080,
            vllm_port=18001,
            _env_file=None,
        )
        stack.bring_up(settings, show.say)
        try:
            with stack.connect(settings) as operator:
                show.wait_ready(operator)
                key = operator.new_key("bench", "user", "benchmark")
            compare(settings, key)
        finally:
            stack.take_down(settings)


def compare(settings: StackSettings, key: str) -> None:
    base = stack.base_in_use(settings)
    direct = Target("vLLM direct", settings.vllm_url, base.base_id, "none")
    gateway = Target("through the gateway", settings.gateway_url, settings.line, key)
    print(f"{'streams':>7}  {'':20} {'tokens/s':>9} {'ratio':>6}  {'first token':>11} {'more':>8}")
    for streams in STREAMS:
        rounds: dict[str, list[Figures]] = {direct.name: [], gateway.name: []}
        for number in range(ROUNDS + 1):  # the first warms up; the two take turns, so that noise hits both
            for target in (direct, gateway):
                found = asyncio.run(measure(target, streams))
                if number:
                    rounds[target.name].append(found)
        limit, ours = (middle(rounds[target.name]) for target in (direct, gateway))
        print(f"{streams:7}  {direct.name:20} {limit.tokens_s:9.1f} {1:6.2f}  {limit.first_ms:8.1f} ms")
        ratio, more = ours.tokens_s / limit.tokens_s, ours.first_ms - limit.first_ms
        print(f"{'':7}  {gateway.name:20} {ours.tokens_s:9.1f} {ratio:6.2f}  {ours.first_ms:8.1f} ms {more:+5.1f} ms")


def middle(found: list[Figures]) -> Figures:
    return Figures(
        statistics.median(one.tokens_s for one in found),
        statistics.median(one.first_ms for one in found),
    )


async def measure(target: Target, streams: int) -> Figures:
    async with httpx.AsyncClient(timeout=300, headers={"Authorization": f"Bearer {target.key}"}) as client:
        started = time.perf_counter()
        found = await asyncio.gather(*(stream(client, target, number) for number in range(streams)))
        taken = time.perf_counter() - started
    return Figures(
        tokens_s=sum(tokens for _, tokens in found) / taken, first_ms=statistics.median(first for first, _ in found)
    )


async def stream(client: httpx.AsyncClient, target: Target, number: int) -> tuple[float, int]:
    """Milliseconds to the first token, and how many came. Each stream asks something of its own, of one length."""
    body = {
        "model": target.model,
        "messages": [{"role": "user", "content": f"Write a long story about bicycle number {number:02d}."}],
        "max_tokens": TOKENS,
        "temperature": 1.0,
        "seed": number,
        "stream": True,
    }
    started = time.perf_counter()
    first, tokens = 0.0, 0
    async with client.stream("POST", f"{target.url}/v1/chat/completions", json=body) as response:
        if response.is_error:
            raise RuntimeError(f"{target.name} answered {response.status_code}: {(await response.aread())[:300]!r}")
        async for row in response.aiter_lines():
            if '"content":"' in row and '"content":""' not in row:
                tokens += 1
                first = first or (time.perf_counter() - started) * 1000
    return first, tokens
