"""A snapshot's conversations and feedback become a dataset's examples. Pure: the same content, byte-equal examples.

Every feedback event ends in an example's `feedback_ids` or in `Curated.dropped` under its reason; several do both, as
one event may speak for several examples.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from feedback.drafts import Draft, Material, Reply, drafts
from feedback.errors import Corrupt
from feedback.judgements import Dropped, effective, opinions
from feedback.policy import CurationPolicy
from feedback.split import groups, question, split_of
from feedback.thread import path
from feedback.words import Conversation, Feedback, KTOExample, PreferencePair, SFTExample, Word, digest

if TYPE_CHECKING:  # its module reads Parquet, which nothing here needs
    from feedback.snapshot import Snapshot

UNFINISHED = {"length": "truncated", "disconnect": "partial", "error": "partial"}
ID_LENGTH = 16


class Curated(Word):
    """The examples, each kind in the order of conversation and message, and what didn't become one."""

    sft: tuple[SFTExample, ...]
    pairs: tuple[PreferencePair, ...]
    kto: tuple[KTOExample, ...]
    dropped: tuple[Dropped, ...]

    @property
    def drops(self) -> dict[str, int]:
        """How many were dropped for each reason."""
        return dict(sorted(Counter(each.reason for each in self.dropped).items()))


def curate(snapshot: "Snapshot", policy: CurationPolicy, line: str) -> Curated:
    """The line's examples, split so that no user, and nobody who asks nearly the same, is on two sides."""
    events, dropped = effective(snapshot.feedback)
    material, unplaced = _material(snapshot.conversations, events, policy, line)
    made = list(drafts(material))
    fit = [each for each in made if isinstance(each, Draft) and _fault(each, policy) is None]
    kept, repeated = _without_repetition(fit)
    dropped += unplaced
    dropped += [each for each in made if isinstance(each, Dropped)]
    dropped += _unfit(made, policy)
    dropped += repeated
    dropped += _unused(material.events, kept, dropped)
    examples = _examples(kept, policy)
    return Curated(
        sft=tuple(SFTExample.model_validate(fields) for fields in examples["sft"]),
        pairs=tuple(PreferencePair.model_validate(fields) for fields in examples["pairs"]),
        kto=tuple(KTOExample.model_validate(fields) for fields in examples["kto"]),
        dropped=tuple(sorted(dropped)),
    )


def _material(
    conversations: Iterable[Conversation], events: Sequence[Feedback], policy: CurationPolicy, line: str
) -> tuple[Material, list[Dropped]]:
    """The judged replies and the events about them; and the events about anything else."""
    home = {message.message_id: one for one in conversations for message in one.messages}
    replies: dict[str, Reply] = {}
    standing: list[Feedback] = []
    dropped: list[Dropped] = []
    for event in events:
        found = _reply(home.get(event.message_id), event.message_id, line)
        if isinstance(found, str):
            dropped.append(Dropped(found, (event.feedback_id,)))
            continue
        standing.append(event)
        replies[event.message_id] = found
        other = _reply(home.get(event.other_message_id or ""), event.other_message_id or "", line)
        if not isinstance(other, str):
            replies[other.message.message_id] = other
    in_order = dict(sorted(replies.items()))
    return Material(in_order, standing, opinions(standing, policy)), dropped


def _reply(conversation: Conversation | None, message_id: str, line: str) -> Reply | str:
    """The assistant's message with what it answers, or why there is no such thing."""
    if conversation is None:
        return "message_missing"
    if conversation.line != line:
        return "other_line"
    try:
        *before, message = path(conversation, message_id)
    except Corrupt:
        return "broken_thread"
    if message.role != "assistant":
        return "not_a_reply"
    return Reply(message, conversation, tuple(one.turn for one in before))


