"""What comes in and goes out over HTTP, as the OpenAPI document shows it. Chat's own bodies are in chat_bodies."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from feedback.ids import ID_PATTERN
from feedback.words import AccessRole, Adapter, Conversation, Feedback, FeedbackKind, Promotion, Role


def storable(text: str) -> str:
    """Text that has a UTF-8 form; JSON can also spell half a character."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("the text holds half of a surrogate pair, which is no character; send whole ones") from None
    return text


Text = Annotated[str, AfterValidator(storable)]
Id = Annotated[str, Field(pattern=ID_PATTERN.pattern)]
RunId = Annotated[str, Field(pattern=r"^run_[0-9a-f]{28}$")]
UserId = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$")]
AdapterId = Annotated[Text, Field(min_length=1, max_length=200)]
Line = Annotated[str, Field(pattern=r"^[a-z0-9]{1,64}$")]


class Body(BaseModel):
    """A body that is taken in: an unknown field is refused."""

    model_config = ConfigDict(extra="forbid")


class Problem(BaseModel):
    """RFC 9457 problem details."""

    type: str
    title: str
    status: int
    detail: str
    code: str


class OpenAIErrorDetail(BaseModel):
    message: str
    type: str
    param: str | None
    code: str | None


class OpenAIError(BaseModel):
    error: OpenAIErrorDetail


class Waiting(BaseModel):
    """Something that chats wait for, and since when."""

    what: str
    for_s: float
    detail: str


class Alive(BaseModel):
    status: Literal["alive"] = "alive"


class Ready(BaseModel):
    status: Literal["ready", "waiting"]
    waiting_for: list[Waiting]


class SessionBody(Body):
    link: Annotated[Text, Field(min_length=1, max_length=200)]


class SessionShown(BaseModel):
    """A new API key, shown once."""

    key: str
    role: AccessRole
    user_id: str


class Me(BaseModel):
    user_id: str
    role: AccessRole
    key_id: str


class FeedbackBody(Body):
    """A judgement about one of the caller's own replies: a Feedback without id, user and time."""

    kind: Annotated[FeedbackKind, Field(description="all but regenerate and edit, which the gateway notices itself")]
    message_id: Id
    other_message_id: Id | None = None
    source: Literal["chat", "api"] = "api"
    thumb: Literal["up", "down"] | None = None
    stars: Annotated[int, Field(ge=1, le=5)] | None = None
    winner: Literal["a", "b", "tie", "both_bad"] | None = None
    correction: Annotated[Text, Field(min_length=1, max_length=32_000)] | None = None
    comment: Annotated[Text, Field(min_length=1, max_length=8_000)] | None = None
    reasons: Annotated[tuple[Annotated[Text, Field(min_length=1, max_length=64)], ...], Field(max_length=20)] = ()
    supersedes: Id | None = None


class FeedbackList(BaseModel):
    feedback: list[Feedback]


class ConversationPage(BaseModel):
    """Newest first, without messages. `next` is the `before` of the next page, None on the last."""

    conversations: list[Conversation]
    next: str | None


class KeyBody(Body):
    user_id: UserId
    role: AccessRole
    label: Annotated[Text, Field(max_length=100)] = ""


class KeyShown(BaseModel):
    """An API key without its secret, which is stored nowhere."""

    key_id: str
    user_id: str
    role: AccessRole
    label: str
    created_at: datetime
    revoked_at: datetime | None


class NewKey(KeyShown):
    key: str


class KeyList(BaseModel):
    keys: list[KeyShown]


class LinkBody(Body):
    user_id: UserId
    role: AccessRole


class LinkShown(BaseModel):
    token: str
    expires_at: datetime


class AdapterBody(Body):
    run_id: RunId
    line: Line


class AdapterList(BaseModel):
    adapters: list[Adapter]


class PromotionBody(Body):
    """A decision about a line's head. `expected_incumbent_id` is what the decider saw live."""

    line: Line
    action: Literal["promote", "reject", "rollback"]
    adapter_id: AdapterId
    expected_incumbent_id: AdapterId
    reason: Annotated[Text, Field(min_length=1, max_length=2_000)]
    report_hash: Annotated[str, Field(pattern=r"^[0-9a-f]{8,64}$")] | None = None


class PromotionList(BaseModel):
    promotions: list[Promotion]


class TurnBody(Body):
    role: Role
    content: Text


class LoglikelihoodBody(Body):
    adapter_id: AdapterId
    prompt: Annotated[list[TurnBody], Field(min_length=1)]
    completion: Annotated[Text, Field(min_length=1)]


class Loglikelihood(BaseModel):
    """The sum of log-probabilities over the completion's tokens and its end of turn, and how many they are."""

    logprob: float
    tokens: int


class ReplicaStatus(BaseModel):
    url: str
    up: bool
    for_s: float
    detail: str
    ready: list[str]
    in_flight: dict[str, int]
    problems: dict[str, str]


class LineStatus(BaseModel):
    line: str
    live: str
    previous: str | None


class Status(BaseModel):
    base_id: str
    ready: bool
    waiting_for: list[Waiting]
    replicas: list[ReplicaStatus]
    lines: list[LineStatus]
    counts: dict[str, int]


Responses = dict[int | str, dict[str, Any]]


def problems(*statuses: int) -> Responses:
    """The error answers of a route, for the OpenAPI document."""
    return _answers(Problem, statuses)


def openai_errors(*statuses: int) -> Responses:
    """The error answers of a route that OpenAI's clients speak to, for the OpenAPI document."""
    return _answers(OpenAIError, statuses)


def _answers(model: type[BaseModel], statuses: tuple[int, ...]) -> Responses:
    names: tuple[int | str, ...] = (*statuses, "default")
    return {name: {"model": model, "description": "What was wrong, and what to do"} for name in names}
