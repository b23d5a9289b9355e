# Everything that a learner or a developer types. `make` alone lists it.
# Needs make, a POSIX shell and Python 3.11 or newer; uses uv if it is there.

VENV := .venv
ifeq ($(OS),Windows_NT)
PY := $(VENV)/Scripts/python
else
PY := $(VENV)/bin/python
endif

LESSON ?= 00_start_here
MINUTES ?= 5
WORKERS ?= 4  # how many tests run at once
KERNELS ?= 6  # how many notebooks run at once: they wait as much as they compute
PAGES ?= 3  # how many pages are open at once
DEMO := 02_live_counter 03_blocking_vs_nonblocking 05_shared_state
NBVAL := --nbval --nbval-current-env --nbval-cell-timeout=60
SPREAD := -n $(WORKERS) --dist worksteal
NBVAL_SPREAD := -n $(KERNELS) --dist loadfile $(NBVAL)
NOT_BROWSER := tests --ignore=tests/browser

# Tests see a Jupyter without anybody's personal settings or start-up files.
ISOLATED := IPYTHONDIR="$(CURDIR)/$(VENV)/ipython" JUPYTER_CONFIG_DIR="$(CURDIR)/$(VENV)/jupyter"
# Schemathesis is used as a command: its plug-in would only be read by every process.
PYTEST := $(ISOLATED) $(PY) -m pytest -p no:schemathesis

# Containers often forbid it, but then every process compiles the package and its tests again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help lab known-lesson demo handout test test-long lint unit nbval browser unit-long browser-long chromium notebooks notebooks-ten bench soak clean

help:  ## List what there is to type
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1	\2/p' $(MAKEFILE_LIST) | expand -t 24

# --- for learners ---------------------------------------------------------------------------------

# Root needs a flag, and without a display there is no browser to open: the address is printed.
AS_ROOT = $(shell [ "$$(id -u)" != 0 ] || echo --allow-root)
NO_DISPLAY = $(shell [ "$$(uname)" != Linux ] || [ -n "$$DISPLAY$$WAYLAND_DISPLAY" ] || echo --no-browser)

# Lessons run as they are written: settings of the user's own IPython would change what cells print.
AS_IS = IPYTHONDIR="$$FOLDER/$(VENV)/ipython"

# LESSON may be a number, a name, or a path as the shell completes it.
ASKED = $(basename $(notdir $(LESSON)))
FOUND = $(firstword $(wildcard notebooks/$(ASKED).ipynb notebooks/$(ASKED)_*.ipynb notebooks/0$(ASKED)_*.ipynb))

lab: known-lesson $(VENV)/.has-lab  ## Open the first lesson in JupyterLab (LESSON=02 for another)
	@[ -z "$(NO_HOME)" ] || echo "$(NO_HOME)" >&2
	@exec env $(AS_IS) $(PY) -m jupyterlab --ServerApp.root_dir="$$FOLDER" \
	  --LabApp.default_url="/lab/tree/$(FOUND)" $(AS_ROOT) $(NO_DISPLAY) $(ARGS)

