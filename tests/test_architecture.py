"""The shape of the project, checked: who imports whom, what stays light, that every TOML file is valid."""

import importlib
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("serve", "ui", "feedback", "retrain", "evalsuite", "deploy")
LINT = Path(sys.executable).parent / "lint-imports"
HEAVY = ("torch", "transformers", "trl", "peft", "gradio", "vllm", "duckdb", "matplotlib", "pandas")


def test_import_contracts_hold():
    found = subprocess.run([LINT, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout + found.stderr


@pytest.mark.parametrize("package", PACKAGES)
def test_each_package_resolves_inside_the_repository(package):
    file = importlib.import_module(package).__file__
    assert file is not None
    assert Path(file).resolve().parent == ROOT / package


@pytest.mark.parametrize("module", [*PACKAGES, "retrain.recipe", "evalsuite.gate", "deploy.cli", "feedback.curate"])
def test_importing_it_loads_nothing_heavy(module):
    code = f"import sys, {module}; print([name for name in {HEAVY!r} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


@pytest.mark.parametrize("path", sorted(ROOT.glob("*/**/*.toml")), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_toml_file_is_valid(path):
    if any(part.startswith(".") for part in path.relative_to(ROOT).parts):
        return
    tomllib.loads(path.read_text())


def test_no_file_names_a_machine_or_a_registry():
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    forbidden = ("/work" + "/", "files.pythonhosted" + ".org", "/sha" + "red/")
    for name in tracked.stdout.splitlines():
        path = ROOT / name
        if path.suffix in (".png", ".ico") or not path.is_file():
            continue
        text = path.read_text(errors="replace")
        assert not [word for word in forbidden if word in text], name
