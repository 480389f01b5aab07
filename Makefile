# make results     set up .venv and run a study to its figures and report (CONFIG=experiments/... for another one)
# make test        set up .venv and run all checks
# make test-quick  the checks of a few minutes, for who edits: no studies, no browser, no conda, no Slurm
# make archive     pack the finished study of CONFIG into one file (CONTENTS=results or figures for a smaller one)
# make restore     ARCHIVE=FILE   bring an archived study back into this clone
# make benchmark   time the engine, training, dumps and whole studies, and write docs/performance.md
# make gpu-check   check and time training on the GPU, if there is one
# make docs        make the documentation site in docs/_build/html
# All are safe to repeat: nothing is installed or computed again that is there.

PYTHON ?= python3
CORES ?= $(shell getconf _NPROCESSORS_ONLN)
CONFIG ?= config.yaml
CONTENTS ?= all
# Asked of the program when it is first needed, and once.
STUDY = $(eval STUDY := $(shell $(BIN)/prunesim study --configfile $(CONFIG)))$(STUDY)
ARCHIVE ?= $(STUDY)-$(CONTENTS).tar.gz
BIN = .venv/bin
SNAKEMAKE = $(BIN)/snakemake --cores $(CORES) --configfile $(CONFIG)
# On a terminal the workflow shows one display instead of Snakemake's lines; elsewhere these are kept few.
FEW_LINES = $(shell test -t 2 && test "$$PRUNESIM_DISPLAY" != 0 && test "$${TERM:-dumb}" != dumb || echo --quiet rules reason host)
NEEDED_GB = 8
# Some tests wait, for Slurm and for what they kill: two workers keep a core busy.
WORKERS ?= $(shell echo $$((2 * $(CORES) < 8 ? 2 * $(CORES) : 8)))

.PHONY: help results archive restore test test-quick lint docs benchmark gpu-check clean

help:
	@sed -n 's/^# //p' Makefile

results: .venv/installed
	@test -n "$(STUDY)"
	@echo "== Running the study $(STUDY) of $(CONFIG) on $(CORES) cores"
	@$(SNAKEMAKE) $(FEW_LINES)
	@$(BIN)/prunesim report 'results/$(STUDY)' --configfile $(CONFIG)
	@$(BIN)/prunesim verify results/$(STUDY)
	@echo "== Figures: results/$(STUDY)/figures   Tables: results/$(STUDY)/tables   Explorer: results/$(STUDY)/explorer.html   Report: results/$(STUDY)/report.html"

archive: .venv/installed
	@test -n "$(STUDY)"
	@$(BIN)/prunesim archive 'results/$(STUDY)' --configfile $(CONFIG) --contents '$(CONTENTS)' --output '$(ARCHIVE)'

restore: .venv/installed
	@$(BIN)/prunesim restore '$(ARCHIVE)'

test: lint
	@echo "== Tests"
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

test-quick: .venv/installed-dev
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n $(CORES) -m "not slow"

benchmark: .venv/installed-benchmark
	@$(BIN)/python benchmarks/similarity.py --output docs/performance.md
	@$(BIN)/python benchmarks/structured.py --output docs/performance.md
	@$(BIN)/python benchmarks/training.py --output docs/performance.md
	@$(BIN)/python benchmarks/dumps.py --output docs/performance.md
	@$(BIN)/python benchmarks/orchestration.py --output docs/performance.md
	@$(BIN)/python benchmarks/growth.py --output docs/performance.md

# Any Python with torch, numpy, scipy and safetensors will do.
gpu-check:
	@$(if $(wildcard $(BIN)/python),$(BIN)/python,$(PYTHON)) benchmarks/gpu.py --output gpu-check.md

lint: .venv/installed-dev
	@echo "== Style"
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/snakefmt --check Snakefile workflow
	@$(BIN)/snakemake --lint

docs: .venv/installed-dev
	@$(BIN)/python -m sphinx -W --keep-going -q docs docs/_build/html
	@echo "== Site: docs/_build/html/index.html"

clean:
	rm -rf .venv docs/_build

.venv/installed: requirements.txt constraints.txt | .venv/bin/python
	@echo "== Installing what the pipeline needs into .venv (several GB for PyTorch)"
	@$(CHECK_DISK)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

.venv/installed-dev: requirements-dev.txt .venv/installed
	@echo "== Installing what the tests need into .venv"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

.venv/installed-benchmark: benchmarks/requirements.txt .venv/installed
	@echo "== Installing what the benchmarks need into .venv"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r benchmarks/requirements.txt -c constraints.txt
	@touch $@

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "prunesim needs Python 3.11 or newer, but $(PYTHON) is $$($(PYTHON) -V 2>&1); choose another one with make PYTHON=python3.12." >&2; exit 1; }
	@echo "== Making .venv with $$($(PYTHON) -V)"
	@$(PYTHON) -m venv .venv

define CHECK_DISK
free=$$(df -Pk . | awk 'NR == 2 {print int($$4 / 1048576)}'); test "$$free" -ge $(NEEDED_GB) || \
  { echo "Only $$free GB are free in $$(pwd), but the installation needs $(NEEDED_GB) GB; free some space and run again." >&2; exit 1; }
endef
