# Two commands matter: `make run` and `make test`. Both need only git, make and Python 3.11 or later.
# PORT, HOST and HUIMENG_DATA are passed on: `make run PORT=9000`.

VENV := .venv
BIN := $(VENV)/bin
RUN_READY := $(VENV)/.run-ready
DEV_READY := $(VENV)/.dev-ready
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input --quiet
PURE := --only-binary :all:
COMPILE := $(BIN)/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 \
	--generate-hashes --no-header --no-emit-index-url --no-emit-find-links

NPM := sh web/npm
CONSOLE := huimeng/entry/console/dist/index.html
CONSOLE_PARTS := web/console/node_modules/.parts-ready
CONSOLE_TOOLS := web/console/node_modules/.tools-ready
CONSOLE_SOURCES := docs/openapi.json $(shell find web/console -type f -not -path '*/node_modules/*' \
	-not -name '*.md' -not -name '*.test.ts' -not -name 'schema.d.ts')

.PHONY: help run test bench check console web-check web-test openapi client screenshots lock clean

help: ## this list
	@grep -E '^[a-z]+:.*## ' Makefile | sed -E 's/^([a-z]+):.*## (.*)/  make \1	\2/'

run: $(RUN_READY) ## install, build the console, start the database, import the demo year once, serve; Ctrl-C ends it all
	@$(MAKE) --no-print-directory console || \
		echo "管理后台未能构建，先启动其余部分 / the console could not be built; starting without it" >&2
	@trap : INT TERM; $(BIN)/huimeng run --demo; code=$$?; \
	case $$code in 130|143) code=0;; esac; exit $$code

test: $(DEV_READY) web-test console ## all tests, on a database of their own
	@$(BIN)/python -m pytest

bench: $(DEV_READY) ## ratios against plain ways, measured on this machine; writes bench/report.json
	@$(BIN)/python -m bench

check: $(DEV_READY) web-check ## style, types, architecture, tidiness, schema drift
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m pytest -q tests/test_tidy.py $(wildcard tests/infra/test_drift.py)

console: $(CONSOLE) ## build the console from web/console, if it is not up to date

web-check: $(CONSOLE_TOOLS) ## the console's types and style
	@$(NPM) run --silent check

web-test: $(CONSOLE_TOOLS) ## the console's own tests
	@$(NPM) test --silent

openapi: $(DEV_READY) ## renew docs/openapi.json; refuses a break that docs/api-changelog.md does not name
	@$(BIN)/python -m tests.contract

client: $(DEV_READY) ## a Python client of the API in clients/python, made from docs/openapi.json
	@mkdir -p clients
	@$(BIN)/openapi-python-client generate --path docs/openapi.json --config docs/client.yaml \
		--output-path clients/python --overwrite

screenshots: $(DEV_READY) console ## the pictures of README and docs/guide, from the demo; needs Chromium
	@$(BIN)/python -m tests.browser.guide

lock: $(DEV_READY) ## renew requirements/*.lock; UPGRADE=1 takes newer releases
	@$(COMPILE) $(if $(UPGRADE),--upgrade) --extra demo --extra build -o requirements/run.lock
	@$(COMPILE) $(if $(UPGRADE),--upgrade) --all-extras -c requirements/run.lock -o requirements/dev.lock

clean: ## remove what was installed and built; the data folder stays
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis dist clients \
		huimeng/entry/console/dist web/console/node_modules web/console/src/shared/api/schema.d.ts

$(RUN_READY): requirements/run.lock pyproject.toml
	@sh .ci/venv $(VENV)
	@echo "正在安装依赖，首次约需一两分钟 / installing, a minute or two the first time"
	@$(PIP) install --require-hashes $(PURE) -r requirements/run.lock
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

$(DEV_READY): requirements/dev.lock $(RUN_READY)
	@$(PIP) install --require-hashes $(PURE) -r requirements/dev.lock
	@touch $@

# Of other parts the lock file is another one, and that is among the sources.
$(CONSOLE): $(CONSOLE_SOURCES) | $(CONSOLE_PARTS)
	@echo "正在构建管理后台 / building the console"
	@$(NPM) run --silent build
	@touch $@

# Only what building takes; make check and make test also need the tools.
$(CONSOLE_PARTS): web/console/package-lock.json | $(RUN_READY)
	@echo "正在下载管理后台的组件，首次约需一分钟 / fetching the console's parts, a minute the first time"
	@$(NPM) ci --loglevel=error --omit=dev
	@touch $@

$(CONSOLE_TOOLS): web/console/package-lock.json | $(RUN_READY)
	@echo "正在下载管理后台的组件与检查工具 / fetching the console's parts and tools"
	@$(NPM) ci --loglevel=error
	@touch $(CONSOLE_PARTS) $@
