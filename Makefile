# `make help` lists what there is. Everything is installed into .venv; nothing is written outside this folder.
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
DISTRIBUTIONS := -e gewu -e services/intake -e services/dispatch -e services/video -e services/notify -e sdk
export GEWU_CACHE ?= $(CURDIR)/.gewu/cache

.DEFAULT_GOAL := help
.PHONY: help setup run test trouble hangs planted overload bench panels screen lint format proto locks compose eval-la311 eval-plates clean

help: ## this list
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | awk -F'\t' '{printf "  make %-12s %s\n", $$1, $$2}'
	@echo "  and the command .venv/bin/gewu --help"

setup: .venv/.ready ## a virtual environment from hashed requirements

.venv/.ready: requirements/dev.txt gewu/pyproject.toml $(wildcard services/*/pyproject.toml) sdk/pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Gewu needs Python 3.11 or newer; say PYTHON=/path/to/python3.11 make …"; exit 1; }
	@echo "making .venv (the first time fetches about 300 MB of wheels, a minute or two)"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation $(DISTRIBUTIONS)
	@touch $@

run: setup ## the demo city's day on real Kafka and PostgreSQL; SECONDS=n compresses it, checks the books and ends
	@exec $(BIN)/gewu dev $(if $(filter command line environment,$(origin SECONDS)),--seconds $(SECONDS))

test: setup ## all tests, with real Kafka and PostgreSQL
	@exec $(BIN)/python -m pytest $(ARGS)

trouble: setup ## every kind of harm under load, judged; ROUNDS=n with seeds of their own, ONLY='words of a family'
	@exec $(BIN)/python -m tests.trouble $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(ONLY),--only '$(ONLY)') --page docs/trouble.md $(ARGS)

hangs: setup ## 200 hangs of ten cameras behind proxies; how soon each is seen again, and that nothing is left
	@exec $(BIN)/python -m tests.video.hangs --page docs/video-hangs.md $(ARGS)

planted: setup ## the judge is judged: bugs planted in copies of the source must be named; ONLY=name for one
	@exec $(BIN)/python -m tests.planted $(if $(ONLY),--only $(ONLY)) --page docs/planted.md $(ARGS)

overload: setup ## ten times what intake takes, and a fire behind 100,000 ordinary reports, with times
	@exec $(BIN)/python -m tests.overload --page docs/overload.md $(ARGS)

.venv/.bench: .venv/.ready requirements/bench.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bench.txt
	@touch $@

bench: setup .venv/.bench ## how fast, as ratios to Kafka, PostgreSQL and plain ways; ONLY=intake|dispatch, ROUNDS=n
	@exec $(BIN)/python -m bench $(if $(ONLY),--only $(ONLY)) $(if $(ROUNDS),--rounds $(ROUNDS)) $(ARGS)

panels: setup ## what each panel of the dashboard shows of the demo city's day, as docs/panels.svg; needs prometheus
	@exec $(BIN)/python -m tests.observe.draw $(ARGS)

screen: setup ## the screen of `make run` in the middle of the demo city's day, as docs/screen.svg
	@exec $(BIN)/python -m tests.dev.draw $(ARGS)

lint: setup ## style, import contracts, wire contracts
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/lint-imports && $(BIN)/buf lint proto \
	  && $(BIN)/buf breaking proto --against proto/gewu.binpb

format: setup ## put the code into its form
	@$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

proto: setup ## generate gewu.v1 from proto/
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m grpc_tools.protoc -Iproto --python_out=gewu/src --mypy_out=quiet:gewu/src proto/gewu/v1/*.proto

locks: setup ## resolve requirements/*.in again into hashed lists without any index address
	@$(BIN)/python requirements/compile.py

compose: setup ## write docker-compose.yml and the Dockerfiles anew, from the launcher's table of components
	@$(BIN)/python -m deploy.compose

eval-la311: setup ## replay a real city's reports and compare with its own answers; REPORTS=file.csv
	@exec $(BIN)/python -m tests.la311 $(if $(REPORTS),--reports $(REPORTS))

eval-plates: setup ## find and read labelled plates; DATA=folder with a labels.csv, GEWU_MODELS=folder of models
	@exec $(BIN)/python -m tests.plates $(if $(DATA),--data $(DATA))

clean: ## remove the environment, caches and the data of `make run`
	rm -rf .venv .gewu build .pytest_cache .ruff_cache .hypothesis
