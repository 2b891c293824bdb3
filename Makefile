# irgrad: each target makes what it needs in .venv by itself.
#   make demo PYTHON=python3.12   chooses the interpreter.

PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	if $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then echo $$p; break; fi; done)
BIN = .venv/bin
PIP = $(BIN)/python -m pip install --quiet --disable-pip-version-check

BENCH = .venv-bench/bin
TORCH ?= torch==2.13.0

.PHONY: help demo test docs picture bench scale clean
help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-6s %s\n", $$1, $$2}' Makefile

demo: .venv/.runtime  ## the two-layer loss: graph before and after, gradients, check
	@$(BIN)/irgrad demo

test: .venv/.test  ## lint, types, tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/pytest -n 2

bench: .venv-bench/.peers  ## irgrad beside its peers and the machine's limits; ARGS=--quick for a look
	$(BENCH)/python -m benchmarks $(ARGS)

scale: .venv/.runtime  ## cost per node of every phase
	$(BIN)/python -m benchmarks.scale $(ARGS)

docs: .venv/.docs  ## this site, every example run: docs/_build/html/index.html
	$(BIN)/pytest docs README.md
	$(BIN)/sphinx-build -E -a -W --keep-going -q docs docs/_build/html
	@echo "open docs/_build/html/index.html"

picture: .venv/.runtime  ## the README's picture, drawn again
	$(BIN)/python docs/picture.py

clean:  ## remove the environment and caches
	rm -rf .venv .venv-bench .pytest_cache .ruff_cache .hypothesis docs/_build

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "irgrad needs Python 3.11 or newer; give one with PYTHON=..."; exit 1; }
	@echo "making .venv with $(PYTHON)"
	@$(PYTHON) -m venv .venv || { rm -rf .venv; echo "python's venv module is missing (Debian: apt install python3-venv)"; exit 1; }

.venv-bench/bin/python:
	@test -n "$(PYTHON)" || { echo "irgrad needs Python 3.11 or newer; give one with PYTHON=..."; exit 1; }
	@echo "making .venv-bench with $(PYTHON)"
	@$(PYTHON) -m venv .venv-bench || { rm -rf .venv-bench; exit 1; }

# PyTorch from PyPI is a build for graphics cards, of several GB: only one that lies on disk is
# taken unasked. benchmarks/README.md says how to add it.
.venv-bench/.peers: pyproject.toml .venv-bench/bin/python
	@echo "installing irgrad and its peers into .venv-bench (some minutes and 2 GB, once)"
	@$(BENCH)/python -m pip install --quiet --disable-pip-version-check -e '.[bench]'
	@if $(BENCH)/python -m pip install --quiet --disable-pip-version-check --no-index --no-deps '$(TORCH)' 2>/dev/null; \
	then $(BENCH)/python -m pip install --quiet --disable-pip-version-check '$(TORCH)'; \
	else echo "without PyTorch: see benchmarks/README.md"; fi
	@touch $@

.venv/.runtime: pyproject.toml .venv/bin/python
	@echo "installing irgrad and what it needs into .venv (a minute, once)"
	@$(PIP) -e .
	@touch $@

.venv/.test: .venv/.runtime
	@echo "installing the test tools into .venv (a minute, once)"
	@$(PIP) -e '.[test]'
	@touch $@

.venv/.docs: .venv/.test
	@echo "installing the documentation tools into .venv (a minute, once)"
	@$(PIP) -e '.[docs]'
	@touch $@
