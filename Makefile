# Two commands for a newcomer: `make book` and `make test`. Everything they need they install into .venv.

PYTHON ?=
VENV ?= .venv
RUN ?= quick
COLAB_PYTHON ?=
PORT ?= 8000
CHAPTER ?=
JOBS ?= 2

# The shell is given paths as variables of its own, "$$BIN", so that a folder's name may hold blanks, quotes and brackets.
override PYTHON := $(value PYTHON)
override VENV := $(value VENV)
export PYTHON VENV
export BIN := $(abspath $(VENV))/bin
INSTALLED = $(VENV)/.installed
NEEDED_KB = 4000000

# Kernels start in folders of their own, so what is named from here gets its whole path.
whole = $(if $(filter /% ~%,$(firstword $(value $(1)))),$(value $(1)),$(CURDIR)/$(value $(1)))
ifneq ($(value CONVBOOK_PHOTOS),)
override CONVBOOK_PHOTOS := $(call whole,CONVBOOK_PHOTOS)
export CONVBOOK_PHOTOS
endif
ifneq ($(value CONVBOOK_CACHE),)
override CONVBOOK_CACHE := $(call whole,CONVBOOK_CACHE)
export CONVBOOK_CACHE
endif

# Python finds the book's own modules, and no other project's; where NETWORK_ATTEMPTS is set, it finds no network either.
export PYTHONPATH := $(if $(NETWORK_ATTEMPTS),$(CURDIR)/tests/offline:)$(CURDIR)/lib
export JUPYTER_PREFER_ENV_PATH = 1
export PYTHONWARNINGS = ignore::DeprecationWarning
export TF_CPP_MIN_LOG_LEVEL = 3
# Convolutions by oneDNN, which TensorFlow takes by itself on some processors only: they need half of the time.
export TF_ENABLE_ONEDNN_OPTS = 1

# What stood in a folder before make installed into it is not make's: it is neither changed nor removed.
FOREIGN = [ -n "$$(ls -A "$$VENV" 2>/dev/null)" ] && [ ! -e "$$VENV/.installed" ] && [ ! -e "$$VENV/.installing" ]
IN_BOOK = PATH="$$BIN:$$PATH" "$$BIN/python"

.PHONY: help book pdf slides photos test check-runs bench colab-check colab-list links serve clean
.DEFAULT_GOAL := help

