# Each target does its own set-up on a fresh machine, in .venv/ of the checkout. `make help` lists them.
SHELL := /bin/bash
# The distribution's, where it is new enough and whole: it is optimized by a profile. Those that version managers build
# mostly are not, and everything takes a quarter longer with them (docs/performance.md).
PYTHON ?= $(shell /usr/bin/python3 -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2> /dev/null \
            && echo /usr/bin/python3 || echo python3)
VENV := .venv
BIN := $(VENV)/bin
# Test processes; each has a Kafka and a PostgreSQL of its own. Half of the tests wait for what they have broken.
WORKERS ?= 4
# How much longer than on a quick, quiet machine the tests wait for what they await.
export LONGSHORE_TEST_PATIENCE ?= 4
# Hundreds of processes import the same code: what Python has compiled is kept, whatever the environment says.
unexport PYTHONDONTWRITEBYTECODE
PACKAGES := libs/common libs/client libs/devkit services/gateway services/order-sync services/inventory \
            services/connector-shopify services/connector-woo
SOURCES := $(foreach package,$(PACKAGES),$(package)/src)

.DEFAULT_GOAL := help
.PHONY: help setup demo run test test-faults test-woo fuzz check format lint types bench lock docs clean

help: ## what there is
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' Makefile

setup: $(VENV)/.installed libs/devkit/npm/node_modules/.installed ## install all that the other targets need

$(VENV)/.installed: requirements.lock requirements-bootstrap.lock $(addsuffix /pyproject.toml,$(PACKAGES))
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Longshore needs Python 3.11 or newer; set PYTHON=...")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	test -x $(BIN)/uv || $(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements-bootstrap.lock
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip sync -q --require-hashes --compile-bytecode requirements.lock
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install -q --no-deps --no-build-isolation $(addprefix -e ./,$(PACKAGES))
	$(BIN)/python -m compileall -q $(SOURCES)
	touch $@

# The official Shopify schema, for the simulated store and the tests.
libs/devkit/npm/node_modules/.installed: libs/devkit/npm/package-lock.json
	@command -v npm > /dev/null || { echo "Longshore's simulated Shopify store needs npm (Node 20), which is not installed."; exit 1; }
	cd libs/devkit/npm && npm ci --silent --no-audit --no-fund
	touch $@

demo: setup ## everything, with two simulated stores and buyers: prints URL, key and a live table
	@exec $(BIN)/python -m longshore_devkit demo

run: setup ## Kafka, PostgreSQL and the five services
	@exec $(BIN)/python -m longshore_devkit run

test: setup ## the whole suite, on real Kafka and real PostgreSQL (ARGS="-k name" to choose)
	$(BIN)/python -m pytest -q -n $(WORKERS) --dist loadscope --no-loadscope-reorder $(ARGS)

test-faults: setup ## the fault suite in its long form: longer outages, more load (ARGS="-k name" to choose)
	LONGSHORE_FAULTS=long $(BIN)/python -m pytest -q tests/faults tests/e2e $(ARGS)

# The folder of the store's programs and WordPress with WooCommerce (GPL, no part of this project) have to be given.
REAL_WOO_DIR ?= $(CURDIR)/.longshore/real-woo
test-woo: setup ## against a real WooCommerce store (REAL_WOO_START=.../start REAL_WOO_ARCHIVE=...; see docs)
	@test -x "$(REAL_WOO_START)" || { echo "REAL_WOO_START has to be the program that starts a real WooCommerce store."; exit 1; }
	@test -e "$(REAL_WOO_ARCHIVE)" || { echo "REAL_WOO_ARCHIVE has to be WordPress with WooCommerce in it: a tar archive or a folder."; exit 1; }
	REAL_WOO_START="$(REAL_WOO_START)" REAL_WOO_ARCHIVE="$(REAL_WOO_ARCHIVE)" REAL_WOO_DIR="$(REAL_WOO_DIR)" \
		$(BIN)/python -m pytest -q tests/woo $(ARGS)

fuzz: setup ## a million broken deliveries, in process (CASES=n); prints the seed of what fails
	LONGSHORE_FUZZ_CASES=$(or $(CASES),1000000) $(BIN)/python -m pytest -q -s tests/faults/test_broken_deliveries.py -k great_many

check: setup lint types docs-check deploy-check ## lint, types, generated documents, deployment files

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m longshore_devkit.lint.org_scope

types: setup
	$(BIN)/mypy $(SOURCES) bench docs/generate.py docs/specs deploy/check.py deploy/checks

format: setup ## let ruff format and mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: setup ## generate docs/openapi.json, docs/asyncapi.json, docs/contracts and the client's synchronous half
	$(BIN)/python docs/generate.py
	$(BIN)/python libs/client/generate_sync.py

.PHONY: docs-check deploy-check
docs-check: setup
	$(BIN)/python docs/generate.py --check
	$(BIN)/python libs/client/generate_sync.py --check

deploy-check: setup
	$(BIN)/python deploy/check.py

bench: setup ## the benchmarks of about 15 minutes, each with its reference (ARGS="sustained growth" to choose)
	$(BIN)/python -m bench $(ARGS)

lock: ## pin the newest versions that pyproject.toml files allow
	test -x $(BIN)/uv || { $(PYTHON) -m venv $(VENV) && $(BIN)/python -m pip install -q uv; }
	$(BIN)/uv pip compile -q --generate-hashes --no-header --no-annotate --all-extras --group dev \
	  pyproject.toml $(addsuffix /pyproject.toml,$(PACKAGES)) \
	  --no-emit-package longshore --no-emit-package longshore-client --no-emit-package longshore-devkit \
	  -o requirements.lock
	$(BIN)/uv pip compile -q --generate-hashes --no-header --no-annotate --extra service \
	  libs/common/pyproject.toml libs/client/pyproject.toml $(wildcard services/*/pyproject.toml) -c requirements.lock \
	  --no-emit-package longshore -o deploy/requirements.lock
	echo uv | $(BIN)/uv pip compile -q --generate-hashes --no-header --no-annotate - -o requirements-bootstrap.lock

clean: ## remove what was installed and generated (not your data)
	rm -rf $(VENV) libs/devkit/npm/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis
