# `make run` and `make test` need nothing but Python 3.11: PostgreSQL and Redis are given by
# DATABASE_URL and REDIS_URL, or come from wheels and live in var/.

PORT ?= 8000
HOST ?= 127.0.0.1
WORKERS ?= 3
ARGS ?=
PYTHON ?= python3
SBOM ?= var/sbom.json
export PYTHON

BIN := .venv/bin
PACKAGES := $(wildcard config quests links realtime accounts monitoring)
COMPILE := $(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-header --quiet pyproject.toml

.DEFAULT_GOAL := help
.PHONY: help run dev test lint bench lock sbom parts clean runtime development

help: ## This list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: runtime ## Run the whole instance: http://127.0.0.1:8000, or PORT=8001, HOST=0.0.0.0
	@# What `manage.py up` becomes, without loading Django first.
	@exec $(BIN)/python -m monitoring.supervisor --port $(PORT) --host $(HOST) $(ARGS)

dev: development ## Run the development server, which reloads, over the servers of var/
	@DEBUG=true $(BIN)/python -m monitoring.embedded -- sh -c \
		'$(BIN)/python manage.py migrate && exec $(BIN)/python manage.py runserver $(HOST):$(PORT) $(ARGS)'

test: development lint ## Lint, then all tests; ARGS="tests/links -k slug" chooses some
	@deploy/chromium.sh
	@deploy/prometheus.sh
	$(BIN)/python -m monitoring.embedded --temporary -- $(BIN)/pytest -n $(WORKERS) $(ARGS)

lint: development ## Style, types, import directions, templates, migrations, system checks
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy $(PACKAGES)
	$(BIN)/lint-imports
	$(BIN)/djlint --quiet --check --lint templates
	SECRET_KEY=$${SECRET_KEY:-only-for-the-lint-of-this-project-and-for-nothing-else-0123456789} \
		$(BIN)/python -W ignore::RuntimeWarning manage.py makemigrations --check --dry-run
	SECRET_KEY=$${SECRET_KEY:-only-for-the-lint-of-this-project-and-for-nothing-else-0123456789} \
		$(BIN)/python manage.py check
	$(BIN)/bandit -q -c pyproject.toml -r $(PACKAGES) manage.py
	$(BIN)/python -m tests.rules

bench: development ## The benchmarks, with their ratios against peers
	$(BIN)/python -m monitoring.embedded -- $(BIN)/python -m benchmarks $(ARGS)

lock: development ## Compile the locks again; ARGS=--upgrade takes newer versions
	$(COMPILE) --group embedded --output-file requirements.lock $(ARGS)
	$(COMPILE) --group embedded --extra clickhouse --extra s3 --extra sentry --extra otel \
		--constraint requirements.lock --output-file requirements-image.lock $(ARGS)
	$(COMPILE) --group embedded --group test --group lint --group fuzz --extra clickhouse --extra s3 --extra sentry --extra otel \
		--constraint requirements.lock --output-file requirements-dev.lock $(ARGS)

sbom: development parts ## What an instance consists of, as CycloneDX: var/sbom.json, or SBOM=...

parts:
	@mkdir -p $(dir $(SBOM))
	@PYTHONWARNINGS=ignore $(BIN)/cyclonedx-py requirements --pyproject pyproject.toml --output-reproducible \
		--of JSON --output-file $(SBOM) requirements.lock

clean: ## Remove .venv and the caches, never the data
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -not -path './node_modules/*' -prune -exec rm -rf {} +
	@[ ! -d var ] || echo "The data in var/ are kept. To give them up: rm -rf var"

# requirements-dev.lock contains what requirements.lock does.
runtime:
	@if [ -f .venv/.installed-requirements-dev.lock ]; then lock=requirements-dev.lock; \
		else lock=requirements.lock; fi; deploy/install.sh $$lock

development:
	@deploy/install.sh requirements-dev.lock
