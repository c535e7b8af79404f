# Everything starts here; `make` alone says what there is.

PYTHON ?= python3
BIN := .venv/bin
CLUSTER := $(PYTHON) tests/localcluster
PYTEST := $(BIN)/python -m pytest --durations=15 --durations-min=1
# Unit tests share nothing, so that each core has its own; JOBS=0 runs them in one process, as a debugger wants them.
JOBS ?= auto
# On real servers a test may fail for want of a core: it gets a second try; the summary names and counts them.
PYTEST_REAL := $(PYTEST) --reruns 1 --reruns-delay 5 --rerun-show-tracebacks -r aR
# Tests find the cluster through this; set it yourself to use one of yours.
WITH_CLUSTER = SCRIPTRUN_KUBECONFIG=$$($(CLUSTER) kubeconfig)
GENERATED := crds charts/scriptrun/files/crds docs

.DEFAULT_GOAL := help
.PHONY: help demo up down kubeconfig images setup check format generate verify test test-unit test-cluster test-peers test-e2e faults bench clean

help: ## Say what there is
	@echo "make demo    a cluster, the chart, and three scripts run before your eyes"
	@echo "make test    everything checked and tested"
	@echo
	@sed -n 's/^\([a-z0-9-]*\):[^#]*## /\1\t/p' $(MAKEFILE_LIST) | sort | \
		while IFS="$$(printf '\t')" read -r name text; do printf '  %-14s %s\n' "$$name" "$$text"; done
	@echo
	@echo "The cluster is SCRIPTRUN_KUBECONFIG where given, kind where a Docker engine answers, else a local one."

demo: API = 1
demo: up ## Run the examples on a cluster, step by step; PEERS=1 those with a real Zeebe and Conductor
	@$(if $(PEERS),$(BIN)/python tests/peers/demo.py,$(CLUSTER) demo)

up: setup ## Bring up the cluster and install the chart; API=1 with the REST API and the history
	@$(CLUSTER) up >/dev/null
	@$(CLUSTER) install $(if $(PEERS),--bridge) $(if $(API),--api)
	@echo "The cluster is up, and so is the operator. To use it: export KUBECONFIG=$$($(CLUSTER) kubeconfig)"

down: ## Remove the cluster and all it left
	@$(CLUSTER) down

kubeconfig: ## Print the path of the cluster's kubeconfig
	@$(CLUSTER) kubeconfig

images: setup ## Build the images and load them into the cluster
	@$(CLUSTER) up >/dev/null
	@$(CLUSTER) build-images

setup: ## Make or update the virtualenv .venv
	@$(CLUSTER) venv

check: setup ## Format, lint, types, layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/mypy --explicit-package-bases tests/localcluster/driver
	$(BIN)/lint-imports

format: setup ## Format the source and mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

generate: setup ## Write the generated files anew: CRDs and documentation tables
	@$(BIN)/python -m scriptrun crds --output-dir crds
	@mkdir -p charts/scriptrun/files/crds
	@cp crds/*.yaml charts/scriptrun/files/crds/
	@$(BIN)/python -m scriptrun.docsgen docs

verify: setup ## Fail when a generated file is not what its source says
	@before=$$(mktemp -d) && cp -r --parents $(GENERATED) "$$before" && $(MAKE) --no-print-directory generate && \
		for path in $(GENERATED); do diff -ru "$$before/$$path" "$$path" || \
			{ echo "error: $$path was out of date; it has been generated anew: commit it." >&2; exit 1; }; done && \
		rm -r "$$before"

test: check verify test-unit test-cluster test-peers test-e2e ## Check and test everything

test-unit: setup ## Run the unit tests
	$(PYTEST) -n $(JOBS) --dist worksteal tests/unit

test-cluster: images ## Run the tests on a real cluster
	$(WITH_CLUSTER) $(PYTEST_REAL) tests/cluster tests/chaos tests/hostile

test-peers: images ## Run the tests with a real Zeebe and Conductor
	$(WITH_CLUSTER) $(PYTEST_REAL) tests/peers

test-e2e: images ## Run the tests that install the chart
	$(WITH_CLUSTER) $(PYTEST_REAL) tests/e2e

faults: images ## Kill all there is, every second, under 200 tasks: nothing lost, nothing twice; ONLY=zeebe
	$(WITH_CLUSTER) $(BIN)/python tests/peers/faults $(ONLY)

bench: images ## Measure; ONLY=latency runs one benchmark
	$(WITH_CLUSTER) $(BIN)/python tests/bench $(ONLY)

clean: ## Remove what was built inside the source tree
	rm -rf .venv build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
