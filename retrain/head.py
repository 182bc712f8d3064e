"""Log-probabilities of completion tokens only.

TRL 1.16's fused head skips prompt and padding positions on GPUs alone; on a CPU it multiplies every position with the
whole vocabulary and makes several passes over the result. A completion is often a third of a batch's tokens, so this
head does a third of that work, in one pass.
"""

import types
from typing import Any

import torch
import torch.nn.functional as functional
from trl.trainer.utils import FusedCausalLMOutput

IGNORED = -100
# Settings by which some architectures scale or bend their logits; TRL's own head knows them, this one doesn't.
BENDING = ("final_logit_softcapping", "logit_scale", "output_multiplier", "lm_head_multiplier", "logits_scaling")
ROUTING = "output_router_logits"


def score_completions_only(model: Any) -> bool:
    """True when calls of the causal language model with `fused_lm_head=True` now score only labelled positions.

    False, and nothing changed, for mixtures of experts, for architectures that bend their logits, and where TRL's head
    is as good. To be called after TRL has added its head. `entropy` and `mean_logits`, which TRL only logs, are NaN.
    """
    settings = model.config.get_text_config()
    bent = any(getattr(settings, name, None) is not None for name in BENDING)
    if bent or hasattr(settings, ROUTING) or next(model.parameters()).device.type != "cpu":
        return False
    if not getattr(model, "scores_completions_only", False):
        model.forward = types.MethodType(_forward_with(model.forward), model)
        model.scores_completions_only = True
    return True


def _forward_with(original: Any) -> Any:
    def forward(self: Any, *args: Any, fused_lm_head: bool = False, labels: Any = None, **kwargs: Any) -> Any:
        if not fused_lm_head:
            return original(*args, labels=labels, **kwargs) if labels is not None else original(*args, **kwargs)
        kwargs["use_cache"] = False
        hidden = self.base_model(*args, **kwargs).last_hidden_state[:, :-1]
        return _score(hidden, self.get_output_embeddings(), labels[:, 1:])

    return forward


def _score(hidden: torch.Tensor, output_layer: Any, targets: torch.Tensor) -> FusedCausalLMOutput:
    mask = targets != IGNORED
    logits = output_layer(hidden[mask]).float()
    chosen = -functional.cross_entropy(logits, targets[mask], reduction="none")
    with torch.no_grad():
        is_top1 = logits.argmax(dim=-1) == targets[mask]
    unknown = torch.full(mask.shape, float("nan"))
    return FusedCausalLMOutput(
        loss=-chosen.sum() / mask.sum().clamp(min=1),
        log_probs=chosen.new_zeros(mask.shape).masked_scatter(mask, chosen),
        entropy=unknown,
        mean_logits=unknown,
        is_top1=torch.zeros_like(mask).masked_scatter(mask, is_top1),
        label_mask=mask,
    )
