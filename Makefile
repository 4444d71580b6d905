# `make demo` and `make test` are for everyone; each makes its own environment first.

VENV    := .venv
BIN     := $(VENV)/bin
PYTHONS := python3.13 python3.12 python3.11 python3
PIP     := $(BIN)/python -m pip --disable-pip-version-check
LOCK     = requirements/lock-py$$($(BIN)/python -c 'import sys; print("%d%d" % sys.version_info[:2])').txt

.PHONY: demo test lint types floors docs bench lock clean help

help:
	@echo 'make demo    simulate a small experiment, reduce it, compare it with the truth (demo/)'
	@echo 'make test    run all tests'
	@echo 'make lint    ruff;  make types  mypy --strict;  make floors  who imports whom'
	@echo 'make docs    build the documentation (docs/_build/html)'
	@echo 'make bench   speed and memory of both chains, beside the last run (BENCH="--quick": less)'
	@echo 'make lock    write the versions that are installed to requirements/'
	@echo 'make clean   remove what the targets above made, but for $(VENV)'

.DEFAULT_GOAL := help

demo: $(VENV)/.for-demo
	$(BIN)/ewaldite diffuse demo demo

test: $(VENV)/.for-work
	$(BIN)/python -m pytest -n 2

lint: $(VENV)/.for-work
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.for-work
	$(BIN)/mypy

floors: $(VENV)/.for-work
	$(BIN)/python -m pytest tests/floors_test.py

docs: $(VENV)/.for-work
	$(BIN)/sphinx-build -W --keep-going -q -b html docs docs/_build/html

bench: $(VENV)/.for-work
	$(BIN)/python benchmarks/bench.py $(BENCH)

lock: $(VENV)/.for-work
	@{ echo '# Versions that the tests passed with: constraints for `make` and CI.'; \
	  $(PIP) freeze --exclude-editable; } > $(LOCK)

clean:
	rm -rf demo docs/_build build benchmarks/results .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find src tests docs benchmarks -name __pycache__ -prune -exec rm -rf {} +

# $(1): extras. Dependencies come as wheels, never to be compiled; in the tested versions where
# there is a lock file of this Python.
define install
	@if [ -f $(LOCK) ]; then constraint="--constraint $(LOCK)"; else constraint=; fi; \
	echo "Installing ewaldite$(1) into $(VENV) $$constraint"; \
	$(PIP) install --quiet --only-binary :all: $$constraint --editable ".$(1)"
	@touch $@
endef

$(VENV)/.for-demo: pyproject.toml $(wildcard requirements/*.txt) | $(BIN)/python
	$(call install,[xray$(comma)plot])

$(VENV)/.for-work: pyproject.toml $(wildcard requirements/*.txt) | $(BIN)/python
	$(call install,[dev])

comma := ,

$(BIN)/python:
	@for python in $(PYTHONS); do \
	  if $$python -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; \
	  then echo "Making $(VENV) with $$($$python --version)"; exec $$python -m venv --clear $(VENV); fi; \
	done; \
	echo 'make: found no Python 3.11 or later that can make virtual environments' >&2; \
	echo '      (looked for: $(PYTHONS); it needs the modules venv and ensurepip).' >&2; \
	echo '      On Debian and Ubuntu: apt install python3-venv; or: make PYTHONS=/path/to/python3' >&2; \
	exit 1
