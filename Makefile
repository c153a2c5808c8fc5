# Two commands are enough on a fresh machine: `make demo` and `make test`.

PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
SHORT ?=
DEMO_DIR ?= .demo
STORY_DIR ?= .story
PEERS_DIR ?= .peers
PEERS_SHARDS ?=
PEERS = ms-swift llama-factory readers energon evalscope

# Idle OpenMP threads must not spin: on a busy machine of two cores that costs ten times the CPU.
export OMP_WAIT_POLICY = PASSIVE
export TOKENIZERS_PARALLELISM = false

.PHONY: demo test weights check fuzz exam format lint types schemas bench bench-convert bench-shards bench-versions \
  bench-pictures bench-loader bench-serving story clean
.PHONY: peers peers-exports peers-plain peers-evalscope-served peers-metrics $(PEERS:%=peers-%)
.SECONDARY:

$(BIN)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

demo: $(BIN)/.installed  ## easy-VQA from its package to a scored model; SHORT=1 for a quick look
	$(BIN)/python examples/demo.py --out $(DEMO_DIR) $(if $(SHORT),--short)

# A file of tests stays in one process; one thread each, as the cores are shared by several.
test: export OMP_NUM_THREADS = 1
test: $(BIN)/.installed  ## all tests
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile

weights: $(BIN)/.installed  ## EasyOCR's weights for the tests that read text with it; 120 MB
	$(BIN)/python -m tests.ocr_weights

check: $(BIN)/.installed lint types test  ## what must hold before a commit

lint: $(BIN)/.installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(BIN)/.installed
	$(BIN)/mypy

fuzz: $(BIN)/.installed  ## 10,000 damaged files over all sources; minutes
	$(BIN)/python -m tests.mutations --count $(or $(COUNT),10000)

exam: $(BIN)/.installed  ## 1,000 damaged folders of shards, 300 killed runs, 1,000 resumed; an hour
	$(BIN)/python -m tests.corruption --count 1000
	$(BIN)/python -m tests.killing --count 200
	$(BIN)/python -m tests.stopping --count 1000
	$(BIN)/python -m tests.killing_workers --count 60
	$(BIN)/python -m tests.killing_workers --count 40 --engine ray
	$(BIN)/python -m tests.vqatrain.repeating

format: $(BIN)/.installed  ## format the code, rewrite the schemas
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/python -m tests.schemas

bench: bench-convert bench-versions bench-pictures bench-loader  ## reprint the tables of benchmarks/

bench-convert: $(BIN)/.installed  ## conversion at the size of the VQA v2 training set; minutes
	$(BIN)/python -m benchmarks.convert

bench-shards: $(BIN)/.installed  ## size, verify against a plain read, a slow store against a disk
	$(BIN)/python -m benchmarks.shards --pictures 3000

bench-versions: $(BIN)/.installed  ## diff and split at the size of the VQA v2 training set
	$(BIN)/python -m benchmarks.versions --questions 443757

bench-loader: $(BIN)/.installed $(PEERS_DIR)/loader/.installed  ## beside other loaders; long: see --part and --only
	$(BIN)/python -m benchmarks.loader --peers $(PEERS_DIR)/loader/bin/python

bench-serving: $(BIN)/.installed  ## 64 clients, hostile requests, memory; minutes
	$(BIN)/python -m benchmarks.serving

bench-pictures: $(BIN)/.installed $(PEERS_DIR)/pictures/.installed  ## audit, duplicates, marks
	$(BIN)/python -m benchmarks.pictures --peers $(PEERS_DIR)/pictures/bin/python
	for part in duplicates watermarks; do \
	  if [ -f benchmarks/$$part.py ]; then $(BIN)/python -m benchmarks.$$part || exit 1; fi; done

peers: $(PEERS:%=peers-%) peers-plain peers-metrics  ## read the exports with the tools that they are for, and train on them

peers-exports: $(BIN)/.installed
	$(BIN)/python -m peers.make_exports $(PEERS_DIR)/exports $(PEERS_SHARDS)

$(PEERS:%=peers-%): peers-%: $(PEERS_DIR)/%/.installed peers-exports
	PYTHONPATH=.:peers/path HF_HUB_OFFLINE=1 HF_HOME=$(abspath $(PEERS_DIR))/cache \
	MODELSCOPE_CACHE=$(abspath $(PEERS_DIR))/cache \
	$(PEERS_DIR)/$*/bin/python -m peers.$(subst -,_,$*) $(PEERS_DIR)/exports

peers-evalscope: peers-evalscope-served

peers-evalscope-served: $(BIN)/.installed $(PEERS_DIR)/evalscope/.installed  ## it asks our server
	HF_HUB_OFFLINE=1 MODELSCOPE_CACHE=$(abspath $(PEERS_DIR))/cache $(BIN)/python -m \
	peers.evalscope_served $(PEERS_DIR)/evalscope/bin/python $(PEERS_DIR)/evalscope-served

peers-plain: $(BIN)/.installed $(PEERS_DIR)/plain/.installed  ## ask exported models elsewhere
	$(BIN)/python -m peers.make_models $(PEERS_DIR)/models
	PYTHONPATH=.:peers/path $(PEERS_DIR)/plain/bin/python -m peers.plain $(PEERS_DIR)/models

peers-metrics: $(BIN)/.installed $(PEERS_DIR)/metrics/.downloaded  ## score as the codes of others do
	$(BIN)/python -m peers.metrics $(PEERS_DIR)/metrics --count $(or $(COUNT),100000)

# Releases are read and not installed; pip takes one of a name at a time.
$(PEERS_DIR)/metrics/.downloaded: peers/requirements/metrics.txt
	grep -v '^#' $< | while read -r release; do $(BIN)/python -m pip download --quiet --no-deps \
	  --no-build-isolation --dest $(PEERS_DIR)/metrics "$$release" </dev/null || exit 1; done
	touch $@

$(PEERS_DIR)/%/.installed: peers/requirements/%.txt
	$(PYTHON) -m venv $(PEERS_DIR)/$*
	$(PEERS_DIR)/$*/bin/python -m pip install --quiet --upgrade pip
	$(PEERS_DIR)/$*/bin/python -m pip install --quiet torch==2.13.0
	$(PEERS_DIR)/$*/bin/python -m pip install --quiet --requirement $<
	touch $@

story: $(BIN)/.installed  ## what marks and leaks do to a model; docs/story.md; minutes of CPU time
	$(BIN)/python -m benchmarks.watermark_shortcut --out $(STORY_DIR)
	$(BIN)/python -m benchmarks.leaked_split --out $(STORY_DIR)/leak

clean:
	rm -rf $(VENV) $(DEMO_DIR) $(STORY_DIR) $(PEERS_DIR) .mypy_cache .pytest_cache .ruff_cache
