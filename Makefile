# Two commands are all it takes: `make run` and `make test`. What they need is set up first, once.

GIS_HOME ?= .gis
export GIS_HOME

SERVICE := .venv/service
DEV := .venv/dev
BENCH := .bench/venv
ASSETS := gis_service/web/vendor

.PHONY: help
help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: $(SERVICE) $(ASSETS) ## set up, start the database, serve; Ctrl-C stops both
	@exec .venv/bin/gis run

.PHONY: test
test: ALSO = browser
test: $(DEV) $(ASSETS) ## set up and run the tests; ARGS="-k cluster" chooses
	@.venv/bin/python -m pytest --numprocesses auto --dist loadfile $(ARGS)

.PHONY: test-clients
test-clients: ALSO = qgis
test-clients: $(DEV) ## set up QGIS too, and run the tests with it as the client
	@.venv/bin/python -m pytest tests/clients $(ARGS)

.PHONY: bench
bench: ALSO = wrk gdal
bench: $(SERVICE) $(BENCH) ## measure beside other systems; PART=pages SCALE="10000 200000" ROUNDS=3 choose
	@$(BENCH)/bin/python -m benchmarks $(PART) $(if $(SCALE),--features $(SCALE)) $(if $(ROUNDS),--rounds $(ROUNDS))

.PHONY: check
check: $(DEV) ## lint, format, types, direction of imports
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy
	@.venv/bin/lint-imports

.PHONY: setup
setup: $(SERVICE) $(ASSETS) ## what `make run` does before it starts

.PHONY: format
format: $(DEV) ## put the code into its format
	@.venv/bin/ruff check --fix --quiet .
	@.venv/bin/ruff format --quiet .

# Hashes and versions only: no host, so that an intranet's mirror serves as well.
COMPILE = .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest \
	--generate-hashes --no-emit-index-url --no-annotate --no-header

.PHONY: lock
lock: $(DEV) ## write the locks anew from pyproject.toml and package.json; UPGRADE=--upgrade takes newer versions
	@$(COMPILE) $(UPGRADE) pyproject.toml --group build --group dev --output-file requirements/dev.lock
	@$(COMPILE) $(UPGRADE) pyproject.toml --group build --constraint requirements/dev.lock \
		--output-file requirements/service.lock
	@$(COMPILE) $(UPGRADE) --group node --output-file requirements/node.lock
	@$(COMPILE) $(UPGRADE) benchmarks/requirements.in --output-file benchmarks/requirements.lock
	@cd gis_service/web && npm install --package-lock-only --ignore-scripts --no-audit --no-fund --loglevel=error

.PHONY: clean
clean: ## remove what set-up made; the database stays
	@rm -rf .venv $(BENCH) $(ASSETS) *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

.PHONY: system
system:
	@scripts/setup.sh system $(ALSO)

$(SERVICE): requirements/service.lock pyproject.toml | system
	@scripts/setup.sh python service

$(DEV): requirements/dev.lock pyproject.toml | system
	@scripts/setup.sh python dev

$(BENCH): benchmarks/requirements.lock | system
	@scripts/setup.sh bench

$(ASSETS): gis_service/web/package.json gis_service/web/package-lock.json gis_service/web/vendor.mjs | $(SERVICE)
	@scripts/setup.sh assets
