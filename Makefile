# Two commands matter: `make demo` and `make test`. Both create the environment first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Twice two cores: many tests wait for a server.
WORKERS ?= 4
FUZZ_INPUTS ?= 1000000

.PHONY: help setup bytecode test-bytecode demo test lint format types imports pytest coverage test-pythons soak fuzz \
	docs site tighten measure bench package clean

help:  ## List the targets.
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/.runtime: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[sandbox]'
	touch $@

$(VENV)/.development: $(VENV)/.runtime
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --group dev
	touch $@

setup: $(VENV)/.development  ## Create the environment with everything for development.

# Commands start from it, as from an installed package; where PYTHONDONTWRITEBYTECODE is set they would not write it.
bytecode: $(VENV)/.runtime
	@$(BIN)/python -m compileall -q bulkops validators

# Each process of the tests compiles every test that has no bytecode. A failure appears again when the tests run.
test-bytecode: bytecode setup
	-@PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -q --collect-only >/dev/null

demo: bytecode  ## Validate, import and reconcile the samples of all contracts against the sandbox.
	@$(BIN)/bulkops run recipes/demo.yaml

test: setup  ## Check everything: lint, types, import rules, tests.
	@$(MAKE) --no-print-directory -j2 types lint imports test-bytecode
	@$(MAKE) --no-print-directory pytest

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m tools.wording

format: setup  ## Let the linter and the formatter correct the code.
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: setup
	$(BIN)/mypy

imports: setup
	$(BIN)/lint-imports

pytest: setup bytecode
	$(BIN)/python -m pytest -q -n $(WORKERS) --dist worksteal

coverage: setup bytecode  ## Run the tests and report which lines and branches they reach in their own processes.
	$(BIN)/python -m pytest -q -n $(WORKERS) --dist worksteal --cov --cov-report=
	$(BIN)/coverage report --format=total | sed 's/^/Coverage in percent: /'
	$(BIN)/coverage report > coverage.txt
	$(BIN)/coverage html -q

test-pythons: setup  ## Run the unit tests on every supported Python version of this machine.
	$(BIN)/python -m tools.pythons

soak: setup bytecode  ## Run the long crash and load suites in full, and property tests on new examples.
	$(BIN)/python -m pytest -q -n $(WORKERS) -m "soak or hypothesis" --hypothesis-profile=searching

fuzz: setup  ## Check generated files until FUZZ_INPUTS are done; print how many broke which invariant.
	POLARS_MAX_THREADS=1 OMP_NUM_THREADS=1 $(BIN)/python -m tests.fuzz.run --inputs $(FUZZ_INPUTS) --failures build/fuzz

docs: setup  ## Write the generated pages, tables, transcripts and the picture again.
	$(BIN)/python -m tests.docs.generate

site: setup  ## Build the documentation as a searchable site in site/, which needs no network.
	$(BIN)/sphinx-build -q -W --keep-going -E -d build/site docs site
	@echo "Open site/index.html"

tighten: setup  ## Lower the ceilings of tools/wording-ceilings.json to the present numbers.
	$(BIN)/python -m tools.wording --tighten

measure: setup  ## Measure how readable the repository is: size, cycles, names, phrases, start time.
	$(BIN)/python -m tools.measure

bench: setup  ## Measure: validation, upload, reconciliation.
	$(BIN)/python benchmarks/validate.py
	$(BIN)/python benchmarks/upload.py
	$(BIN)/python benchmarks/reconcile.py

package: setup  ## Build the wheel and the source distribution.
	$(BIN)/python -m build

clean:  ## Remove the environment and all build results.
	rm -rf $(VENV) dist build site htmlcov coverage.txt
