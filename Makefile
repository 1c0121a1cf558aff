# Interject. `make` lists what can be made; nothing but Python 3.11 or later has to be there.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Node comes as a wheel; what npm starts finds it by the path.
NPM := PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/npm --no-audit --no-fund --no-progress \
	--no-update-notifier --loglevel=error
PIP := $(BIN)/python -m pip --disable-pip-version-check -qq
LOCK := $(BIN)/python -m uv pip compile --quiet --universal --generate-hashes --no-header \
	--no-annotate --no-emit-index-url
# More for the command at the end of a target: make test ARGS="-k steer"
ARGS ?=

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
MAKEFLAGS += --no-builtin-rules --no-print-directory
# The tests start the same code dozens of times: it is compiled once.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: $(VENV)/run static/dist/made ## Start everything and serve on HOST and PORT (127.0.0.1:8000)
	@exec $(BIN)/python -m project.launch

.PHONY: cluster
cluster: $(VENV)/dev static/dist/made ## The same as several processes behind one port, with workers
	@exec $(BIN)/python -m project.cluster $(ARGS)

.PHONY: test
test: $(VENV)/dev static/dist/made ## Run the tests; ARGS go to pytest
	@$(BIN)/python -m pytest -n 3 $(ARGS)
	@PATH="$(CURDIR)/$(BIN):$$PATH" node --test "tests/js/*.test.js"

.PHONY: faults
faults: $(VENV)/dev static/dist/made ## Kill, freeze and cut off what the service is made of (minutes)
	@$(BIN)/python -m pytest -n 2 tests/faults $(ARGS)

.PHONY: test-browser
test-browser: $(VENV)/dev static/dist/made ## Run the tests that need a Chromium, which has to be there
	@BROWSER_TESTS=required $(BIN)/python -m pytest tests/browser $(ARGS)

.PHONY: lint
lint: $(VENV)/dev static/dist/made ## Check style, types, floors, migrations and the table of settings
	@$(BIN)/python -m ruff check .
	@$(BIN)/python -m ruff format --check .
	@$(BIN)/python -m mypy
	@$(BIN)/python -m pytest -q tests/test_layers.py
	@$(BIN)/python -W ignore manage.py makemigrations --check --dry-run
	@$(BIN)/python manage.py settings_table --check
	@$(NPM) run --silent typecheck

.PHONY: format
format: $(VENV)/dev ## Put the Python code in order
	@$(BIN)/python -m ruff check --fix --quiet .
	@$(BIN)/python -m ruff format .

.PHONY: bench
bench: $(VENV)/dev static/dist/made ## Measure against a bare relay; ARGS go to the bench
	@$(BIN)/python -m tests.bench $(ARGS)

.PHONY: soak
soak: $(VENV)/dev static/dist/made ## Talk to a cluster for ten minutes and judge it; ARGS=--minutes N
	@$(BIN)/python -m tests.soak $(ARGS)

.PHONY: growth
growth: $(VENV)/dev static/dist/made ## Measure how cost grows, and draw it into docs/
	@$(BIN)/python -m tests.bench.growth $(ARGS)

.PHONY: assets
assets: static/dist/made ## Fetch the browser libraries and bundle them

.PHONY: image-check
image-check: $(VENV)/dev ## Run the Dockerfile's own commands in an empty folder (minutes)
	@$(BIN)/python -m tests.infra.image_check $(ARGS)

.PHONY: lock
lock: $(VENV)/dev ## Lock the dependencies again; ARGS=--upgrade takes newer ones
	@$(LOCK) pyproject.toml -o requirements.txt $(ARGS)
	@$(LOCK) pyproject.toml --group dev -c requirements.txt -o requirements-dev.txt $(ARGS)
	@$(NPM) install --package-lock-only --ignore-scripts

.PHONY: clean
clean: ## Remove what was installed and built; var/ with its database stays
	@rm -rf $(VENV) node_modules static/dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -type d -not -path "./var/*" -prune -exec rm -rf {} +

# What was done is known by a file, so that a second run does nothing.

$(VENV)/made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "interject: needs Python 3.11 or later: set PYTHON to one (make PYTHON=python3.12 ...)" >&2; \
		exit 1; }
	@echo "  python     making $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/run: requirements.txt | $(VENV)/made
	@echo "  packages   installing what requirements.txt locks"
	@$(PIP) install --require-hashes -r requirements.txt
	@touch $@

$(VENV)/dev: requirements-dev.txt requirements.txt | $(VENV)/made
	@echo "  packages   installing what requirements-dev.txt locks"
	@$(PIP) install --require-hashes -r requirements-dev.txt
	@touch $(VENV)/run $@

node_modules/made: package.json package-lock.json .npmrc | $(VENV)/run
	@echo "  browser    fetching what package-lock.json locks"
	@$(NPM) ci --ignore-scripts >/dev/null
	@touch $@

static/dist/made: $(wildcard static/vendor/*) node_modules/made
	@echo "  browser    bundling the libraries"
	@$(NPM) run --silent build
	@touch $@
