# Everything a person types. Each target makes what it needs; nothing outside .venv and TINDERBOX_HOME is touched.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
MODEL ?= smollm2:135m
LOCKS := src/tinderbox/environments/locks

.PHONY: run test check bench soak conformance install dev lock format

$(VENV)/installed: requirements.lock pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

$(VENV)/dev-installed: $(VENV)/installed requirements-dev.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

install: $(VENV)/installed

dev: $(VENV)/dev-installed

run: install
	@$(BIN)/tinderbox pull $(MODEL)
	@$(BIN)/tinderbox up --model $(MODEL) --ask "What is a tinderbox? Answer in one sentence." $(if $(ONCE),--once)

test: dev
	$(BIN)/python -m pytest

check: dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q tests/test_docs.py

bench: dev
	$(BIN)/python -m bench

soak: dev
	$(BIN)/python -m bench.soak --minutes $(or $(MINUTES),60)

# The protocol's own tests; needs npm, which gets them and the Node that they want.
conformance: dev
	npm install --silent --no-save --prefix .cache/conformance node@22 @modelcontextprotocol/conformance@0.1.16
	$(BIN)/python -m bench.conformance .cache/conformance

format: dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# The locks name versions and hashes for every platform, and no registry. They need uv, which nothing else does.
lock:
	uv pip compile --universal --generate-hashes --no-annotate --no-header --quiet pyproject.toml -o requirements.lock
	uv pip compile --universal --generate-hashes --no-annotate --no-header --quiet --group dev pyproject.toml -c requirements.lock -o requirements-dev.lock
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --quiet -c requirements.lock $(LOCKS)/agents.in -o $(LOCKS)/agents.lock
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --quiet -c requirements.lock --override $(LOCKS)/torch.txt $(LOCKS)/train.in | sed "s/ ; sys_platform == 'never'//" > $(LOCKS)/train.lock
