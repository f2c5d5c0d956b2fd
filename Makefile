# `make run` and `make test` need only Python >= 3.11, git and make; each sets up what it needs first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help run setup test oracle mutation check fix tools interop conformance lock build clean

help: ## show this help
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

setup: $(READY) ## create .venv with the locked dependencies

$(READY): pyproject.toml .ci/requirements.lock .ci/setup.sh
	@sh .ci/setup.sh "$(PYTHON)" "$(VENV)"
	@touch $(READY)

run: $(READY) ## run the demo: token service, registry, keys, users, and the commands to try
	@$(BIN)/token-service demo

test: $(READY) ## run the tests (under five minutes)
	@$(BIN)/pytest -n auto -m "not interop and not conformance"

PAIRS ?= 10000000

oracle: $(READY) ## compare the policy engine with the literal evaluator on PAIRS generated decisions (10 million)
	POLICY_PAIRS=$(PAIRS) $(BIN)/pytest -n auto tests/policy/test_reference.py

PARTS ?=

mutation: $(VENV)/.mutation ## change policy/ and scope.py in every small way: do tests notice? (3/4 hour; PARTS=lint for some)
	$(BIN)/python -m tests.mutation $(PARTS) $(if $(PARTS),,-o docs/assurance.md)

$(VENV)/.mutation: $(READY) .ci/mutation.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r .ci/mutation.lock
	@touch $@

check: $(READY) ## formatting, lint, types, import contracts, docs
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tests.docs_check

fix: $(READY) ## format, and fix what can be fixed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

tools: $(READY) ## install what tests want beside Python: registries, clients, strace (root, Debian; Go or pip)
	$(BIN)/python -m tests.interop.install

interop: tools ## real registries and clients; installs what is missing
	$(BIN)/pytest -m interop tests/interop

conformance: tools ## the OCI distribution-spec suite, and volumes shared with Distribution
	$(BIN)/pytest -m conformance tests/conformance

lock: ## pin the dependencies anew (needs uv)
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --upgrade \
		--group dev pyproject.toml -o .ci/requirements.lock
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
		--group mutation --constraint .ci/requirements.lock -o .ci/mutation.lock
	@! grep -nE 'https?://' .ci/requirements.lock .ci/mutation.lock

build: $(READY) ## build the wheel into dist/
	@$(BIN)/hatchling build -t wheel

clean: ## remove what make made
	rm -rf $(VENV) dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
