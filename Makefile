# Wardwire for newcomers and developers; `make help` lists the targets.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV ?= .venv
BIN := $(VENV)/bin
ARGS ?=
PYTEST_ARGS ?=
WARDWIRE_CORPORA ?= ../shared/corpora
WARDWIRE_TEST_VENVS ?= $(HOME)/.cache/wardwire-venvs

# The first of these that is Python 3.11 or newer and can make virtual environments.
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
  "$$python" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
  && { command -v "$$python"; break; }; done)

# Installed before what needs it: resolved together with the rest, pip would take a CUDA build of torch.
FIRST := torch==2.13.0
# Extras of the distribution: what the demo needs, and what the tests need.
DEMO_EXTRAS := documents,imaging,audio,models
EXTRAS := postgres,documents,imaging,audio,evaluation,models

PIP := $(BIN)/python -m pip -qq --disable-pip-version-check
INSTALL := $(PIP) install --constraint deploy/constraints.txt
PINS := pyproject.toml deploy/constraints.txt
ENGINE := $(VENV)/.engine-installed
TOOLS := $(VENV)/.tools-installed

.PHONY: help
help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: $(ENGINE)  ## send real messages through a real engine and read the results (ARGS=--once ends by itself)
	@$(BIN)/wardwire demo $(ARGS)

.PHONY: test
test: $(TOOLS)  ## the whole test suite (PYTEST_ARGS=... is passed on)
	@$(BIN)/python -m pytest -n auto --dist loadfile -m "not corpus" $(PYTEST_ARGS)

.PHONY: corpus
corpus: $(TOOLS)  ## the tests on real-world messages that are not part of this project (WARDWIRE_CORPORA=folder)
	@test -d "$(WARDWIRE_CORPORA)" || { echo "no folder $(WARDWIRE_CORPORA): say WARDWIRE_CORPORA=folder" >&2; exit 2; }
	@WARDWIRE_CORPORA="$(abspath $(WARDWIRE_CORPORA))" $(BIN)/python -m pytest -n auto -m corpus $(PYTEST_ARGS)

.PHONY: elsewhere
elsewhere: $(TOOLS)  ## the tests against other people's servers and engines, installed on demand (WARDWIRE_TEST_VENVS=folder)
	@WARDWIRE_TEST_VENVS="$(abspath $(WARDWIRE_TEST_VENVS))" $(BIN)/python -m pytest -m elsewhere $(PYTEST_ARGS)

.PHONY: lint
lint: $(TOOLS)  ## style, types and the floors between the packages
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

.PHONY: bench
bench: $(TOOLS)  ## the figures of README, measured here (ARGS=--help lists the measurements)
	@$(BIN)/python -m tests.bench $(ARGS)

.PHONY: clean
clean:  ## remove all that these targets made
	rm -rf $(VENV) .demo build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@python="$(PYTHON)"; test -n "$$python" || { \
	  echo "Wardwire needs Python 3.11 or newer with its venv module, and found none." >&2; \
	  echo "Install it (Debian, Ubuntu: apt-get install python3 python3-venv), or say make PYTHON=/path/to/python3" >&2; \
	  exit 1; }; \
	echo "making $(VENV) with $$("$$python" --version)"; "$$python" -m venv --clear $(VENV)

# pip reads dependency groups from 25.1 on.
$(ENGINE): $(BIN)/python $(PINS)
	@echo "installing Wardwire into $(VENV); the first time this takes some minutes"
	@$(PIP) install 'pip>=25.1'
	@$(INSTALL) $(FIRST)
	@$(INSTALL) --editable '.[$(DEMO_EXTRAS)]'
	@touch $@

$(TOOLS): $(ENGINE)
	@echo "installing the tools for tests and checks"
	@$(INSTALL) --editable '.[$(EXTRAS)]' --group test --group lint
	@{ $(INSTALL) kenlm pygtrie && $(INSTALL) --no-deps pyctcdecode; } \
	  || echo "kenlm does not build here: tests of language models will be skipped"
	@touch $@
