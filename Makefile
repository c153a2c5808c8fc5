# Two commands are enough on a fresh machine: `make demo` and `make test`.

PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
SHORT ?=
DEMO_DIR ?= .demo

# Idle OpenMP threads must not spin: on a busy machine of two cores that costs ten times the CPU.
export OMP_WAIT_POLICY = PASSIVE
export TOKENIZERS_PARALLELISM = false

.PHONY: demo test check format lint types schemas bench clean

$(BIN)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

demo: $(BIN)/.installed  ## easy-VQA from its package to a scored model; SHORT=1 for a quick look
	$(BIN)/python examples/demo.py --out $(DEMO_DIR) $(if $(SHORT),--short)

test: $(BIN)/.installed  ## all tests
	$(BIN)/python -m pytest

check: $(BIN)/.installed lint types test  ## what must hold before a commit

lint: $(BIN)/.installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(BIN)/.installed
	$(BIN)/mypy

format: $(BIN)/.installed  ## format the code, rewrite the schemas
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/python -m tests.schemas

bench: $(BIN)/.installed  ## reprint the tables of benchmarks/
	$(BIN)/python -m benchmarks.convert

clean:
	rm -rf $(VENV) $(DEMO_DIR) .mypy_cache .pytest_cache .ruff_cache