def _fault(draft: Draft, policy: CurationPolicy) -> str | None:
    """Why the draft is unfit, None when it isn't. A correction's own text is complete whatever the reply was.

    A reply that the token limit cut off mustn't be imitated; that people disliked it, as they saw it, is still true.
    """
    prompt = draft.replies[0].prompt
    texts = [text for name, text in draft.texts.items() if name in ("completion", "chosen", "rejected")]
    for reply in draft.replies:
        fault = UNFINISHED.get(reply.message.finish_reason or "")
        affected = _imitated(draft) if fault == "truncated" else texts
        if fault and reply.message.content in affected:
            return fault
    if not all(text.strip() for text in texts) or not question(prompt).strip():
        return "empty"
    if sum(len(turn.content) for turn in prompt) + sum(map(len, texts)) > policy.max_chars:
        return "too_long"
    return "replies_equal" if draft.kind == "pairs" and texts[0].strip() == texts[1].strip() else None


def _imitated(draft: Draft) -> list[str]:
    """The texts of the draft that a model would learn to say."""
    wanted = [name for name in ("completion", "chosen") if name in draft.texts]
    return [draft.texts[name] for name in wanted if draft.texts.get("desirable", True)]


def _unfit(made: Iterable[Draft | Dropped], policy: CurationPolicy) -> list[Dropped]:
    faults = [(_fault(each, policy), each.feedback_ids) for each in made if isinstance(each, Draft)]
    return [Dropped(fault, feedback_ids) for fault, feedback_ids in faults if fault is not None]


def _without_repetition(fit: Sequence[Draft]) -> tuple[list[Draft], list[Dropped]]:
    """Each example once, by its most direct evidence; none where people say the opposite of each other."""
    said = {_meaning(draft) for draft in fit}
    kept: dict[tuple[Any, ...], Draft] = {}
    dropped: list[Dropped] = []
    for draft in fit:
        if _opposite(draft) in said:
            dropped.append(Dropped("contradictory", draft.feedback_ids))
        elif kept.setdefault(_meaning(draft), draft) is not draft:
            dropped.append(Dropped("duplicate", draft.feedback_ids))
    return list(kept.values()), dropped


def _meaning(draft: Draft) -> tuple[Any, ...]:
    texts = [
        value.strip() if isinstance(value, str) else value for name, value in draft.texts.items() if name != "reason"
    ]
    return (draft.kind, draft.replies[0].prompt, *texts)


def _opposite(draft: Draft) -> tuple[Any, ...] | None:
    kind, prompt, *texts = _meaning(draft)
    if kind == "pairs":
        return (kind, prompt, *reversed(texts))
    return (kind, prompt, texts[0], not texts[1]) if kind == "kto" else None


def _unused(events: Iterable[Feedback], kept: Iterable[Draft], dropped: Iterable[Dropped]) -> list[Dropped]:
    """The events that say nothing to learn from by themselves: a comment, a middling rating, a mere regenerate."""
    spoken = {feedback_id for each in kept for feedback_id in each.feedback_ids}
    spoken |= {feedback_id for each in dropped for feedback_id in each.feedback_ids}
    return [Dropped(f"{one.kind}_alone", (one.feedback_id,)) for one in events if one.feedback_id not in spoken]


def _examples(kept: Sequence[Draft], policy: CurationPolicy) -> Mapping[str, list[dict[str, Any]]]:
    asked = [(draft.replies[0].conversation.user_id, question(draft.replies[0].prompt)) for draft in kept]
    group_of = groups(asked, policy.near_duplicate)
    found: dict[str, list[dict[str, Any]]] = {"sft": [], "pairs": [], "kto": []}
    for draft in sorted(kept, key=_order):
        conversation = draft.replies[0].conversation
        group = group_of[conversation.user_id]
        identity = (draft.kind, *draft.message_ids, *draft.feedback_ids, *map(str, draft.texts.values()))
        evidence = {
            "example_id": digest(*identity)[:ID_LENGTH],
            "split": split_of(group, policy),
            "group": group,
            "user_id": conversation.user_id,
            "conversation_id": conversation.conversation_id,
            "message_ids": draft.message_ids,
            "feedback_ids": draft.feedback_ids,
            "prompt": draft.replies[0].prompt,
        }
        found[draft.kind].append(evidence | dict(draft.texts))
    return found


def _order(draft: Draft) -> tuple[Any, ...]:
    return (draft.replies[0].conversation.conversation_id, draft.message_ids, draft.feedback_ids)
