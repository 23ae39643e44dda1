# Two commands matter: `make demo` and `make test`. Both set up what they need.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# One more than two cores: many tests wait for a server.
WORKERS ?= 3

.PHONY: help setup bytecode demo test lint format types imports pytest soak docs bench package clean

help:  ## List the targets.
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

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

demo: bytecode  ## Validate, import and reconcile the samples of all contracts against the sandbox.
	@$(BIN)/bulkops run recipes/demo.yaml

test: setup lint types imports pytest  ## Check everything: lint, types, import rules, tests.

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: setup  ## Mend what the linter and the formatter can mend.
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: setup
	$(BIN)/mypy

imports: setup
	$(BIN)/lint-imports

pytest: setup bytecode
	$(BIN)/python -m pytest -q -n $(WORKERS) --dist worksteal

soak: setup bytecode  ## Run the long crash and load suites in full.
	$(BIN)/python -m pytest -q -n $(WORKERS) -m soak

docs: setup  ## Write the generated pages and tables again.
	$(BIN)/python -m tests.docs.generate

bench: setup  ## Measure: validation, upload, reconciliation.
	$(BIN)/python benchmarks/validate.py
	$(BIN)/python benchmarks/upload.py
	$(BIN)/python benchmarks/reconcile.py

package: setup  ## Build the wheel and the source distribution.
	$(BIN)/python -m build

clean:  ## Remove the environment and what was built.
	rm -rf $(VENV) dist build
