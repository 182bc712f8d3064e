import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM
from trl.trainer.utils import add_fused_lm_head

from feedback.words import BaseModelRef
from retrain.head import score_completions_only

OUTPUTS = ("log_probs", "entropy", "mean_logits", "is_top1")


@pytest.fixture(scope="module")
def model(base: BaseModelRef) -> Any:
    return AutoModelForCausalLM.from_pretrained(Path(base.path), dtype=torch.float32)


def batch() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(5)
    ids = torch.randint(3, 300, (3, 12), generator=generator)
    labels = ids.clone()
    labels[0, :5] = labels[1, :9] = labels[2, :1] = -100
    labels[1, 11:] = -100
    return {"input_ids": ids, "labels": labels}


def scored(model: Any, own: bool) -> tuple[Any, torch.Tensor]:
    """The outputs, and the gradient that some loss over them sends into the model."""
    model = copy.deepcopy(model)
    add_fused_lm_head(model, outputs=OUTPUTS)
    if own:
        assert score_completions_only(model)
    outputs = model(**batch(), fused_lm_head=True)
    (outputs.log_probs * torch.arange(1, 12)).sum().backward()
    return outputs, model.model.layers[0].mlp.up_proj.weight.grad


def test_it_scores_as_the_head_it_replaces(model: Any):
    (ours, our_gradient), (theirs, their_gradient) = scored(model, own=True), scored(model, own=False)
    torch.testing.assert_close(ours.log_probs, theirs.log_probs)
    torch.testing.assert_close(ours.loss, theirs.loss)
    torch.testing.assert_close(our_gradient, their_gradient, rtol=1e-4, atol=1e-5)
    assert ours.is_top1.tolist() == theirs.is_top1.tolist()
    assert ours.label_mask.tolist() == theirs.label_mask.tolist()


def test_without_the_flag_the_model_answers_as_before(model: Any):
    changed = copy.deepcopy(model)
    add_fused_lm_head(changed)
    score_completions_only(changed)
    given = batch()
    assert torch.equal(changed(**given).logits, model(**given).logits)
    assert torch.equal(changed(given["input_ids"]).logits, model(given["input_ids"]).logits)


def test_asking_twice_is_asking_once(model: Any):
    changed = copy.deepcopy(model)
    add_fused_lm_head(changed)
    score_completions_only(changed)
    first = changed.forward
    assert score_completions_only(changed)
    assert changed.forward is first


@pytest.mark.parametrize("setting", ["final_logit_softcapping", "logits_scaling", "output_router_logits"])
def test_architectures_that_it_would_get_wrong_are_left_alone(setting: str, model: Any):
    other = copy.deepcopy(model)
    setattr(other.config, setting, 2.0)
    before = other.forward
    assert not score_completions_only(other)
    assert other.forward == before