known-lesson:
	@[ -n "$(FOUND)" ] || { echo "There is no lesson '$(LESSON)'. Choose one of these, such as LESSON=02:"; \
	  printf '  %s\n' $(notdir $(basename $(wildcard notebooks/*.ipynb))); exit 1; } >&2

demo: $(VENV)/.has-demo  ## Show lessons 02, 03 and 05 as apps without code, for the wall
	@$(PY) -m eventkit.lab.export demo --to build/demo $(DEMO:%=notebooks/%.ipynb)
	@exec env $(AS_IS) EVENTKIT_PROGRESS=off JUPYTER_PATH="$$FOLDER/build/demo/jupyter" \
	  $(PY) -m voila build/demo --template=eventkit $(NO_DISPLAY) $(ARGS)

site: $(VENV)/.has-site  ## Build the site of lessons and pages into build/site/html
	@$(PY) docs/site/build.py build/site
	@echo "Open build/site/html/index.html."

handout: $(VENV)/.has-lab  ## Write the lessons without solutions and outputs into handout/
	@$(PY) -m eventkit.lab.export handout --to handout notebooks/*.ipynb

# --- for developers -------------------------------------------------------------------------------

test: lint unit nbval browser  ## Run what a change must pass: lint, tests, notebooks, browser

test-long: unit-long browser-long  ## Run what takes longer: more examples, long faults, every theme

lint: $(VENV)/.has-test  ## Check style, formatting (notebooks too) and types
	@echo "==> ruff and mypy"
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy

# What compares times runs by itself, after the rest. Only its files are read: the others take seconds.
MEASURES = $(shell grep -rl --include='*.py' mark.measures tests)

unit: $(VENV)/.has-test  ## Run unit, property, contract and security tests, and the rules for notebooks
	@echo "==> unit, property, contract and security tests, rules for notebooks"
	@$(PYTEST) $(SPREAD) -m "not long and not measures" $(NOT_BROWSER)
	@$(PYTEST) -m "measures and not long" $(MEASURES)

nbval: $(VENV)/.has-test  ## Run every notebook and compare its outputs with the committed ones
	@echo "==> notebooks, cell by cell against their committed outputs"
	@$(PYTEST) $(NBVAL_SPREAD) notebooks

browser: $(VENV)/.has-test chromium  ## Click through the lessons in a real browser
	@echo "==> lessons in JupyterLab in a real browser"
	@$(PYTEST) -n $(PAGES) --dist loadscope -m "not long" tests/browser

unit-long: $(VENV)/.has-test
	@echo "==> more examples and rounds, long faults, the soak, the benchmarks"
	@EVENTKIT_TIER=long $(PYTEST) $(SPREAD) \
	  -m "(long or thorough) and not measures" $(NOT_BROWSER)
	@EVENTKIT_TIER=long $(PYTEST) -m "(long or thorough) and measures" $(MEASURES)

browser-long: $(VENV)/.has-test chromium
	@echo "==> the lessons in every theme and width"
	@EVENTKIT_TIER=long $(PYTEST) -n $(PAGES) --dist loadscope -m "long or thorough" tests/browser

chromium: $(VENV)/.has-test
	@$(PY) tests/browser/chromium.py

notebooks: $(VENV)/.has-test  ## Record all notebooks, their minutes, and the page of misconceptions
	@$(ISOLATED) $(PY) tests/notebooks/record.py notebooks/*.ipynb
	@$(PY) -m tests.notebooks.minutes
	@$(PY) -m tests.notebooks.misconceptions

notebooks-ten: $(VENV)/.has-test  ## Run the notebook check ten times, five of them on a busy machine
	@$(ISOLATED) $(PY) tests/notebooks/ten.py $(NBVAL_SPREAD) notebooks

bench: $(VENV)/.has-test $(VENV)/.has-bench  ## Measure eventkit beside its peers (ARGS=--record for the docs)
	@$(PY) -m benchmarks $(ARGS)

soak: $(VENV)/.has-test  ## Everything at once with faults, for MINUTES: nothing lost, doubled or left over
	@$(PY) -m tests.soak --minutes $(MINUTES) $(ARGS)

clean:  ## Remove the environment and every cache
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} + -o -name .ipynb_checkpoints -prune -exec rm -rf {} +

# --- the environment: rebuilt if it was moved, copied or broken, updated if pyproject.toml changed --

# The folder is written into the stamp: an environment names it in many of its files.
export FOLDER := $(CURDIR)
ifneq ($(shell [ -x $(PY) ] && cat $(VENV)/.made 2>/dev/null),$(FOLDER))
.PHONY: $(VENV)/.made
endif

# Without a home that can be written, Jupyter ends with a trace: give it a folder of its own.
ifeq ($(shell [ -d "$$HOME" ] && [ -w "$$HOME" ] && echo yes),)
export HOME := $(CURDIR)/$(VENV)/home
NO_HOME := Your home folder cannot be written, so $(VENV)/home stands for it: Jupyter's files and your progress go there.
endif

$(VENV)/.made:
	@if [ -e $@ ] || [ ! -x $(PY) ]; then rm -rf $(VENV); fi
	@python=; bare=; \
	for p in $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11 python py; do \
	  "$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 || continue; \
	  if command -v uv >/dev/null 2>&1 || "$$p" -c 'import ensurepip, venv' >/dev/null 2>&1; \
	  then python=$$p; break; else bare=$${bare:-$$p}; fi; \
	done; \
	if command -v uv >/dev/null 2>&1; then \
	  uv venv --quiet --seed --allow-existing --python "$${python:->=3.11}" $(VENV); \
	elif [ -n "$$python" ]; then \
	  "$$python" -m venv $(VENV) || { rm -rf $(VENV); exit 1; }; \
	elif [ -n "$$bare" ]; then \
	  echo "$$bare cannot make environments: its modules venv and ensurepip are missing."; \
	  echo "On Debian and Ubuntu: sudo apt install python3-venv"; \
	  echo "Or use another Python: make PYTHON=/path/to/python lab"; \
	  exit 1; \
	else \
	  echo "Python 3.11 or newer is needed, and none was found on the PATH."; \
	  echo "Install it, or say where it is: make PYTHON=/path/to/python lab"; \
	  exit 1; \
	fi >&2
	@printf '%s\n' "$$FOLDER" > $@

# matplotlib builds its font cache on first use and says so on stderr: not in a learner's first cell.
# JupyterLab asks to show news when it is first opened: nobody needs to be asked.
LAB_SETTINGS := $(VENV)/share/jupyter/lab/settings
NO_NEWS := {"@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": false}}
define install
	@echo "Installing eventkit with what '$(1)' needs into $(VENV); this takes a minute, once ..."
	@{ if command -v uv >/dev/null 2>&1; \
	then uv pip install --quiet --python $(PY) --editable ".[$(1)]"; \
	else $(PY) -m pip install --quiet --disable-pip-version-check --no-compile --retries 2 \
	  --editable ".[$(1)]"; \
	fi; } 2> $(VENV)/install.log || { cat $(VENV)/install.log; $(why_not); exit 1; } >&2
endef
NO_INDEX := connection|retries|resol|dns error|timed out|no route|unreachable
define why_not
	if grep -qiE '$(NO_INDEX)' $(VENV)/install.log; then \
	  echo "The package index cannot be reached from here. Check the network, or the proxy or index"; \
	  echo "that pip is set to use (pip config list), and type the same again."; \
	else \
	  echo "Installing failed; the lines above say why. Mend that, and type the same again."; fi
endef
define furnish
	@$(PY) -c "import matplotlib.font_manager"
	@mkdir -p $(LAB_SETTINGS)
	@echo '$(NO_NEWS)' > $(LAB_SETTINGS)/overrides.json
endef

$(VENV)/.has-lab: $(VENV)/.made pyproject.toml
	$(call install,lab)
	$(furnish)
	@touch $@

$(VENV)/.has-demo: $(VENV)/.made pyproject.toml
	$(call install,demo)
	$(furnish)
	@touch $(VENV)/.has-lab $@

$(VENV)/.has-site: $(VENV)/.made pyproject.toml
	$(call install,site)
	$(furnish)
	@touch $(VENV)/.has-lab $@

# What tests need includes what all of these need, so one installation stands for all.
$(VENV)/.has-test: $(VENV)/.made pyproject.toml
	$(call install,test)
	$(furnish)
	@touch $(VENV)/.has-lab $(VENV)/.has-demo $(VENV)/.has-site $@

$(VENV)/.has-bench: $(VENV)/.made pyproject.toml
	$(call install,bench)
	@touch $@
