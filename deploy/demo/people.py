"""Simulated customers: who they are, what they ask, what they like. Pure: the same seed gives the same people."""

import random
import re
import tomllib
from dataclasses import dataclass
from importlib.resources import files

QUESTIONS_EACH = 4
GOOD_WORDS, LONG_WORDS = 45, 120  # full marks for brevity up to the first, none from the second
FRIENDLY = re.compile(
    r"\b(thank|thanks|happy to|glad|great|hi|hello|sure|welcome|no problem|good question|sorry)\b", re.I
)
INVITATION = re.compile(r"\b(bring|drop by|drop in|stop by|come|call|send|tell|book|pop in|let us know)\b", re.I)
LIST_ITEM = re.compile(r"^\s*(?:[-*•]|\d+[.)])\s", re.M)


@dataclass(frozen=True)
class Question:
    ask: str
    answer: str
    next_step: str


@dataclass(frozen=True)
class Person:
    """A customer: `slip` is the chance that a judgement is given the wrong way round, `effort` that of a correction."""

    user_id: str
    questions: tuple[Question, ...]
    follow_up: str
    slip: float
    effort: float
    seed: int


@dataclass(frozen=True)
class Shop:
    system: str
    openers: tuple[str, ...]
    customers: tuple[str, ...]
    follow_ups: tuple[str, ...]
    questions: tuple[Question, ...]


def load_shop() -> Shop:
    stock = tomllib.loads((files("deploy.demo") / "questions.toml").read_text())
    questions = tuple(Question(*row) for row in stock["questions"])
    return Shop(
        system=stock["system"],
        openers=tuple(stock["openers"]),
        customers=tuple(stock["customers"]),
        follow_ups=tuple(stock["follow_ups"]),
        questions=questions,
    )


def people(shop: Shop, seed: int) -> list[Person]:
    """Customers with four questions each, of all topics; every question is asked by one of them only."""
    rng = random.Random(seed)  # noqa: S311
    shuffled = rng.sample(shop.questions, len(shop.questions))
    groups = [shuffled[at : at + QUESTIONS_EACH] for at in range(0, len(shuffled), QUESTIONS_EACH)]
    return [
        Person(
            user_id=name,
            questions=tuple(group),
            follow_up=follow_up,
            slip=rng.uniform(0.0, 0.15),
            effort=rng.uniform(0.6, 1.0),
            seed=rng.randrange(2**31),
        )
        for name, follow_up, group in zip(shop.customers, shop.follow_ups, groups, strict=True)
    ]


def taste(reply: str) -> float:
    """How much a customer likes a reply, from 0 to 1: a third each for brevity, friendliness and a next step.

    A list costs half of what brevity earns.
    """
    words = len(reply.split())
    if not words:
        return 0.0
    brevity = min(1.0, max(0.0, (LONG_WORDS - words) / (LONG_WORDS - GOOD_WORDS)))
    if LIST_ITEM.search(reply):
        brevity /= 2
    opening = " ".join(reply.split()[:8])
    friendly = bool(FRIENDLY.search(opening)) * 0.7 + ("!" in reply) * 0.3
    last = re.split(r"(?<=[.!?])\s+", reply.strip())[-1]
    next_step = 1.0 if last.endswith("?") else 0.6 if last[-1:] in (".", "!") and INVITATION.search(last) else 0.0
    return (brevity + friendly + next_step) / 3


def better_reply(shop: Shop, question: Question, rng: random.Random) -> str:
    """What the customer would have liked to read."""
    return f"{rng.choice(shop.openers)} {question.answer} {question.next_step}"


def complaints(reply: str) -> list[str]:
    """The reasons a customer ticks beside a thumb down."""
    found = []
    if len(reply.split()) > GOOD_WORDS:
        found.append("Too long")
    if not FRIENDLY.search(reply):
        found.append("Unfriendly")
    if not reply.rstrip().endswith("?"):
        found.append("No next step")
    return found
