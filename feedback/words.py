"""The words of the loop, as immutable values: what every package, the API and the documents mean by them.

A Message is answered by one named Adapter; Feedback judges it; a Dataset is curated from both; a Run turns a Dataset
and a Recipe into a Candidate; EvalReports lead to a Verdict; a Promotion makes it live. Nothing here does I/O.
Times are UTC. Text that people wrote is in Message.content, Feedback.comment and Feedback.correction and nowhere else.
"""

import hashlib
import re
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{8,64}$")]
Role = Literal["system", "user", "assistant"]
SplitName = Literal["train", "validation", "test"]
BASE_LINE = "main"


class Word(BaseModel):
    """An immutable value; an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class AccessRole(StrEnum):
    """Who somebody is to the gateway. Each role may do what the ones before it may."""

    USER = "user"
    ANNOTATOR = "annotator"
    OPERATOR = "operator"


class Turn(Word):
    """What was said, and by whom, without the rest: an element of a prompt."""

    role: Role
    content: str


class Message(Word):
    """One role and content at its place in a Conversation's tree; an assistant's also names what made it."""

    message_id: str
    conversation_id: str
    parent_id: str | None = None
    role: Role
    content: str
    created_at: datetime
    adapter_id: str | None = None
    prompt_version: str | None = None
    sampling: dict[str, Any] = Field(default_factory=dict)
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    first_token_ms: float | None = None
    latency_ms: float | None = None
    # stop, length, "disconnect" (the person left) or "error" (vLLM broke off): the last two leave a partial reply
    finish_reason: str | None = None

    @property
    def turn(self) -> Turn:
        return Turn(role=self.role, content=self.content)


class Conversation(Word):
    """An ordered tree of Messages of one User; a branch starts where a Message was edited or regenerated."""

    conversation_id: str
    user_id: str
    line: str = BASE_LINE
    title: str = ""
    created_at: datetime
    messages: tuple[Message, ...] = ()


class Receipt(Word):
    """What a reply carries back, so that whoever got it can judge it."""

    message_id: str
    conversation_id: str
    adapter_id: str


class FeedbackKind(StrEnum):
    THUMB = "thumb"
    STARS = "stars"
    COMMENT = "comment"
    CORRECTION = "correction"
    COMPARISON = "comparison"
    REGENERATE = "regenerate"  # implicit: another reply to the same prompt was asked for
    EDIT = "edit"  # implicit: the prompt was rewritten
    COPY = "copy"  # implicit: the reply was copied


class Feedback(Word):
    """One judgement event about an assistant Message (or two). Never overwritten: amended by a later one that
    names it in `supersedes`, or withdrawn by one with `withdrawn` set."""

    feedback_id: str
    kind: FeedbackKind
    message_id: str
    other_message_id: str | None = None  # comparison: reply B; regenerate and edit: the Message that replaced it
    user_id: str
    created_at: datetime
    source: Literal["chat", "api", "argilla"] = "api"
    thumb: Literal["up", "down"] | None = None
    stars: Annotated[int, Field(ge=1, le=5)] | None = None
    winner: Literal["a", "b", "tie", "both_bad"] | None = None  # a: message_id, b: other_message_id
    correction: Annotated[str, Field(min_length=1, max_length=32_000)] | None = None
    comment: Annotated[str, Field(min_length=1, max_length=8_000)] | None = None
    reasons: tuple[Annotated[str, Field(max_length=64)], ...] = ()
    supersedes: str | None = None
    withdrawn: bool = False

    @model_validator(mode="after")
    def _holds_what_its_kind_needs(self) -> Self:
        needed = {
            FeedbackKind.THUMB: "thumb",
            FeedbackKind.STARS: "stars",
            FeedbackKind.COMPARISON: "winner",
            FeedbackKind.CORRECTION: "correction",
            FeedbackKind.COMMENT: "comment",
        }
        for kind, field in needed.items():
            present = getattr(self, field) is not None
            if kind is self.kind and not present and not self.withdrawn:
                raise ValueError(f"feedback of kind '{kind}' needs the field '{field}'")
            if kind is not self.kind and present and field != "comment":
                raise ValueError(f"feedback of kind '{self.kind}' has no field '{field}'; send it as kind '{kind}'")
        pairwise = {FeedbackKind.COMPARISON, FeedbackKind.REGENERATE, FeedbackKind.EDIT}
        if self.kind is FeedbackKind.COMPARISON and self.other_message_id is None:
            raise ValueError("a comparison needs 'other_message_id', the second reply")
        if self.other_message_id is not None and self.kind not in pairwise:
            raise ValueError(f"feedback of kind '{self.kind}' is about one message; drop 'other_message_id'")
        if self.other_message_id == self.message_id:
            raise ValueError("a comparison is between two different messages")
        return self


class Evidence(Word):
    """What every example of a Dataset carries: where it came from and on which side of the split it is."""

    example_id: str
    split: SplitName
    group: str  # what may not cross a split: a user, joined with whoever shares near-duplicates with them
    user_id: str
    conversation_id: str
    message_ids: tuple[str, ...]
    feedback_ids: tuple[str, ...]


class SFTExample(Evidence):
    """A prompt and the completion to imitate: a correction, or a reply people rated highly."""

    prompt: tuple[Turn, ...]
    completion: str


class PreferencePair(Evidence):
    """A prompt, the chosen and the rejected completion. A lone thumb-down never makes one."""

    prompt: tuple[Turn, ...]
    chosen: str
    rejected: str
    reason: Literal["correction", "comparison", "regenerate_then_liked", "thumbs_apart"]


class KTOExample(Evidence):
    """A prompt and a completion judged by itself: desirable or not."""

    prompt: tuple[Turn, ...]
    completion: str
    desirable: bool


class DatasetCard(Word):
    """A Dataset's manifest, written last. `dataset_hash` names the directory and covers every example in it."""

    dataset_hash: Hash
    snapshot_id: str
    created_at: datetime
    line: str = BASE_LINE
    counts: dict[str, dict[str, int]]  # kind (sft, pairs, kto) -> split -> examples
    drops: dict[str, int]  # reason -> how many were dropped
    files: dict[str, str]  # file name -> sha256


