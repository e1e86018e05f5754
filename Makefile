# Six verbs; each does all of its own set-up on a fresh machine.
#
#   make demo    a simulated shop, served: follow the link to its filled map     PORT=8765
#   make test    every test, in two processes                                    ARGS="tests/maps -k ribbon" WORKERS=1
#   make check   ruff, its format, mypy --strict, the layers of imports
#   make fmt     write the code the way `make check` wants it
#   make docs    the documentation's links, examples and doctests
#   make bench   the table of speeds                                             ARGS="…"

# Processes that are started by the hundred keep what they compiled.
unexport PYTHONDONTWRITEBYTECODE

PORT ?= 8765
ARGS ?=
WORKERS ?= 2
# The first Python there is that is new enough; PYTHON=… on the command line names another.
PYTHON ?= $(shell for name in python3 python3.13 python3.12 python3.11; do \
	$$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$name && break; done)
BIN := .venv/bin
APT := DEBIAN_FRONTEND=noninteractive apt-get
AS_ROOT := [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null

.DEFAULT_GOAL := test
.PHONY: demo test check fmt docs bench chromium

demo: .venv/ready demo-shop/periplus.toml
	@$(BIN)/periplus serve --workspace demo-shop --port $(PORT) | while IFS= read -r line; do \
		printf '%s\n' "$$line"; \
		case "$$line" in http*) \
			[ -z "$$DISPLAY$$WAYLAND_DISPLAY" ] || $(BIN)/python -m webbrowser "$$line" >/dev/null 2>&1 & ;; \
		esac; \
	done

test: .venv/ready chromium
	@$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

check: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fmt: .venv/ready
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: .venv/ready
	@$(BIN)/python -m pytest tests/test_docs.py $(ARGS)

bench: .venv/ready
	@$(BIN)/python benchmarks/run.py $(ARGS)

# -- set-up ---------------------------------------------------------------------------------------

.venv/ready: pyproject.toml constraints.txt
	@[ -n "$(PYTHON)" ] || { echo "Periplus needs Python 3.11 or newer, and none is on the PATH."; exit 1; }
	@[ -x $(BIN)/python ] || $(PYTHON) -c 'import ensurepip' 2>/dev/null || \
		{ $(AS_ROOT) && $(APT) update -qq && $(APT) install -y -qq python3-venv >/dev/null; } || \
		{ echo "Python's venv module is missing; on Debian and Ubuntu: apt install python3-venv"; exit 1; }
	@[ -x $(BIN)/python ] || $(PYTHON) -m venv .venv
	@echo "Installing what Periplus is made of into .venv ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

# The browser tests drive Chromium; without it they are skipped and say so.
chromium:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || \
		{ $(AS_ROOT) && echo "Installing Chromium for the browser tests ..." && \
			$(APT) update -qq && $(APT) install -y -qq chromium >/dev/null; } || \
		echo "No Chromium here, so the browser tests are skipped; on Debian and Ubuntu: apt install chromium"

# A shop that does not exist. Built aside and moved, so that an interrupted build leaves nothing half made.
demo-shop/periplus.toml: | .venv/ready
	@[ ! -e demo-shop ] || { echo "demo-shop is there but is no workspace; move it away and run this again."; exit 1; }
	@rm -rf build/demo && mkdir -p build/demo
	$(BIN)/periplus simulate build/demo/events.parquet --events 300000 --seed 7 --truth build/demo/truth.json
	$(BIN)/periplus init build/demo/shop
	$(BIN)/periplus import build/demo/events.parquet --source simulated --workspace build/demo/shop
	@mv build/demo/truth.json build/demo/shop && mv build/demo/shop demo-shop && rm -rf build/demo
