# `make help` lists the tasks. Each builds the virtual environment it needs in .venv first.
.DEFAULT_GOAL := help
.PHONY: help demo run test test-full bench screenshots integrations configuration lint format lock dist clean

SUPPORTED := import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))
PYTHON ?= $(shell for name in python3 python3.13 python3.12 python3.11; do \
	$$name -c '$(SUPPORTED)' 2>/dev/null && { echo $$name; break; }; done)
BIN := .venv/bin
# Kept even where the environment forbids it: hundreds of processes would each compile whatever they import.
unexport PYTHONDONTWRITEBYTECODE
PYTEST := $(BIN)/python -m pytest -n auto --dist worksteal
# uv installs in seconds what takes pip minutes. It comes from the lock too; where it does not run, pip takes over.
# Where packages come from it is told, as pip reads that from settings of its own.
INDEX = $(shell $(BIN)/python -m pip config list 2>/dev/null | sed -n "s/.*[.:]index-url='\(.*\)'/\1/p" | tail -1)
UV = $(if $(INDEX),UV_DEFAULT_INDEX="$${UV_DEFAULT_INDEX:-$(INDEX)}") $(BIN)/uv pip install --quiet --python $(BIN)/python
PIP := $(BIN)/python -m pip install --quiet
define install
{ $(BIN)/uv --version >/dev/null 2>&1 && $(UV) $(1); } || \
	{ echo "uv cannot install here: pip does, which takes minutes"; $(PIP) $(1); }
endef
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-annotate --no-header \
	--no-emit-index-url --no-emit-find-links --generate-hashes

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

demo: .venv/run ## Everything running on a simulated agent; http://localhost:3000, Ctrl-C stops it
	@$(BIN)/python -m core demo

run: .venv/run ## Everything running on your own calls
	@$(BIN)/python -m core run

test: .venv/dev ## The quick tests
	$(PYTEST)

test-full: .venv/dev ## The slow proofs: faults, real data, the whole product in a browser
	$(PYTEST) -m full --timeout 900

bench: .venv/dev ## Measure the hot paths next to their rivals, for docs/performance.md; takes an hour
	$(BIN)/python -m benchmarks --results benchmarks/results.json
	$(BIN)/python -m benchmarks.report

integrations: .venv/dev ## The files of docs/integrations that are made from the metrics' definitions
	$(BIN)/python -m core.exporting.generated docs/integrations

configuration: .venv/dev ## The tables of docs/configuration.md and docs/call-fields.md, from settings and models
	$(BIN)/python -m tests.configuration
	$(BIN)/python -m tests.call_fields

screenshots: .venv/dev ## The pictures in docs/images, of a demo started for them
	$(BIN)/python -m tests.dashboard.screenshots

lint: .venv/dev ## Style, insecure calls and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/bandit --quiet --recursive --configfile pyproject.toml core dashboard pages run_scheduler.py
	$(BIN)/mypy

format: .venv/dev ## Rewrite the sources in the project's style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: .venv/dev ## Pin versions within the ranges, with hashes, for Python 3.11 to 3.13; list their licences
	$(COMPILE) requirements-dev.txt --output-file requirements-dev.lock
	# setuptools installs the project itself: with it in the lock nothing comes without a hash.
	echo 'setuptools>=80' | $(COMPILE) requirements.txt - --constraint requirements-dev.lock \
		--output-file requirements.lock
	$(BIN)/python -m tests.licences

dist: .venv/dev ## The wheel and the sdist, in dist/
	$(BIN)/uv build --quiet --no-build-isolation --python $(BIN)/python --clear

clean: ## Remove the virtual environment and what tools left behind
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache *.egg-info build dist

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11, 3.12 or 3.13 is needed: install it, or name it with make PYTHON=/path/to/python3" >&2; exit 2; }
	@echo "Making a virtual environment in .venv with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv .venv || { rm -rf .venv; echo "The venv module is missing (Debian: apt-get install python3-venv)" >&2; exit 2; }
	@sed -n '/^uv==/,/[^\\]$$/p' requirements-dev.lock >.venv/uv.txt
	@$(PIP) --require-hashes --requirement .venv/uv.txt || true

.venv/run: .venv/bin/python requirements.lock pyproject.toml
	@echo "Installing what the product needs, once"
	@$(call install,--require-hashes --requirement requirements.lock)
	@$(call install,--no-deps --no-build-isolation --editable .)
	@touch $@

.venv/dev: .venv/run requirements-dev.lock
	@echo "Installing what the tests need, once"
	@$(call install,--require-hashes --requirement requirements-dev.lock)
	@touch $@
