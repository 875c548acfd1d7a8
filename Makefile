# Everything for development; `make` alone lists the commands. The environment is .venv, made when first needed.

PYTHON ?= python3
# At least four: half of the time a test waits for a server, a process or a fault.
WORKERS ?= $(shell $(PYTHON) -c 'import os; print(max(4, os.cpu_count() or 1))')
PARALLEL := -n $(WORKERS) --dist worksteal
COVERAGE_BAR ?= 90
COVERAGE ?= --cov --cov-report=term --cov-fail-under=$(COVERAGE_BAR)
ARGS ?= $(PARALLEL) $(COVERAGE)

BIN := .venv/bin
READY := .venv/.installed
DOCS_READY := .venv-docs/.installed
DEMO_READY := .venv-demo/.installed

.DEFAULT_GOAL := help
.PHONY: help install npm test test-memory test-sdks test-guides lint audit format demo demo-check docs docs-run docs-serve bench bench-peers constraints clean

help:  ## List these commands
	@sed -n 's/^\([a-z-]*\):.*##/\1:/p' $(MAKEFILE_LIST) | while IFS=: read -r name what; do printf '%-12s%s\n' "$$name" "$$what"; done

# Fails early where Python is too old.
define CHECK_PYTHON
@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	{ echo "Python 3.11 or newer is needed, $(PYTHON) is not; name one: make PYTHON=python3.12"; exit 1; }
endef

install: $(READY)  ## Make the environment .venv (done by all others where needed)

$(READY): pyproject.toml requirements-dev.txt requirements-integrations.txt constraints-dev.txt
	$(CHECK_PYTHON)
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--constraint constraints-dev.txt --requirement requirements-dev.txt \
		--requirement requirements-integrations.txt --editable .
	@touch $@

npm:  ## Install what the tests and checks of JavaScript need, where there is Node.js
	@if command -v npm >/dev/null; then npm install --prefix tests/npm --no-package-lock --no-audit --no-fund --ignore-scripts; \
		else echo "Node.js is not installed: the checks of JavaScript are left out"; fi

test: $(READY)  ## Run the tests, and those of storages in memory; ARGS="tests/unit -x" runs some
ifeq ($(origin ARGS),file)
	@$(MAKE) --no-print-directory test-memory
endif
	$(BIN)/python -m pytest $(ARGS)

test-memory: $(READY)  ## Run the tests of storages on the package's own server in memory
	TEST_S3_KIND=memory REQUIRE_MINIO=0 $(BIN)/python -m pytest -q $(PARALLEL) --server-only tests/storage tests/testing

SDKS := 7.2.8 7.2.13 7.2.18 7.2.20

test-sdks: $(READY)  ## Test what goes over the wire with versions of the minio SDK, from the oldest to the newest
	@for version in $(SDKS); do \
		echo "minio $$version"; folder=.cache/sdks/$$version; \
		test -d $$folder || $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --target $$folder minio==$$version; \
		PYTHONPATH=$$folder EXPECT_SDK=$$version $(BIN)/python -m pytest -q $(PARALLEL) tests/storage/test_wire.py tests/storage/test_upload_arguments.py tests/unit/test_signing.py tests/unit/test_sdk_requests.py tests/storage/test_bulk.py tests/security/test_frames.py tests/instrumentation || exit 1; \
	done

test-guides: $(READY)  ## Test the guides in docs/coming-from with the libraries that they start from
	$(BIN)/python -m pytest -q $(PARALLEL) tests/guides

lint: $(READY)  ## Check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m mypy  # not the script: an app ships a package `tests`, which only this folder comes before
	@if test -d tests/npm/node_modules; then tests/npm/node_modules/.bin/tsc --project tests/npm; \
		else echo "JavaScript is not checked: make npm installs what is needed"; fi

audit: $(READY)  ## Look for known vulnerabilities and for weak workflows; AUDIT=--strict fails where nobody can be asked
	$(BIN)/python -m tools.audit $(AUDIT)

format: $(READY)  ## Format, and mend what ruff can mend
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

$(DEMO_READY): pyproject.toml requirements-demo.txt constraints-dev.txt
	$(CHECK_PYTHON)
	@echo "Making the demo's environment .venv-demo; this takes about a minute, and only the first time ..."
	@$(PYTHON) -m venv .venv-demo
	@.venv-demo/bin/python -m pip install --disable-pip-version-check \
		--constraint constraints-dev.txt --requirement requirements-demo.txt --editable .
	@touch $@

demo: $(DEMO_READY)  ## Run the example site with a server of its own
	@.venv-demo/bin/python -m tools.demo

demo-check: $(DEMO_READY)  ## Visit the example site and check what it shows
	@.venv-demo/bin/python -m tools.demo --check

$(DOCS_READY): pyproject.toml requirements-docs.txt constraints-dev.txt
	$(PYTHON) -m venv .venv-docs
	.venv-docs/bin/python -m pip install --quiet --disable-pip-version-check \
		--constraint constraints-dev.txt --requirement requirements-docs.txt --editable .
	@touch $@

MKDOCS := NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mkdocs

docs: $(DOCS_READY)  ## Build the documentation in build/docs; a broken link or anchor is an error
	$(MKDOCS) build --quiet --strict --clean

docs-serve: $(DOCS_READY)  ## Show the documentation at http://127.0.0.1:8001/, and follow changes
	$(MKDOCS) serve --dev-addr 127.0.0.1:8001 --livereload

docs-run: $(READY)  ## Run what README.md and docs/ show; PAGES="docs/start/servers.md" runs some
	$(BIN)/python -m tools.check_documents $(PAGES)

bench: $(READY)  ## Measure speed and memory; BENCH="--rounds 7 --only saves" measures some of it, more often
	$(BIN)/python -m tests.benchmarks $(BENCH)

bench-peers: $(READY)  ## Compare with other libraries, and write table and chart; BENCH="--only ours django-storages" prints
	$(BIN)/python -m tests.benchmarks.peers $(BENCH)

# Tools that touch what is published: no newer than two weeks, in which most malicious releases are found and withdrawn.
RELEASE_TOOLS := build hatchling twine

constraints:  ## Write constraints-dev.txt and requirements-release.txt anew with the newest versions
	$(PYTHON) -m venv --clear .venv-constraints
	.venv-constraints/bin/python -m pip install --quiet --disable-pip-version-check \
		--requirement requirements-dev.txt --requirement requirements-integrations.txt \
		--requirement requirements-docs.txt --requirement requirements-demo.txt --editable .
	{ head -n 1 constraints-dev.txt; .venv-constraints/bin/python -m pip freeze --exclude-editable; } > constraints-new.txt
	mv constraints-new.txt constraints-dev.txt
	.venv-constraints/bin/python -m pip install --quiet --disable-pip-version-check uv
	printf '%s\n' $(RELEASE_TOOLS) | .venv-constraints/bin/uv pip compile - --quiet --upgrade --universal --python-version 3.11 \
		--exclude-newer "14 days" --generate-hashes --no-annotate --custom-compile-command "make constraints" \
		--output-file requirements-release.txt
	rm -rf .venv-constraints

clean:  ## Remove the environment and all results
	rm -rf .venv .venv-constraints .venv-demo .venv-docs .cache build dist htmlcov .coverage .coverage.* .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
