# Each target does its own set-up and is quick when nothing changed. `make` alone lists them.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv/bin
export PYTHONUNBUFFERED := 1

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev demo up down test lint bench pins

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

setup:  ## the virtual environment
	@$(PYTHON) deploy/bootstrap.py

setup-dev:
	@$(PYTHON) deploy/bootstrap.py --dev --browser

demo: setup  ## one whole turn of the loop with simulated users; leaves the chat open
	@$(VENV)/ratchet demo

up: setup  ## start the platform and print its addresses
	@$(VENV)/ratchet up

down: setup  ## stop it
	@$(VENV)/ratchet down

test: setup-dev  ## every test, with the real vLLM and TRL in them
	$(VENV)/python -m pytest

lint: setup-dev  ## format, style, types, import rules
	$(VENV)/ruff format --check .
	$(VENV)/ruff check .
	$(VENV)/mypy
	$(VENV)/lint-imports

bench: setup-dev  ## the benchmarks, each printing ratios measured in the same run
	$(VENV)/python -m bench

pins:  ## write requirements/*.txt anew from *.in (needs uv)
	$(PYTHON) requirements/compile.py
