"""One stage of training with TRL: a policy and rows in; the policy is trained, its last metrics come out."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset, disable_progress_bars
from transformers import PrinterCallback, TrainerCallback
from transformers.utils import logging as transformers_logging
from trl import DPOConfig, DPOTrainer, SFTConfig, SFTTrainer

from feedback.errors import Invalid
from retrain.head import score_completions_only
from retrain.recipe import DPOStage, SFTStage
from retrain.rows import Rows

KEPT = ("loss", "grad_norm", "learning_rate", "mean_token_accuracy", "rewards/", "logps/")
MUST_BE_FINITE = ("loss", "grad_norm", "eval_loss")
ReportStep = Callable[[int, int, dict[str, float]], None]  # step, of how many, metrics


@dataclass(frozen=True)
class StageJob:
    """What a stage trains on and how. `validation` may be empty: then no loss is watched on it."""

    settings: SFTStage | DPOStage
    train: Rows
    validation: Rows
    seed: int
    scratch_dir: Path
    report: ReportStep


def quiet() -> None:
    """Other libraries' progress bars and advice stay off the screen; their errors don't."""
    disable_progress_bars()
    transformers_logging.disable_progress_bar()
    transformers_logging.set_verbosity_error()


def train_stage(policy: Any, tokenizer: Any, job: StageJob) -> tuple[int, dict[str, float]]:
    """The policy is trained in place; what comes back is the number of steps and the last value of each metric.

    Invalid, naming the step, as soon as a loss or gradient isn't finite.
    """
    make = _sft_trainer if isinstance(job.settings, SFTStage) else _dpo_trainer
    trainer = make(policy, tokenizer, job)
    history = History(job.settings.stage, job.report)
    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(history)
    score_completions_only(policy.get_base_model())
    trainer.train()
    return trainer.state.global_step, history.last


def _sft_trainer(policy: Any, tokenizer: Any, job: StageJob) -> Any:
    """Completion-only loss; batches of like length; the loss on the validation split also before the first step."""
    arguments = SFTConfig(**_arguments(job), eval_on_start=bool(job.validation), completion_only_loss=True)
    return SFTTrainer(model=policy, args=arguments, processing_class=tokenizer, **_datasets(job))


def _dpo_trainer(policy: Any, tokenizer: Any, job: StageJob) -> Any:
    """The reference is the policy as it comes in: TRL keeps a frozen copy of its adapter, named `ref`.

    Its log-probabilities are computed once and kept when there is more than one epoch; for one it would gain nothing.
    """
    settings = job.settings
    assert isinstance(settings, DPOStage)
    arguments = DPOConfig(
        **_arguments(job),
        remove_unused_columns=False,  # the sampler needs `length`
        loss_type=[settings.loss_type],
        beta=settings.beta,
        label_smoothing=settings.label_smoothing,
        precompute_ref_log_probs=settings.epochs > 1,
    )
    return PairTrainer(model=policy, args=arguments, processing_class=tokenizer, **_datasets(job))


class PairTrainer(DPOTrainer):
    """DPO whose reference log-probabilities, too, are computed for completion tokens only."""

    def compute_ref_log_probs(self, model: Any, inputs: Any) -> Any:
        score_completions_only(self.model.get_base_model())
        return super().compute_ref_log_probs(model, inputs)


class History(TrainerCallback):
    """Passes every logged step on and keeps the last value of each metric."""

    def __init__(self, stage: str, report: ReportStep) -> None:
        self.last: dict[str, float] = {}
        self._stage = stage
        self._report = report

    def on_log(self, args: Any, state: Any, control: Any, logs: Mapping[str, Any] | None = None, **_: Any) -> None:
        metrics = {name: float(value) for name, value in (logs or {}).items() if _is_kept(name)}
        for name in MUST_BE_FINITE:
            if not math.isfinite(metrics.get(name, 0.0)):
                raise Invalid(
                    f"{self._stage.upper()} broke down: {name} is {metrics[name]} at step {state.global_step} of "
                    f"{state.max_steps}; lower the stage's lr in the recipe"
                )
        if metrics:
            self.last.update(metrics)
            self._report(state.global_step, state.max_steps, metrics)


def _is_kept(name: str) -> bool:
    return name.removeprefix("eval_").startswith(KEPT)


def _datasets(job: StageJob) -> dict[str, Any]:
    validation = Dataset.from_list(list(job.validation.rows)) if job.validation else None
    return {"train_dataset": Dataset.from_list(list(job.train.rows)), "eval_dataset": validation}


def _arguments(job: StageJob) -> dict[str, Any]:
    settings = job.settings
    return {
        "output_dir": str(job.scratch_dir),
        "num_train_epochs": settings.epochs,
        "learning_rate": settings.lr,
        "per_device_train_batch_size": settings.batch_size,
        "per_device_eval_batch_size": settings.batch_size,
        "gradient_accumulation_steps": settings.accumulation,
        "warmup_steps": settings.warmup,
        "weight_decay": settings.weight_decay,
        "lr_scheduler_type": settings.scheduler,
        "train_sampling_strategy": "group_by_length",
        "max_length": None,  # over-long rows are gone already; nothing is cut
        "gradient_checkpointing": False,
        "bf16": False,  # the weights' own precision decides; TRL's default is autocast
        "use_cpu": not torch.cuda.is_available(),
        "eval_strategy": "epoch" if job.validation else "no",
        "prediction_loss_only": True,
        "seed": job.seed,
        "data_seed": job.seed,
        "logging_steps": 1,
        "logging_nan_inf_filter": False,
        "save_strategy": "no",
        "report_to": "none",
        "disable_tqdm": True,
        "dataloader_pin_memory": False,
    }
