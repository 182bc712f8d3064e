"""Which adapter answers a request. Pure: the same model name, role and heads give the same adapter."""

from collections.abc import Mapping
from dataclasses import dataclass

from feedback.errors import NotAllowed, NotFound
from feedback.words import AccessRole, Adapter


class UnknownModel(NotFound):
    """There is no alias and no adapter of that name. The code is OpenAI's."""

    code = "model_not_found"


@dataclass(frozen=True)
class Served:
    """What can be asked for: each line's head (an adapter's id or the base's), every adapter taken in, the base."""

    heads: Mapping[str, str]
    adapters: Mapping[str, Adapter]
    base_id: str


@dataclass(frozen=True)
class Route:
    """The name vLLM is asked for. `line` is None when the base was named, which belongs to every line."""

    adapter_id: str
    line: str | None


def route(model: str, role: AccessRole, served: Served) -> Route:
    """The line's head for an alias; an operator may also name an adapter or the base.

    Raises UnknownModel for a name that nothing has, NotAllowed for an adapter's name from anyone else.
    """
    if model in served.heads:
        return Route(served.heads[model], model)
    known = model == served.base_id or model in served.adapters
    if not known:
        raise UnknownModel(f"the model '{model[:80]}' does not exist; choose one of {sorted(served.heads)}")
    if role is not AccessRole.OPERATOR:
        raise NotAllowed(f"only operators may name '{model}'; choose one of {sorted(served.heads)}")
    return Route(model, served.adapters[model].line if model in served.adapters else None)
