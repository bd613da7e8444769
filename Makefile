# Everything a clone needs. Each target sets up what it needs first; `make` alone lists them.
PYTHON ?=
VENV   ?= .venv
ARGS   ?=
BIN     = $(VENV)/bin
READY   = $(VENV)/.ready
# Where ARGS choose tests, a part of the suite may have none of them; else no test is a failure.
NONE_IS_FINE = $(if $(ARGS),|| [ $$? = 5 ])

.DEFAULT_GOAL := help
.PHONY: help demo up down doctor test lint bench-canary bench-learning notebooks clean

help:           ## list the targets
	@sed -n 's/^\([a-z-]*\): .*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 22

demo: export GENNAKER_DEMO_STARTED_AT := $(shell date +%s)
demo: $(READY)  ## ship four releases of a small service, and see two of them rolled back
	@$(BIN)/gennaker demo $(ARGS)

up: $(READY)    ## start Airflow, MLflow and the local cloud, and print the links
	@$(BIN)/gennaker up $(ARGS)

down: $(READY)  ## stop all of it; state is kept
	@$(BIN)/gennaker down

doctor: $(READY) ## say what is missing on this machine, and how to mend it
	@$(BIN)/gennaker doctor

test: $(READY)  ## unit tests, then end-to-end tests on the real stack (ARGS="-k name" chooses)
	@echo "make: unit tests"
	@$(BIN)/python -m pytest -m "not stack" -n 2 --junitxml tests/artifacts/unit.xml $(ARGS) $(NONE_IS_FINE)
	@echo "make: end-to-end tests on the real stack"
	@$(BIN)/python -m pytest -m "stack and not demo" --junitxml tests/artifacts/end-to-end.xml $(ARGS) $(NONE_IS_FINE)
	@echo "make: the demo, on a stack of its own"
	@$(BIN)/python -m pytest -m demo --junitxml tests/artifacts/demo.xml $(ARGS) $(NONE_IS_FINE)

lint: $(READY)  ## ruff, mypy --strict, and the floors' import rule
	@echo "make: ruff check"; $(BIN)/ruff check
	@echo "make: ruff format --check"; $(BIN)/ruff format --check
	@echo "make: mypy"; $(BIN)/mypy
	@echo "make: lint-imports"; $(BIN)/lint-imports

bench-canary: $(READY) ## measure the canary judges, write docs/canary-performance.md (ARGS="counts" chooses)
	@$(BIN)/python -m tests.bench.canary $(ARGS)

bench-learning: $(READY) ## measure the learning loop, write docs/learning-performance.md (ARGS="replaying" chooses)
	@$(BIN)/python -m tests.bench.learning $(ARGS)

notebooks: $(READY) ## open the analysts' notebooks in JupyterLab, in an environment of its own
	@VENV=$(VENV) .ci/notebooks lab $(ARGS)

clean:          ## stop all of it and remove the state folder (.gennaker)
	@if [ -x $(BIN)/gennaker ]; then $(BIN)/gennaker down; fi
	@rm -rf "$${GENNAKER_HOME:-.gennaker}"
	@echo "make: removed $${GENNAKER_HOME:-.gennaker}"

$(READY): pyproject.toml docker/constraints.txt
	@PYTHON="$(PYTHON)" VENV="$(VENV)" .ci/install
	@touch $@
