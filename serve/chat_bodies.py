"""OpenAI's chat completion request and reply, as far as this gateway speaks it."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from serve.bodies import Id, Text

DEEPEST = 40
Stop = Annotated[Text, Field(min_length=1, max_length=200)]
FINITE: dict[str, Any] = {"allow_inf_nan": False}


class TextPart(BaseModel):
    """One part of a message's content; only text is understood."""

    type: Literal["text"]
    text: Text


class ChatMessage(BaseModel):
    """One turn. `developer` is OpenAI's newer name for `system`. `name` has no effect."""

    model_config = ConfigDict(extra="forbid")
    role: Literal["system", "developer", "user", "assistant"]
    content: Text | list[TextPart]
    name: Any = None
    refusal: None = None


class StreamOptions(BaseModel):
    model_config = ConfigDict(extra="forbid")
    include_usage: bool | None = None
    include_obfuscation: Any = None


def shallow(value: Any) -> Any:
    """JSON that nests at most DEEPEST levels, so that nothing behind the gateway runs out of stack on it."""
    level = [value]
    for _ in range(DEEPEST):
        level = [
            child
            for one in level
            if isinstance(one, dict | list)
            for child in (one.values() if isinstance(one, dict) else one)
        ]
        if not level:
            return value
    raise ValueError(f"it nests deeper than {DEEPEST} levels; flatten it")


class ResponseFormat(BaseModel):
    model_config = ConfigDict(extra="forbid")
    type: Literal["text", "json_object", "json_schema"]
    json_schema: Annotated[dict[str, Any], AfterValidator(shallow)] | None = None


class Sampling(BaseModel):
    """What is passed on to vLLM, and nothing else is."""

    temperature: Annotated[float, Field(ge=0, le=2, **FINITE)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1, **FINITE)] | None = None
    top_k: Annotated[int, Field(ge=-1, le=1_000_000)] | None = None
    min_p: Annotated[float, Field(ge=0, le=1, **FINITE)] | None = None
    max_tokens: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    stop: Stop | Annotated[list[Stop], Field(max_length=4)] | None = None
    seed: Annotated[int, Field(ge=-(2**63), lt=2**63)] | None = None
    frequency_penalty: Annotated[float, Field(ge=-2, le=2, **FINITE)] | None = None
    presence_penalty: Annotated[float, Field(ge=-2, le=2, **FINITE)] | None = None
    repetition_penalty: Annotated[float, Field(gt=0, le=10, **FINITE)] | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    response_format: ResponseFormat | None = None


class WithoutEffect(BaseModel):
    """Documented by OpenAI and taken, so that clients that always send them work; they change nothing here."""

    user: Any = None
    metadata: Any = None
    service_tier: Any = None
    parallel_tool_calls: Any = None
    prompt_cache_key: Any = None
    prompt_cache_retention: Any = None
    safety_identifier: Any = None
    reasoning_effort: Any = None
    verbosity: Any = None


class NotOffered(BaseModel):
    """Documented by OpenAI and refused unless null or empty, so that nobody waits for an effect."""

    tools: Any = None
    tool_choice: Any = None
    functions: Any = None
    function_call: Any = None
    logit_bias: Any = None
    audio: Any = None
    prediction: Any = None
    web_search_options: Any = None


class ChatRequest(Sampling, WithoutEffect, NotOffered):
    """OpenAI's chat completion request. `conversation_id` continues a conversation; `store: false` keeps nothing."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"model": "main", "messages": [{"role": "user", "content": "Hello"}]}},
    )
    model: Annotated[Text, Field(min_length=1, max_length=200)]
    messages: Annotated[list[ChatMessage], Field(min_length=1)]
    conversation_id: Id | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    store: bool | None = None
    n: Annotated[int, Field(ge=1, le=1, description="1; more is not offered")] | None = None
    modalities: list[Literal["text"]] | None = None


class ReplyMessage(BaseModel):
    role: Literal["assistant"]
    content: str | None = None
    refusal: str | None = None


class Choice(BaseModel):
    index: int
    message: ReplyMessage
    logprobs: dict[str, Any] | None = None
    finish_reason: str | None = None


class Usage(BaseModel):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class ChatCompletion(BaseModel):
    """OpenAI's reply. `id` is the message id, `model` what the caller asked for."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: Annotated[list[Choice], Field(min_length=1, max_length=1)]
    usage: Usage


class Model(BaseModel):
    id: str
    object: Literal["model"] = "model"
    created: int = 0
    owned_by: str = "ratchet"


class ModelList(BaseModel):
    object: Literal["list"] = "list"
    data: list[Model]
