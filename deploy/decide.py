"""An operator's decisions: turn the loop, promote, roll back."""

from collections.abc import Callable
from typing import Literal

from deploy import stack
from deploy.cycle import CycleState
from deploy.settings import StackSettings
from feedback.errors import NotFound
from feedback.words import Promotion


def turn(settings: StackSettings, state: CycleState, say: Callable[[str], None]) -> CycleState:
    """The cycle after its missing stages were run against the running platform."""
    from deploy.turn import Turner  # curation and evaluation come with it

    with stack.connect(settings) as gateway:
        gateway.wait_ready(timeout_s=300, say=say)
        return Turner(settings.home, gateway, stack.base_in_use(settings), say).run(state)


def decide(
    settings: StackSettings, line: str, action: Literal["promote", "rollback"], adapter_id: str | None, reason: str
) -> Promotion:
    """The decision, made against what is live now. Raises Conflict when somebody else decided in the meantime."""
    with stack.connect(settings) as gateway:
        live = gateway.live(line)
        chosen = adapter_id or before(gateway.promotions(line), live)
        body = {
            "line": line,
            "action": action,
            "adapter_id": chosen,
            "expected_incumbent_id": live,
            "reason": reason,
        }
        return gateway.promote(body)


def before(promotions: list[Promotion], live: str) -> str:
    """What was live before the present head, from the promotions newest first."""
    for promotion in promotions:
        if promotion.action != "reject" and promotion.adapter_id == live:
            return promotion.incumbent_id
    raise NotFound(f"nothing was live before {live}; name an adapter with --to (see `ratchet adapters`)")
