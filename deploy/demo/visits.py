"""What the simulated customers do: they chat through the real gateway with keys of their own, and judge the replies."""

import random
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass

from deploy.demo.people import Person, Question, Shop, better_reply, complaints, taste
from deploy.gateway import Gateway

STREAMS = 16
REPLY_TOKENS = 80
LIKED = 0.62
SECOND_OPINION, FOLLOW_UP = 0.5, 0.2


@dataclass(frozen=True)
class Reply:
    message_id: str
    conversation_id: str
    text: str


@dataclass
class Visit:
    """One customer with one question: the conversation that comes of it, and the judgements."""

    gateway: Gateway
    shop: Shop
    person: Person
    question: Question
    model: str

    def run(self) -> Counter[str]:
        """Counts of what was done."""
        rng = random.Random(f"{self.person.seed}:{self.question.ask}")  # noqa: S311
        done: Counter[str] = Counter(conversations=1)
        prompt = [{"role": "system", "content": self.shop.system}, {"role": "user", "content": self.question.ask}]
        first = self.ask(prompt, rng)
        replies = [first]
        if rng.random() < SECOND_OPINION:
            second = self.ask(prompt, rng, first.conversation_id)
            replies.append(second)
            done["comparison"] += self.compare(first, second, rng)
        for reply in replies:
            done["thumb"] += self.thumb(reply, rng)
        if rng.random() < self.person.effort and taste(first.text) < 0.9:
            self.gateway.give(
                {
                    "kind": "correction",
                    "message_id": first.message_id,
                    "correction": better_reply(self.shop, self.question, rng),
                }
            )
            done["correction"] += 1
        if rng.random() < FOLLOW_UP:
            turns = [
                *prompt,
                {"role": "assistant", "content": first.text},
                {"role": "user", "content": self.person.follow_up},
            ]
            replies.append(self.ask(turns, rng, first.conversation_id))
            done["thumb"] += self.thumb(replies[-1], rng)
        done["replies"] = len(replies)
        return done

    def ask(self, messages: list[dict[str, str]], rng: random.Random, conversation_id: str | None = None) -> Reply:
        body = {
            "model": self.model,
            "messages": messages,
            "max_tokens": REPLY_TOKENS,
            "temperature": 0.8,
            "top_p": 0.95,
            "seed": rng.randrange(2**31),
        }
        if conversation_id:
            body["conversation_id"] = conversation_id
        response = self.gateway.chat(body)
        reply = response.json()
        return Reply(
            message_id=reply["id"],
            conversation_id=response.headers["x-ratchet-conversation-id"],
            text=reply["choices"][0]["message"]["content"],
        )

    def thumb(self, reply: Reply, rng: random.Random) -> int:
        liked = (taste(reply.text) >= LIKED) is not (rng.random() < self.person.slip)
        judged = {"kind": "thumb", "message_id": reply.message_id, "thumb": "up" if liked else "down"}
        self.gateway.give(judged if liked else judged | {"reasons": complaints(reply.text)})
        return 1

    def compare(self, a: Reply, b: Reply, rng: random.Random) -> int:
        difference = taste(a.text) - taste(b.text)
        if rng.random() < self.person.slip:
            difference = -difference
        winner = "tie" if abs(difference) < 0.05 else "a" if difference > 0 else "b"
        if winner == "tie" and taste(a.text) < 0.3:
            winner = "both_bad"
        self.gateway.give(
            {
                "kind": "comparison",
                "message_id": a.message_id,
                "other_message_id": b.message_id,
                "winner": winner,
            }
        )
        return 1


def hold_visits(
    operator: Gateway, shop: Shop, crowd: list[Person], model: str, progress: Callable[[int, int], None]
) -> Counter[str]:
    """All customers' visits, 16 at a time; counts of what was done. An error in one of them is raised."""
    total: Counter[str] = Counter()
    gateways = [
        Gateway(operator.url, operator.new_key(person.user_id, "user", "simulated customer")) for person in crowd
    ]
    visits = [
        Visit(gateway, shop, person, question, model)
        for gateway, person in zip(gateways, crowd, strict=True)
        for question in person.questions
    ]
    try:
        with ThreadPoolExecutor(STREAMS) as pool:
            for number, finished in enumerate(as_completed([pool.submit(visit.run) for visit in visits]), start=1):
                total += finished.result()
                progress(number, len(visits))
    finally:
        for gateway in gateways:
            gateway.http.close()
    return total
