# Two commands: `make demo` shows the gateway at work, `make test` proves it.  Both set themselves up.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
JOBS ?= auto
FIRST ?= 1
COUNT ?= 1000
SIM_JOBS ?= 2
RACES ?= 200
# Compiled modules are kept whatever the surroundings say: a process of `ceg` starts a second sooner.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help setup demo test sim races breaks lint bench clean lock

help:  ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

setup: $(STAMP)  ## make .venv with everything pinned, and `ceg` in it

$(STAMP): requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed (PYTHON=python3.12 make …)"; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(STAMP)

demo: setup  ## gateway and four banks on loopback, cases over all twelve pairs, every receipt verified
	@$(BIN)/ceg demo

test: setup  ## everything: style, types, layers, unit, property, integration, acceptance
	@$(BIN)/python -m pytest -n $(JOBS) --dist worksteal

sim: setup  ## the whole region on virtual time: COUNT seeds from FIRST on, or one: SEED=n; BACKLOG=n: a bank that was away
	@$(BIN)/python -m gateway.simulator.$(if $(BACKLOG),backlog $(BACKLOG),scenario $(if $(SEED),$(SEED),$(FIRST) $(COUNT) $(SIM_JOBS)))

races: setup  ## two to four banks race for one outcome over HTTP, the gateway killed meanwhile: RACES=200
	@PYTHONPATH=tests $(BIN)/python -m support.races $(RACES)

breaks: setup  ## break the code for each fault of the simulation, in a copy, and see a checker speak: FAULT="bank down"
	@PYTHONPATH=tests $(BIN)/python -m support.breaks $(if $(FAULT),"$(FAULT)")

lint: setup  ## style, types and layers only
	@$(BIN)/python -m pytest -q tests/style

bench: setup  ## the benches, one JSON line each
	@for bench in benches/bench_*.py; do $(BIN)/python $$bench || exit 1; done

lock: setup  ## pin again what pyproject.toml allows
	@$(BIN)/python -m piptools compile --quiet --generate-hashes --strip-extras --allow-unsafe --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-header \
		--extra dev --output-file requirements/dev.txt pyproject.toml

clean:  ## remove what was set up
	@rm -rf $(VENV) var build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
