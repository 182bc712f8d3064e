"""What might become an example: every way in which feedback says something that a model can learn. Pure."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Literal, NamedTuple

from feedback.judgements import Dropped, Opinion
from feedback.words import Conversation, Feedback, FeedbackKind, Message, Turn

Kind = Literal["sft", "pairs", "kto"]
NO_OPINION = Opinion()


class Reply(NamedTuple):
    """An assistant's message, whose it is, and the turns it answers."""

    message: Message
    conversation: Conversation
    prompt: tuple[Turn, ...]


@dataclass(frozen=True)
class Draft:
    """An example before anybody has looked whether it is fit. `texts` are the fields that its kind adds."""

    kind: Kind
    replies: tuple[Reply, ...]  # what it is about; the first one's prompt is the example's
    events: tuple[Feedback, ...]
    texts: Mapping[str, Any]

    @property
    def feedback_ids(self) -> tuple[str, ...]:
        return tuple(event.feedback_id for event in self.events)

    @property
    def message_ids(self) -> tuple[str, ...]:
        return tuple(reply.message.message_id for reply in self.replies)


@dataclass(frozen=True)
class Material:
    """The judged replies of one line by message id, the events about them, and what people think of each."""

    replies: Mapping[str, Reply]
    events: Sequence[Feedback]
    opinions: Mapping[str, Opinion]

    def of_kind(self, kind: FeedbackKind) -> Iterator[Feedback]:
        return (event for event in self.events if event.kind is kind)

    def opinion(self, reply: Reply) -> Opinion:
        return self.opinions.get(reply.message.message_id, NO_OPINION)


def drafts(material: Material) -> Iterator[Draft | Dropped]:
    """Every draft, the more direct evidence before the less, and what can't be one."""
    yield from _from_corrections(material)
    yield from _from_praise(material)
    yield from _from_comparisons(material)
    yield from _from_regenerations(material)
    yield from _from_thumbs_apart(material)
    yield from _from_thumbs(material)


def _from_corrections(material: Material) -> Iterator[Draft | Dropped]:
    for event in material.of_kind(FeedbackKind.CORRECTION):
        reply = material.replies[event.message_id]
        better = event.correction or ""
        if better.strip() == reply.message.content.strip():
            yield Dropped("correction_equals_reply", (event.feedback_id,))
            continue
        yield Draft("sft", (reply,), (event,), {"completion": better})
        pair = {"chosen": better, "rejected": reply.message.content, "reason": "correction"}
        yield Draft("pairs", (reply,), (event,), pair)


def _from_praise(material: Material) -> Iterator[Draft | Dropped]:
    for reply in material.replies.values():
        opinion = material.opinion(reply)
        if not opinion.likes:
            continue
        draft = Draft("sft", (reply,), opinion.likes, {"completion": reply.message.content})
        if opinion.dislikes:
            yield Dropped("contradictory", draft.feedback_ids)
        elif opinion.corrections:
            yield Dropped("liked_and_corrected", draft.feedback_ids)
        else:
            yield draft


def _from_comparisons(material: Material) -> Iterator[Draft | Dropped]:
    for event in material.of_kind(FeedbackKind.COMPARISON):
        first = material.replies[event.message_id]
        second = material.replies.get(event.other_message_id or "")
        if event.winner in ("tie", "both_bad"):
            yield Dropped(event.winner, (event.feedback_id,))
        elif second is None or not _same_place(first, second):
            yield Dropped("comparison_prompts_differ", (event.feedback_id,))
        else:
            chosen, rejected = (first, second) if event.winner == "a" else (second, first)
            yield _pair("comparison", chosen, rejected, (event,))


def _from_regenerations(material: Material) -> Iterator[Draft]:
    for event in material.of_kind(FeedbackKind.REGENERATE):
        old = material.replies[event.message_id]
        new = material.replies.get(event.other_message_id or "")
        if new is None or not _same_place(old, new) or material.opinion(old).liked:
            continue
        if material.opinion(new).liked:
            yield _pair("regenerate_then_liked", new, old, (event, *material.opinion(new).likes))


def _from_thumbs_apart(material: Material) -> Iterator[Draft]:
    liked: defaultdict[tuple[str, str | None], list[Reply]] = defaultdict(list)
    disliked: defaultdict[tuple[str, str | None], list[Reply]] = defaultdict(list)
    for reply in material.replies.values():
        opinion = material.opinion(reply)
        place = (reply.conversation.conversation_id, reply.message.parent_id)
        if opinion.liked:
            liked[place].append(reply)
        elif opinion.disliked:
            disliked[place].append(reply)
    for place, better in liked.items():
        for chosen, rejected in product(better, disliked.get(place, [])):
            events = (*material.opinion(chosen).likes, *material.opinion(rejected).dislikes)
            yield _pair("thumbs_apart", chosen, rejected, events)


def _from_thumbs(material: Material) -> Iterator[Draft | Dropped]:
    thumbs: defaultdict[str, list[Feedback]] = defaultdict(list)
    for event in material.of_kind(FeedbackKind.THUMB):
        thumbs[event.message_id].append(event)
    for message_id, events in thumbs.items():
        reply = material.replies[message_id]
        ways = {event.thumb for event in events}
        texts = {"completion": reply.message.content, "desirable": ways == {"up"}}
        draft = Draft("kto", (reply,), tuple(events), texts)
        yield draft if len(ways) == 1 else Dropped("contradictory", draft.feedback_ids)


def _pair(reason: str, chosen: Reply, rejected: Reply, events: tuple[Feedback, ...]) -> Draft:
    texts = {"chosen": chosen.message.content, "rejected": rejected.message.content, "reason": reason}
    return Draft("pairs", (chosen, rejected), events, texts)


def _same_place(one: Reply, other: Reply) -> bool:
    """Both answer the same turns in one conversation, whichever branch they are on."""
    same_conversation = one.conversation.conversation_id == other.conversation.conversation_id
    return same_conversation and one.prompt == other.prompt
