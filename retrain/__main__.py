"""`python -m retrain`: one training as a process of its own.

The last line of standard output is the manifest, as one line of JSON; everything else goes to standard error. Exit
code 2 and a sentence for whatever an operator can put right.
"""

import argparse
import contextlib
import os
import sys
from pathlib import Path

from pydantic import ValidationError

from feedback.errors import Invalid, RatchetError
from feedback.words import BASE_LINE, BaseModelRef, RunManifest
from retrain.recipe import load_recipe, preset_names

# Nothing leaves the machine, no library's bar is drawn over ours, and threads that wait sleep: spinning would take
# the cores from whoever is chatting meanwhile. Set before those libraries are imported.
ENVIRONMENT = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "TQDM_DISABLE": "1",
    "OMP_WAIT_POLICY": "PASSIVE",
}


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        manifest = _train(options)
    except RatchetError as refused:
        print(f"{refused}", file=sys.stderr)
        return 2
    print(manifest.model_dump_json())
    return 0


def _train(options: argparse.Namespace) -> RunManifest:
    recipe = load_recipe(options.recipe)
    base = _base(options)
    os.environ.update(ENVIRONMENT)
    os.nice(options.nice)
    from retrain.run import TrainingJob, train

    job = TrainingJob(options.dataset, base, recipe, options.runs, options.run_id, options.line, options.resume)
    with contextlib.redirect_stdout(sys.stderr):
        return train(job, sys.stderr)


def _base(options: argparse.Namespace) -> BaseModelRef:
    try:
        return BaseModelRef(base_id=options.base_id, base_hash=options.base_hash, path=str(options.base))
    except ValidationError as wrong:
        raise Invalid(f"--base-hash '{options.base_hash}' must be 8 to 64 hexadecimal digits") from wrong


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m retrain", description="Train one adapter from one dataset.")
    parser.add_argument("--dataset", type=Path, required=True, help="dataset directory")
    parser.add_argument("--base", type=Path, required=True, help="base model directory")
    parser.add_argument("--base-id", required=True, help="its name, as adapters carry it")
    parser.add_argument("--base-hash", required=True, help="its hash")
    parser.add_argument("--recipe", default="default", help=f"{', '.join(preset_names())}, or a TOML file")
    parser.add_argument("--runs", type=Path, required=True, help="where run directories are made")
    parser.add_argument("--run-id", required=True, help="the new directory's name")
    parser.add_argument("--line", default=BASE_LINE, help="the line that the adapter is for")
    parser.add_argument("--resume", action="store_true", help="go on from the last complete stage, if there is one")
    parser.add_argument("--nice", type=int, default=5, choices=range(20), metavar="0..19", help="lower priority")
    return parser


if __name__ == "__main__":
    sys.exit(main())
