# make run    the whole scaler on this machine: emulated Azure, Redis, the four functions, visitors  (Ctrl-C ends it)
#             FOR=60s ends it by itself, SPEED=20 sets how much faster than Azure it runs, JSON=1 adds a line of figures, LOG=FILE keeps the log
#             VIEW=live|lines is how it is shown (live on a terminal), SCALE_SETS=2 runs two on one registry, WEB=0 goes without the page,
#             READY=healthy lets visitors in only when the stream is there,
#             END=unhealthy has visitors who just close the tab, and machines that end their sessions,
#             HOT=2 keeps so many machines running for visitors to come, and gives Redis the replica that this needs
# make chaos  everything breaks, in virtual time: SEEDS=500, ROUNDS=2 (in every weather) or FOR=60s, from SEED or the first seed of the day; ARGS="--list"
# make chaos-real  real processes killed, stopped, failed over and cut off: FOR=2m SEED=1
# make test   the everyday tests: units, contracts, any order of events, one run; about three minutes on two cores
# make test-all  those and the long ones: the model, planted bugs, disasters, the real az (make test-long: only the long)
# make mutants  how many small changes to the core its unit tests notice: MUTANTS=200 SEED=0, some five minutes
# make bench  what everything costs, beside floors and goals: six minutes; ARGS="--json --rtt 20ms --arm 1s --only redis"
# make check  ruff, mypy --strict, the import contracts, the share of pronouns in docstrings
# make package  dist/scaler-<version>.zip: the app as it is deployed
# make release  dist/release-<version>/: the package, the command line, the scripts, the deployment, checksums
# make fuzz   hostile input, coverage-guided: FUZZ="record notes" FOR=60
# make emulator ARGS="--help"   only the emulated Azure
# make kql    Microsoft's own parser of Kusto queries (30 MB; needs npm), for the test that reads those in docs/ and monitoring/
# make promtool  Prometheus' own check of metrics and alert rules (20 MB; needs apt-get), for the test that reads ours
# make browser  what drives Debian's chromium (14 MB; needs npm, and chromium beside it), for the test that looks at scaler web
# make guest  Epic's library of the signalling protocol (6 MB; needs npm), for the tests of the health responder in guest/
# make az     the real az in a venv of its own (700 MB), for the test that types a session; make az-session writes its page
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3.13
BIN := .venv/bin
export FOR SPEED SEED SEEDS ROUNDS MUTANTS VISITORS JSON VIEW LOG WEB SCALE_SETS READY END HOT

.PHONY: help setup redis run chaos chaos-real test test-long test-all mutants bench check format package release emulator az az-session kql promtool browser guest fuzz

help:
	@sed -n '/^# /!q; s/^# //p' Makefile

setup: .venv/.ready

.venv/.ready: requirements.txt requirements-dev.txt
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.13 is needed and '$(PYTHON)' was not found; install it (python.org, pyenv install 3.13, apt install python3.13 python3.13-venv), or name it: make PYTHON=/path/to/python3.13 …" >&2; exit 2; }
	@echo "setting up .venv (once; about a minute)"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

# A real redis-server where one can be had; the tests and the run say loudly what they do without it.
redis:
	@command -v redis-server >/dev/null && exit 0; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  echo "installing redis-server"; \
	  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends redis-server; } >/dev/null 2>&1 || true; \
	fi; \
	command -v redis-server >/dev/null || echo "*** no redis-server on this machine: install it (apt install redis-server, brew install redis) to run everything against a real one ***"

run: setup redis
	@$(BIN)/python -m simulator

chaos: setup
	@$(BIN)/python -m simulator chaos $(if $(SEEDS),--seeds $(SEEDS)) $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(FOR),--for $(FOR)) $(if $(SEED),--seed $(SEED)) $(ARGS)

chaos-real: setup redis
	@$(BIN)/python -m simulator chaos-real $(ARGS)

test: setup redis
	@$(BIN)/python -m pytest -n 2 --dist worksteal -m "not long" $(ARGS)

test-long: setup redis
	@$(BIN)/python -m pytest -n 2 --dist worksteal -m long $(ARGS)

test-all: setup redis
	@$(BIN)/python -m pytest -n 2 --dist worksteal $(ARGS)

mutants: setup
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-mutants.txt
	@PYTHONPATH=tests $(BIN)/python -m mutation

bench: setup redis
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-bench.txt
	@$(BIN)/python -m benchmarks $(ARGS)

check: setup
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m docs.plainness --worst 3

format: setup
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

package: setup
	@$(BIN)/python -m infra.package $(ARGS)

release: setup
	@$(BIN)/python -m infra.package --release $(ARGS)

emulator: setup
	@$(BIN)/python -m emulator $(ARGS)

az: .venv-az/.ready

.venv-az/.ready: requirements-az.txt
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.13 is needed: see make setup" >&2; exit 2; }
	@echo "installing azure-cli into .venv-az (once; about a minute)"
	@$(PYTHON) -m venv .venv-az
	@.venv-az/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-az.txt
	@touch $@

az-session: setup az
	@WRITE_DOCS=1 $(BIN)/python -m pytest tests/wire/test_azure_cli.py

kql: .kusto/.ready

.kusto/.ready: tests/queries/package.json
	@command -v npm >/dev/null || { echo "npm is needed: apt-get install nodejs npm" >&2; exit 2; }
	@mkdir -p .kusto && cp $< .kusto/
	@npm install --prefix .kusto --silent --no-audit --no-fund --no-package-lock --ignore-scripts
	@touch $@

browser: .browser/.ready
	@test -n "$$CHROMIUM" || command -v chromium >/dev/null || { echo "chromium is needed: apt-get install chromium fonts-dejavu-core; or name one: CHROMIUM=/path/to/chromium" >&2; exit 2; }

.browser/.ready: tests/browser/package.json
	@command -v npm >/dev/null || { echo "npm is needed: apt-get install nodejs npm" >&2; exit 2; }
	@mkdir -p .browser && cp $< .browser/
	@npm install --prefix .browser --silent --no-audit --no-fund --no-package-lock --ignore-scripts
	@touch $@

guest: .guest/.ready

.guest/.ready: tests/guest/package.json
	@command -v npm >/dev/null || { echo "npm is needed: apt-get install nodejs npm" >&2; exit 2; }
	@mkdir -p .guest && cp $< .guest/
	@npm install --prefix .guest --silent --no-audit --no-fund --no-package-lock --ignore-scripts
	@touch $@

promtool: .promtool/promtool

.promtool/promtool:
	@command -v apt-get >/dev/null || { echo "apt-get is needed; or install Prometheus, and have promtool in PATH" >&2; exit 2; }
	@mkdir -p .promtool && cd .promtool && { apt-get download -qq prometheus || { apt-get update -qq && apt-get download -qq prometheus; }; } 2>/dev/null && dpkg-deb -x prometheus_*.deb package
	@mv .promtool/package/usr/bin/promtool $@ && rm -rf .promtool/package .promtool/prometheus_*.deb && touch $@

# Coverage-guided, one property after the other: FOR seconds each (60); FUZZ="record notes" chooses. Linux only.
FUZZ ?= record notes member decision page instance scale_set network flexible refused headers link settings
fuzz: setup
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-fuzz.txt
	@for target in $(FUZZ); do PYTHONPATH=tests $(BIN)/python -m fuzz $$target $(or $(FOR),60) || exit 1; done
