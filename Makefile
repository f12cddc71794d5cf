# One command each, on a machine with Python 3.11, 3.12 or 3.13, pip, git and make.
# What is installed goes into folders of the project: .uv (the installer), .venv and .venv-*.
CORES ?= $(shell nproc 2>/dev/null || getconf _NPROCESSORS_ONLN)
# Yours if you have it, else one that pip installs.
OWN_UV := $(if $(shell command -v uv),,.uv/bin/uv)
UV := $(or $(OWN_UV),uv)
# Nothing is installed that a lock file does not have by its hash, nor used to build a package.
SYNC = $(UV) pip sync --require-hashes --build-constraints requirements-installer.lock
LOCK = $(UV) pip compile --quiet --upgrade --universal --generate-hashes --no-header
# Interpreter of the environment: any that `requires-python` allows, python3 if it is one.
PYTHON ?= >=3.11,<3.14
export UV_SYSTEM_CERTS = 1
export PIP_DISABLE_PIP_VERSION_CHECK = 1
export PATH := $(CURDIR)/.venv/bin:$(PATH)
# What a user has set for other installations, or for another Python, must not reach this one.
unexport PIP_CONSTRAINT PIP_PREFIX PIP_PYTHON PIP_REQUIREMENT PIP_ROOT PIP_TARGET PIP_USER
unexport UV_BUILD_CONSTRAINT UV_CONSTRAINT UV_OVERRIDE UV_PYTHON UV_SYSTEM_PYTHON
unexport PYTHONDONTWRITEBYTECODE PYTHONHOME

SYSTEM := $(shell uname)
ifneq ($(SYSTEM),Linux)
$(error eiphase simulates and runs its workflow on Linux only, and this is $(SYSTEM), where it opens \
and plots phase maps that were made on Linux, and computes theory: for that, uv pip install .)
endif

ifneq ($(findstring :,$(CURDIR)),)
$(error The folder $(CURDIR) has a colon in its name, which PATH cannot hold: rename it)
endif

.PHONY: anew demo tutorial report check-report check-explorer check-datasets package check-links quick test test-slurm faults lint docs \
	live-map tables numbers bench bench-peers growth lock clean
.DEFAULT_GOAL := demo

demo: .venv/ready  ## sweep config/demo.yaml and draw its phase maps
	snakemake --cores $(CORES)
	@echo "Phase maps: results/demo/figures/phase_maps.png"
	@echo "In your browser, with networks that run at a click: results/demo/explorer.html"
	@echo "Next: source .venv/bin/activate, then eiphase show results/demo/phase_map.nc"

tutorial: .venv/ready  ## the source tutorial's networks and figures
	snakemake tutorial --cores $(CORES)
	@echo "Figures: results/tutorial/figures"

report: demo tutorial  ## both, and one page that holds all
	snakemake all tutorial --cores $(CORES) --report results/report.html
	@echo "Report: results/report.html"

check-report: report  ## opens it in headless Chromium, which must be there
	python tests/support/check_report.py results/report.html

check-explorer: demo  ## uses the demo's page in headless Chromium, and compares its networks with eiphase's
	python tests/support/check_explorer.py results/demo/phase_map.nc

