# Two commands are enough on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
UV_VERSION := 0.13.9
SILLAGE_SHARED ?= ../shared
export SILLAGE_SHARED

.DEFAULT_GOAL := help
.PHONY: help setup demo test check unit bench chaos screenshots pictures editor lock system clean

help: ## Show what can be done
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 18

FOUNDATION := dbt/target/foundation/project
DBT_FILES := $(shell find dbt/models dbt/macros dbt/materializations dbt/seeds dbt/tests -type f) dbt/dbt_project.yml data/providers.toml

setup: $(VENV)/.ready $(FOUNDATION) ## Create .venv, install the locked packages, build what needs building

$(VENV)/.ready: requirements.lock pyproject.toml dashboards/editor/pyproject.toml $(wildcard sillage/locales/*/LC_MESSAGES/*.po)
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	test -x $(BIN)/uv || $(BIN)/pip install --quiet uv==$(UV_VERSION)
	$(BIN)/uv pip sync --quiet --compile-bytecode requirements.lock
	$(BIN)/uv pip install --quiet --no-deps --editable . --editable dashboards/editor
	$(BIN)/pybabel --quiet compile --directory sillage/locales --domain sillage
	touch $@

$(FOUNDATION): $(DBT_FILES) | $(VENV)/.ready
	$(BIN)/python -m sillage.lake.foundation

demo: setup ## Run the whole system with a demo campaign under way
	$(BIN)/sillage demo

system: ## Install the Debian packages that the tests drive (needs root)
	@if ! command -v chromium >/dev/null || ! command -v smtp-sink >/dev/null || ! ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1; then \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			echo "postfix postfix/main_mailer_type select No configuration" | debconf-set-selections; \
			apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
				chromium postgresql fonts-dejavu-core postfix sasl2-bin libsasl2-modules >/dev/null; \
		else echo "chromium, postgresql or postfix is missing: the tests that drive them are skipped, and say so"; fi; fi

check: setup ## Lint and type-check
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/sqlfluff lint --processes 2 --disable-progress-bar dbt/models dbt/tests

unit: setup ## Run the tests alone
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

test: setup system check unit ## Set up and run everything

bench: setup ## Run the benchmarks; results go to bench/results.jsonl
	$(BIN)/python -m bench

chaos: setup ## Kill, stop and confuse for ten minutes an engine, then count
	$(BIN)/python -m pytest -s tests/chaos --chaos-minutes 10 --chaos-seed $${SEED:-1}

screenshots: setup ## Save a picture of every page, in both languages, light and dark, desk and phone
	$(BIN)/python tests/dashboards/screenshots.py

pictures: setup ## Draw the images of the template library, and its gallery
	$(BIN)/python tests/content/draw_templates.py images pictures

editor: setup ## Bundle the editor of mails from its sources
	cd dashboards/editor && PATH="$(CURDIR)/$(BIN):$$PATH" npm ci --silent && "$(CURDIR)/$(BIN)/node" build.mjs

lock: setup ## Pin the newest packages that fit pyproject.toml
	$(BIN)/uv pip compile --quiet pyproject.toml --group dev --python-version 3.11 --upgrade \
		--no-emit-index-url --no-emit-find-links --no-header --output-file requirements.lock

clean: ## Remove what set-up and runs made
	rm -rf $(VENV) data/run dbt/target .mypy_cache .ruff_cache .pytest_cache .hypothesis
