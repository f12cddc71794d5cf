# One command each, on a machine with Python 3.11 or 3.12, pip, git and make.
# What is installed goes into folders of the project: .uv (the installer), .venv and .venv-peers.
CORES ?= $(shell nproc 2>/dev/null || getconf _NPROCESSORS_ONLN)
UV = $(shell command -v uv || echo .uv/bin/uv)
# Interpreter of the environment: any that `requires-python` allows, python3 if it is one.
PYTHON ?= >=3.11,<3.13
export UV_SYSTEM_CERTS = 1
export PIP_DISABLE_PIP_VERSION_CHECK = 1
export PATH := $(CURDIR)/.venv/bin:$(PATH)
# Where uv installs: else it would be the environment that is active.
export VIRTUAL_ENV := $(CURDIR)/.venv

SYSTEM := $(shell uname)
ifneq ($(SYSTEM),Linux)
$(error eiphase simulates and runs its workflow on Linux only, and this is $(SYSTEM), where it opens \
and plots phase maps that were made on Linux, and computes theory: for that, uv pip install .)
endif

.PHONY: demo tutorial report check-report check-links test test-slurm faults lint docs tables bench \
	bench-peers growth lock clean
.DEFAULT_GOAL := demo

demo: .venv/ready  ## sweep config/demo.yaml and draw its phase maps
	snakemake --cores $(CORES)
	@echo "Phase maps: results/demo/figures/phase_maps.png"

tutorial: .venv/ready  ## the source tutorial's networks and figures
	snakemake tutorial --cores $(CORES)
	@echo "Figures: results/tutorial/figures"

report: demo tutorial  ## both, and one page that holds all
	snakemake all tutorial --cores $(CORES) --report results/report.html
	@echo "Report: results/report.html"

check-report: report  ## opens it in headless Chromium, which must be there
	python tests/check_report.py results/report.html

check-links: .venv/ready  ## asks for every page elsewhere that the docs link to
	python tests/check_links.py

test: .venv/ready lint docs  ## linters, type checker, docs and all tests
	pytest -n auto --dist loadfile --no-loadscope-reorder

faults: .venv/ready  ## jobs that die, hang and are stopped: what comes of each
	python tests/faults.py

test-slurm: .venv/ready  ## a small sweep on a private Slurm, as root on Debian
	tests/slurm/in_cluster python tests/slurm/check_sweep.py

lint: .venv/ready
	ruff check
	ruff format --check
	mypy
	snakefmt --check Snakefile workflow

docs: .venv/ready  ## site/, with internal links checked
	mkdocs build --strict --quiet

tables: .venv/ready  ## the docs' tables of keys and variables, from the code
	python docs/tables.py

bench: export OPENBLAS_NUM_THREADS = 1
bench: .venv/ready  ## cost of one simulation, beside a matrix product and the tutorial's path
	python benchmarks/kernels.py
	python benchmarks/simulation.py
	python benchmarks/options_cost.py

bench-peers: .venv/ready .venv-peers/ready  ## the same networks by NumPy, JAX, Brian2 and NEST
	python benchmarks/peers/compare.py .venv-peers/bin/python

growth: export OPENBLAS_NUM_THREADS = 1
growth: .venv/ready  ## time and memory against neurons and steps, drawn as results/growth.png
	python benchmarks/growth.py results/growth.png

.venv/ready: requirements.lock pyproject.toml | $(UV)
	$(UV) venv --quiet --clear --python '$(PYTHON)' .venv
	$(UV) pip sync --require-hashes --compile-bytecode requirements.lock
	$(UV) pip install --quiet --no-deps --no-build-isolation --editable .
	.venv/bin/eiphase compile
	touch $@

.venv-peers/ready: benchmarks/peers/requirements.lock | $(UV)
	$(UV) venv --quiet --clear --python '$(PYTHON)' .venv-peers
	VIRTUAL_ENV=.venv-peers $(UV) pip sync --require-hashes --compile-bytecode $<
	touch $@

.uv/bin/uv:
	python3 -m venv .uv
	.uv/bin/pip install --quiet 'uv>=0.9,<1'

lock: | $(UV)  ## pin the newest versions that pyproject.toml allows
	$(UV) pip compile --quiet --upgrade --universal --generate-hashes --no-header \
		--all-extras pyproject.toml --output-file requirements.lock
	$(UV) pip compile --quiet --upgrade --universal --generate-hashes --no-header \
		--python-version 3.11 benchmarks/peers/requirements.in \
		--output-file benchmarks/peers/requirements.lock

clean:  ## remove the environment and compiled kernels; results stay
	rm -rf .venv .venv-peers .uv src/eiphase/__pycache__
