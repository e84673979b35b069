# Two commands for a newcomer: `make book` and `make test`. Everything they need they install into .venv.

PYTHON ?=
VENV ?= .venv
RUN ?= quick
COLAB_PYTHON ?=
PORT ?= 8000
JOBS ?= 2

BIN = $(abspath $(VENV))/bin
INSTALLED = $(VENV)/.installed
NEEDED_KB = 4000000

export JUPYTER_PREFER_ENV_PATH = 1
export PYTHONWARNINGS = ignore::DeprecationWarning
export TF_CPP_MIN_LOG_LEVEL = 3
# Convolutions by oneDNN, which TensorFlow takes by itself on some processors only: they need half of the time.
export TF_ENABLE_ONEDNN_OPTS = 1

.PHONY: help book photos test check-runs bench colab-check colab-list links serve clean
.DEFAULT_GOAL := help

$(if $(filter "$(RUN)","quick" "photos" "full"),,$(error RUN is "$(RUN)", which is no run of this book; set it to quick, photos or full))

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

book: $(INSTALLED) $(if $(filter-out quick,$(RUN)),photos)  ## run every chapter and build the site at _build/html/index.html (RUN=photos: real photos; RUN=full: with a GPU)
	@PATH="$(BIN):$$PATH" CONVBOOK_RUN=$(RUN) jupyter-book build . -W --keep-going

# What the runs on photos need before they take their time: for full a GPU, and the photos, whose download is too long for a cell.
photos: $(INSTALLED)
	@echo "The $(RUN) run shows its photos in the pages: Kaggle's may not be published without Microsoft Research's permission (README.md)."
	@[ $(RUN) != full ] || $(BIN)/python -c 'import sys, tensorflow as tf; sys.exit(not tf.config.list_physical_devices("GPU"))' 2>/dev/null || { \
	    echo "The full run needs a GPU, and TensorFlow sees none here: take a machine that has one, with tensorflow[and-cuda] in $(VENV), or real photos without a GPU (make book RUN=photos)." >&2; exit 1; }
	@$(BIN)/python -m convbook photos --run $(RUN)

test: $(INSTALLED)  ## check all of it: the library, every chapter executed offline, and the built site in a browser
	@mkdir -p _build && rm -f _build/network_attempts
	@PYTHONPATH="$(CURDIR)/tests/offline" NETWORK_ATTEMPTS="$(CURDIR)/_build/network_attempts" CONVBOOK_JOBS=$(JOBS) \
	    $(MAKE) --no-print-directory book RUN=quick
	@PATH="$(BIN):$$PATH" CONVBOOK_RUN=quick CONVBOOK_SITE_REQUIRED=1 python -m pytest -n $(JOBS) --dist loadfile

check-runs: $(INSTALLED)  ## run every chapter on the runs photos and full, in miniature and offline
	@PATH="$(BIN):$$PATH" python tests/check_runs.py --jobs $(JOBS)

bench: $(INSTALLED)  ## measure how fast figures redraw and pictures are fed to a network
	@for name in figures pipelines; do PATH="$(BIN):$$PATH" python tests/bench_$$name.py || exit 1; done

links: $(INSTALLED)  ## check that the book's links to other places still lead somewhere (needs a network)
	@PATH="$(BIN):$$PATH" jupyter-book build . --path-output _build/links --builder linkcheck --quiet

colab-check: $(INSTALLED)  ## run every chapter in a replica of Colab's environment (needs Colab's Python: COLAB_PYTHON=…)
	@PATH="$(BIN):$$PATH" python tests/colab_check.py $(if $(COLAB_PYTHON),--python "$(COLAB_PYTHON)") --run $(RUN)

colab-list: $(INSTALLED)  ## fetch the list of what Colab has today into tests/colab/packages.txt
	@$(BIN)/python tests/colab_packages.py

serve: book  ## build the site and open it at http://localhost:8000 (PORT=…)
	@echo "http://localhost:$(PORT)  (Ctrl-C ends it)"; $(BIN)/python -m http.server --bind 127.0.0.1 --directory _build/html $(PORT)

clean:  ## remove the environment and everything that was built
	rm -rf $(VENV) _build build lib/*.egg-info .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The environment: made anew when what it should hold has changed. uv where there is one, pip elsewhere.
$(INSTALLED): requirements.txt pyproject.toml
	@set -e; fail() { echo "$$1" >&2; exit 1; }; \
	python=""; \
	for candidate in $(or $(PYTHON),python3 python3.13 python3.12 python3.11); do \
	    if "$$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null; then \
	        python="$$candidate"; break; \
	    fi; \
	done; \
	found=$$( ( $(or $(PYTHON),python3) --version ) 2>/dev/null || echo "no Python"); \
	[ -n "$$python" ] || fail "The book needs Python 3.11, 3.12 or 3.13 and found $$found: install one, or name it with make PYTHON=/path/to/python."; \
	mkdir -p "$(VENV)" || fail "The folder $(VENV) cannot be made: choose another with make VENV=/path/to/folder."; \
	free=$$(df -Pk "$(VENV)" | awk 'NR == 2 { print $$4 }'); \
	[ "$$free" -gt $(NEEDED_KB) ] || fail "The installation needs $(NEEDED_KB) kB and $(VENV) has $$free kB free: make room, or choose another disk with make VENV=/path/to/folder."; \
	echo "Installing into $(VENV) with $$("$$python" --version); this takes a few minutes once."; \
	if command -v uv >/dev/null; then \
	    uv venv --quiet --allow-existing --python "$$("$$python" -c 'import sys; print(sys.executable)')" "$(VENV)"; \
	    uv pip install --quiet --python "$(BIN)/python" -r requirements.txt; \
	else \
	    "$$python" -c 'import ensurepip, venv' 2>/dev/null || fail "This Python has no venv module: install it (Debian and Ubuntu: apt install python3-venv) and run make again."; \
	    "$$python" -m venv "$(VENV)"; \
	    "$(BIN)/python" -m pip install --quiet --disable-pip-version-check -r requirements.txt; \
	fi; \
	touch $@