class BaseModelRef(Word):
    """The frozen model that adapters are trained on and served over. `base_hash` covers its weights and tokenizer."""

    base_id: str  # lower-case letters, digits, '.' and '-': part of every adapter's name
    base_hash: Hash
    path: str


class StageSummary(Word):
    """One completed training stage of a Run."""

    stage: Literal["sft", "dpo", "kto"]
    examples: int
    steps: int
    seconds: float
    metrics: dict[str, float]  # the last value of each, e.g. loss, eval_loss, rewards/accuracies


class RunManifest(Word):
    """A Run's `run.json`, written last: a run directory without it does not exist for anyone else."""

    run_id: str
    line: str
    base_id: str
    base_hash: Hash
    dataset_hash: Hash
    recipe_hash: Hash
    adapter_hash: Hash  # content hash of adapter/, as `feedback.adapter_files` computes it
    rank: int
    stages: tuple[StageSummary, ...]
    started_at: datetime
    finished_at: datetime
    versions: dict[str, str]  # package -> version


ADAPTER_NAME = re.compile(
    r"^(?P<base>[a-z0-9][a-z0-9.-]*)--(?P<line>[a-z0-9]+)-v(?P<version>\d{4,})-(?P<hash8>[0-9a-f]{8})$"
)


def adapter_name(base: str, line: str, version: int, content_hash: str) -> str:
    """`<base>--<line>-v0008-<hash8>`: unique by its version, and never given to other bytes."""
    name = f"{base}--{line}-v{version:04d}-{content_hash[:8]}"
    if not ADAPTER_NAME.match(name):
        raise ValueError(f"'{name}' is no adapter name: base and line are lower-case letters, digits, '.' and '-'")
    return name


class AdapterState(StrEnum):
    CANDIDATE = "candidate"
    LIVE = "live"
    RETIRED = "retired"  # was live; rollback may return to it
    REJECTED = "rejected"


class Adapter(Word):
    """A LoRA directory that the gateway has taken in, checked and named."""

    adapter_id: str
    line: str
    version: int
    base_id: str
    base_hash: Hash
    content_hash: Hash
    rank: int
    run_id: str
    dataset_hash: Hash
    created_at: datetime
    state: AdapterState = AdapterState.CANDIDATE  # derived from the line's Promotions, never stored


class Decision(StrEnum):
    PROMOTE = "promote"
    REJECT = "reject"
    NEEDS_LABELS = "needs_labels"


class Verdict(Word):
    """The gate's decision and its reasons, in sentences an operator can act on."""

    decision: Decision
    reasons: tuple[str, ...]
    candidate_id: str
    incumbent_id: str
    policy_hash: Hash
    report_hash: Hash


class Promotion(Word):
    """An append-only decision about a line's head. A rollback is a Promotion of an older Adapter or of the base."""

    promotion_id: str
    line: str
    action: Literal["promote", "reject", "rollback"]
    adapter_id: str  # what is judged; for a promote or a rollback, what is live from now on
    incumbent_id: str  # what was live when it was decided
    decided_by: str
    decided_at: datetime
    reason: str
    report_hash: Hash | None = None


def digest(*parts: str | bytes) -> str:
    """SHA-256 over the parts, each preceded by its length, so that no two lists of parts collide by joining."""
    state = hashlib.sha256()
    for part in parts:
        raw = part.encode() if isinstance(part, str) else part
        state.update(len(raw).to_bytes(8, "big"))
        state.update(raw)
    return state.hexdigest()
