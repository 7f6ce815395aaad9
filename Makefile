# `make demo` and `make test` do all the set-up themselves: a virtual environment, the package, the default data.
# The first Python that runs and is new enough; else python3, whose version the set-up complains about.
PYTHON ?= $(or $(shell for p in python3 python3.13 python3.12 python3.11; do if $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then echo $$p; break; fi; done),python3)
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help demo demo-phones page test check lint types layers prompts bench clean

help:
	@echo "make demo    set up and open the web chat about films (make demo-phones: about phones)"
	@echo "make page    build the web pages (needs npm)"
	@echo "make test    set up and run every test"
	@echo "make check   format, lint, types, layers, prompts"
	@echo "make bench   latency, memory and growth"

$(VENV)/.runtime: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Zhiyin needs Python 3.11 or newer; this is " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	@$(PYTHON) -m venv $(VENV) || { echo "Creating a virtual environment failed; on Debian: apt-get install python3-venv"; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[films]'
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[films,parquet]' --group dev
	@touch $@

demo: $(VENV)/.runtime page
	@$(BIN)/zhiyin demo

demo-phones: $(VENV)/.runtime page
	@$(BIN)/zhiyin demo --domain phones

# The pages are built from web/ into the package; an installed wheel has them already.
PAGE := src/zhiyin/web/static/index.html
page: $(PAGE)

$(PAGE): $(shell find web/src web/public web/*.html web/*.ts web/*.mjs web/package.json -type f 2>/dev/null)
	@command -v npm >/dev/null || { echo "The pages are built with npm (Node.js 20 or newer); on Debian: apt-get install nodejs npm"; exit 1; }
	@cd web && npm ci --no-audit --no-fund --silent && npm run --silent build
	@touch $@

test: $(VENV)/.dev page
	cd web && npm test --silent
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile

check: lint types layers prompts

lint: $(VENV)/.dev
	$(BIN)/ruff format --check src tests benchmarks
	$(BIN)/ruff check src tests benchmarks

types: $(VENV)/.dev
	$(BIN)/mypy

layers: $(VENV)/.dev
	$(BIN)/lint-imports

prompts: $(VENV)/.dev
	$(BIN)/zhiyin prompts lint

bench: $(VENV)/.dev
	$(BIN)/python benchmarks/turns.py

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