check-datasets: demo .venv-compliance/ready  ## asks other tools whether they can read the demo's files
	eiphase simulate --q 5 --g 4.5 --neurons 40 --steps 600 --burn-in 100 --max-lag 100 \
		--output results/check/recording.nc
	.venv-compliance/bin/python tests/compliance/check.py results/check/recording.nc \
		results/demo/*.nc results/demo/tiles/*/*/*.nc
	eiphase publish results/demo --output results/check/demo.zip --license CC-BY-4.0 --overwrite
	.venv-compliance/bin/python tests/compliance/check_crate.py results/check/demo.zip

package: .venv/dev-ready  ## wheel and sdist, checked, and a sweep run from the wheel alone
	python tests/support/check_package.py

check-links: .venv/dev-ready  ## asks for every page elsewhere that the docs link to
	python tests/support/check_links.py

quick: .venv/dev-ready  ## the tests to run while you write: units, the tutorial, one tiny sweep
	pytest -n auto --dist loadgroup --no-loadscope-reorder -m "not (slow or workflow or system)"

test: .venv/dev-ready  ## linters, type checker, docs and all tests
	$(MAKE) --jobs=2 --output-sync=target lint docs
	pytest -n auto --dist loadgroup --no-loadscope-reorder

faults: .venv/dev-ready  ## jobs that die, hang and are stopped: what comes of each
	python tests/support/faults.py

test-slurm: .venv/ready  ## a small sweep on a private Slurm, as root on Debian
	tests/slurm/in_cluster python tests/slurm/check_sweep.py

lint: .venv/dev-ready
	ruff check
	ruff format --check
	mypy
	lint-imports
	snakefmt --check Snakefile workflow

docs: .venv/dev-ready  ## site/, with internal links checked
	mkdocs build --strict --quiet
	@echo "Pages: open site/index.html"

live-map: demo  ## the demo's phase map for the docs, which show it live
	gzip -9 --no-name --stdout results/demo/phase_map.nc > docs/demo.nc.gz

tables: .venv/ready  ## the docs' tables of keys and variables, from the code
	python docs/tables.py

numbers: .venv/ready  ## the numbers that the docs quote from simulations, measured again
	python docs/quotes.py

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

# An environment works only in the folder that it was made in, with the Python that it was made of.
# Its last step imports what jobs import, so that they find it compiled where they may not write.
ifneq ($(shell test -x .venv/bin/python && cat .venv/ready),$(CURDIR))
.venv/ready: anew
endif
.venv/ready: requirements.lock requirements-installer.lock pyproject.toml | $(OWN_UV)
	$(UV) venv --quiet --clear --python '$(PYTHON)' .venv
	$(SYNC) --python .venv requirements.lock
	$(UV) pip install --quiet --python .venv --no-deps --no-build-isolation --editable .
	@echo "Compiling the kernels, once: a minute or two"
	.venv/bin/eiphase compile
	.venv/bin/python -c 'import snakemake.cli, eiphase.figures.save, eiphase.jobs.notebook, \
		eiphase.lava.run, lava.magma.compiler.compiler'
	pwd -P > $@

.venv/dev-ready: requirements-dev.lock .venv/ready | $(OWN_UV)
	$(UV) pip install --quiet --python .venv --require-hashes --requirements requirements-dev.lock
	touch $@

.venv-peers/ready: benchmarks/peers/requirements.lock | $(OWN_UV)
	$(UV) venv --quiet --clear --python '$(PYTHON)' .venv-peers
	$(SYNC) --python .venv-peers $<
	touch $@

.venv-compliance/ready: tests/compliance/requirements.lock | $(OWN_UV)
	$(UV) venv --quiet --clear --python '$(PYTHON)' .venv-compliance
	$(SYNC) --python .venv-compliance $<
	touch $@

.uv/bin/uv: requirements-installer.lock
	python3 -m venv --clear .uv
	.uv/bin/python -m pip install --quiet --require-hashes --requirement $<

lock: | $(OWN_UV)  ## pin the newest versions that pyproject.toml allows
	$(LOCK) --all-extras --group lava --group build pyproject.toml \
		--output-file requirements.lock
	$(LOCK) --group dev --constraints requirements.lock --output-file requirements-dev.lock
	$(LOCK) --group installer --output-file requirements-installer.lock
	$(LOCK) --python-version 3.11 benchmarks/peers/requirements.in \
		--output-file benchmarks/peers/requirements.lock
	$(LOCK) tests/compliance/requirements.in --output-file tests/compliance/requirements.lock

clean:  ## remove the environment and compiled kernels; results stay
	rm -rf .venv .venv-peers .venv-compliance .uv src/eiphase/__pycache__