$(if $(filter "$(RUN)","quick" "photos" "full"),,$(error RUN is "$(RUN)", which is no run of this book; set it to quick, photos or full.))
$(if $(filter 1,$(words $(VENV))),,$(error VENV is "$(VENV)", and make cannot work in a folder with a blank in its name; name one without: make VENV=/path/to/folder.))
$(if $(findstring :,$(CURDIR)),$(error The name of this folder holds a colon, $(CURDIR), which separates folders on Python's path; rename it.))

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

book: $(INSTALLED) $(if $(filter-out quick,$(RUN)),photos)  ## run every chapter and build the site at _build/html/index.html (RUN=photos: real photos; RUN=full: with a GPU)
	@CONVBOOK_RUN=$(RUN) $(IN_BOOK) "$$BIN/jupyter-book" build . -W --keep-going

# What the runs on photos need before they take their time: for full a GPU, and the photos, whose download is too long for a cell.
photos: $(INSTALLED)
	@echo "The $(RUN) run shows its photos in the pages: Kaggle's may not be published without Microsoft Research's permission (book/running.md)."
	@[ $(RUN) != full ] || "$$BIN/python" -c 'import sys, tensorflow as tf; sys.exit(not tf.config.list_physical_devices("GPU"))' 2>/dev/null || { \
	    echo "The full run needs a GPU, and TensorFlow sees none here: take a machine that has one, with tensorflow[and-cuda] in $$VENV, or real photos without a GPU (make book RUN=photos)." >&2; exit 1; }
	@"$$BIN/python" -m convbook photos --run $(RUN)

pdf: $(INSTALLED)  ## print the built site as one PDF, _build/html/book.pdf (CHAPTER=3: that chapter alone); needs Chromium
	@$(IN_BOOK) book/assets/print_book.py $(if $(CHAPTER),"$(CHAPTER)")

slides: $(INSTALLED)  ## make slides for a lecture from the built site, a deck a chapter: _build/html/slides/index.html
	@$(IN_BOOK) book/assets/make_slides.py

test: $(INSTALLED)  ## check all of it: the library, every chapter executed offline, and the built site in a browser
	@mkdir -p _build && rm -f _build/network_attempts
	@NETWORK_ATTEMPTS="$$PWD/_build/network_attempts" $(MAKE) --no-print-directory book RUN=quick
	@CONVBOOK_RUN=quick CONVBOOK_SITE_REQUIRED=1 $(IN_BOOK) -m pytest -n $(JOBS) --dist loadfile

check-runs: $(INSTALLED)  ## run every chapter on the runs photos and full, in miniature and offline
	@$(IN_BOOK) tests/check_runs.py --jobs $(JOBS)

bench: $(INSTALLED)  ## measure how fast figures redraw, a page looks at photos and pictures are fed to a network
	@for name in figures pipelines photo_network; do $(IN_BOOK) tests/bench_$$name.py || exit 1; done

links: $(INSTALLED)  ## check that the book's links to other places still lead somewhere (needs a network)
	@$(IN_BOOK) "$$BIN/jupyter-book" build . --path-output _build/links --builder linkcheck --quiet

colab-check: $(INSTALLED)  ## run every chapter in a replica of Colab's environment (needs Colab's Python: COLAB_PYTHON=…)
	@$(IN_BOOK) tests/colab_check.py $(if $(COLAB_PYTHON),--python "$(COLAB_PYTHON)") --run $(RUN)

colab-list: $(INSTALLED)  ## fetch the list of what Colab has today into tests/colab/packages.txt
	@"$$BIN/python" tests/colab_packages.py

serve: book  ## build the site and serve it at http://localhost:8000 (PORT=…), or at a free port where that one is in use
	@"$$BIN/python" book/assets/serve.py _build/html "$(PORT)"

clean:  ## remove the environment and everything that was built
	@! { $(FOREIGN); } || { echo "$$VENV holds something that make did not put there: remove it yourself, or name the folder of the environment with make clean VENV=/path/to/folder." >&2; exit 1; }
	rm -rf "$$VENV" _build build lib/*.egg-info .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The environment: made anew when what it should hold has changed. uv where there is one, pip elsewhere.
$(INSTALLED): requirements.txt pyproject.toml
	@set -e; fail() { echo "$$1" >&2; exit 1; }; \
	if [ -n "$$PYTHON" ]; then set -- "$$PYTHON"; else set -- python3 python3.13 python3.12 python3.11; fi; \
	python=""; \
	for candidate; do \
	    if "$$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null; then \
	        python="$$candidate"; break; \
	    fi; \
	done; \
	found=$$( ( "$$1" --version ) 2>/dev/null || echo "no Python"); \
	[ -n "$$python" ] || fail "The book needs Python 3.11, 3.12 or 3.13 and found $$found: install one, or name it with make PYTHON=/path/to/python."; \
	! { $(FOREIGN); } || fail "$$VENV holds something that make did not put there: name a new folder with make VENV=/path/to/folder."; \
	mkdir -p "$$VENV" || fail "The folder $$VENV cannot be made: choose another with make VENV=/path/to/folder."; \
	free=$$(df -Pk "$$VENV" | awk 'NR == 2 { print $$4 }'); \
	[ "$$free" -gt $(NEEDED_KB) ] || fail "The installation needs $(NEEDED_KB) kB and $$VENV has $$free kB free: make room, or choose another disk with make VENV=/path/to/folder."; \
	touch "$$VENV/.installing"; \
	echo "Installing into $$VENV with $$("$$python" --version); this takes a few minutes once."; \
	if command -v uv >/dev/null; then \
	    uv venv --quiet --allow-existing --python "$$("$$python" -c 'import sys; print(sys.executable)')" "$$VENV"; \
	    uv pip install --quiet --python "$$BIN/python" -r requirements.txt; \
	else \
	    "$$python" -c 'import ensurepip, venv' 2>/dev/null || fail "This Python has no venv module: install it (Debian and Ubuntu: apt install python3-venv) and run make again."; \
	    "$$python" -m venv "$$VENV"; \
	    "$$BIN/python" -m pip install --quiet --disable-pip-version-check -r requirements.txt; \
	fi; \
	mv "$$VENV/.installing" "$$VENV/.installed"
