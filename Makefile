# The way in: `make help` lists what there is. Every target installs what it lacks.
#
#   PYTHON=/path/to/python3   the Python of a new .venv (otherwise tools/find_python.sh chooses)
#   ARGS="--quick"            arguments of the program behind make demo, make bench
#   DATA='/my/*.npy'          make demo measures the loaders on these files (or a folder of shards)
#                             instead; for raw files with DTYPE=float32 ROW_SHAPE=128
#   FUZZ_SECONDS=n            how long make fuzz runs each of its targets
#   JOBS=n                    parallel compilers (one for each core); tests run one more at once

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
# Each target uses all cores itself, but for some that `test` runs side by side.
ifndef SIDE_BY_SIDE
.NOTPARALLEL:
endif
MAKEFLAGS += --no-print-directory --no-builtin-rules

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PYTHON DATA DTYPE ROW_SHAPE
unexport PYTHONPATH PYTHONHOME

FUZZ_SECONDS ?= 60
JOBS ?= $(shell nproc 2>/dev/null || echo 2)
TEST_JOBS = $$(( $(JOBS) + 1 ))  # tests wait now and then: for servers, disks, other processes
CTEST_JOBS = $$(( $(JOBS) + 2 ))  # two of them are the soak of the cache
VENV := .venv
BIN := $(VENV)/bin
# A stamp is younger than everything that its step depends on, or the step is done again.
STAMPS := $(VENV)/stamps
REQUIREMENTS := tools/requirements
BENCH_PACKAGES := build/bench-packages

CXX_FILES = $(shell find src tests include examples bench -name '*.h' -o -name '*.hpp' \
  -o -name '*.c' -o -name '*.cc' -o -name '*.cpp' 2>/dev/null)
MODULE_SOURCES = $(shell find src -type d) \
  $(shell find src include python -type f -not -name '*.py[ci]')

##@ Use

.PHONY: demo
demo: packages-build $(STAMPS)/headrace $(STAMPS)/demo ## build, then one story on real text, beside plain Python; DATA='*.npy': your files
# A variable of the environment that happens to have this name does not count.
ifeq ($(origin DATA),command line)
	@$(BIN)/python examples/demo/own_files.py "$$DATA" $${DTYPE:+--dtype "$$DTYPE"} \
	  $${ROW_SHAPE:+--row-shape "$$ROW_SHAPE"} $(ARGS)
else
	$(BIN)/python examples/demo/run.py $(ARGS)
endif

.PHONY: build
build: packages-build $(STAMPS)/headrace ## make .venv and build headrace into it

##@ Test

.PHONY: test
test: packages-test ## everything that a change must pass
	$(MAKE) -j 2 SIDE_BY_SIDE=yes lint build-asan  # the first installs packages, which takes one processor
	$(MAKE) $(STAMPS)/headrace
	$(MAKE) -j 2 SIDE_BY_SIDE=yes --output-sync=target typecheck test-crash  # one waits for one processor, one for disks
	$(MAKE) test-asan
	$(MAKE) test-python

.PHONY: lint
lint: packages-build $(STAMPS)/test ## formats, lint, layers, a test for every unit: seconds
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	@$(BIN)/clang-format --dry-run --Werror $(CXX_FILES)
	$(BIN)/python tools/check_layers.py
	$(BIN)/python tools/check_tests.py

.PHONY: build-asan
build-asan: packages-test ## the programs of test-asan, without a run
	cmake --preset asan --log-level=WARNING
	cmake --build --preset asan -j $(JOBS)

.PHONY: test-cpp test-asan test-tsan
test-cpp: preset-test   ## the C++ tests without a sanitizer, which make test leaves to make check
test-asan: preset-asan  ## the C++ tests under AddressSanitizer and UndefinedBehaviorSanitizer
test-tsan: preset-tsan  ## the C++ tests of the engine, which alone starts threads, under ThreadSanitizer

# Only the engine starts threads; its tests use the layers below from several.
TSAN_LAYERS := engine
preset-tsan: BUILT = --target $(TSAN_LAYERS:%=%_test)
preset-tsan: TESTED = -R '^($(shell echo $(TSAN_LAYERS) | tr ' ' '|'))/'

# How much longer processes share a cache and are killed: beside other tests, since they mostly wait.
CACHE_SOAK_SECONDS ?= 60
preset-asan: export CACHE_SOAK_SECONDS := $(CACHE_SOAK_SECONDS)

# ThreadSanitizer of g++ before 14 refuses the wide address randomisation of newer kernels.
preset-tsan: WITHOUT_ASLR := $(shell setarch -R true 2>/dev/null && echo setarch -R)

.PHONY: preset-test preset-asan preset-tsan
preset-test preset-asan preset-tsan: preset-%: packages-test
	cmake --preset $* --log-level=WARNING
	cmake --build --preset $* -j $(JOBS) $(BUILT)
	$(WITHOUT_ASLR) ctest --preset $* -j $(CTEST_JOBS) --no-tests=error $(TESTED)

.PHONY: test-crash
test-crash: packages-test $(STAMPS)/headrace $(STAMPS)/test ## writers that are killed, and system calls that fail, at hundreds of points
	cmake --build build/python -j $(JOBS) --target commit_driver cache_driver
	$(BIN)/python -m pytest tests/crash

.PHONY: tidy
tidy: packages-test $(STAMPS)/headrace ## clang-tidy over src/
	tools/run_clang_tidy.sh build/python $(JOBS)

.PHONY: typecheck
typecheck: packages-build $(STAMPS)/headrace $(STAMPS)/test ## mypy --strict, and stubs that are those of the module
	$(BIN)/python tools/generate_stubs.py --check
	$(BIN)/mypy python/headrace tools $(wildcard tests/tools tests/python tests/soak tests/crash)
	MYPYPATH=bench $(BIN)/mypy bench
	MYPYPATH=examples/demo $(BIN)/mypy examples

.PHONY: test-python
test-python: packages-build $(STAMPS)/headrace $(STAMPS)/demo $(STAMPS)/test ## the Python tests, doctests and tests of the tools
	$(BIN)/python -m pytest -n $(TEST_JOBS) --dist loadfile

.PHONY: check
check: tidy test-cpp check-soak check-workers check-memory check-cache check-faults check-crash check-tsan check-asan-python ## what make test leaves out: it has 20 minutes

.PHONY: check-soak
check-soak: packages-build $(STAMPS)/headrace $(STAMPS)/test ## a loader under random use for SOAK_SECONDS (120)
	$(BIN)/python -m pytest tests/soak

.PHONY: check-cache
check-cache: packages-test ## processes that share a cache and are killed, for 10 minutes
	cmake --preset test --log-level=WARNING
	cmake --build --preset test -j $(JOBS) --target dataset_test
	CACHE_SOAK_SECONDS=600 build/test/tests/dataset_test --gtest_filter='ShardStoreCrash.*'

.PHONY: check-workers
check-workers: packages-build $(STAMPS)/headrace $(STAMPS)/test ## workers of a DataLoader, started in every way
	ALL_WORKERS=1 $(BIN)/python -m pytest -n $(JOBS) tests/python/test_torch_dataloader.py \
	  -k every_way_of_starting

.PHONY: check-memory
check-memory: packages-build $(STAMPS)/headrace $(STAMPS)/test ## the memory of a gigabyte of text on its way to shards
	TEXT_MEMORY_MB=1000 $(BIN)/python -m pytest -s tests/python/test_text_memory.py

.PHONY: check-faults
check-faults: packages-build $(STAMPS)/headrace $(STAMPS)/test ## every fault of a store at every place, in every way
	FAULT_MATRIX=all $(BIN)/python -m pytest tests/python/test_store_faults.py

.PHONY: check-tsan
check-tsan: TSAN_LAYERS := base order storage column format transform dataset engine
check-tsan: preset-tsan ## all C++ tests under ThreadSanitizer

.PHONY: check-crash
check-crash: export CRASH_POINTS = 5000
check-crash: export CRASH_ERRORS = 0
check-crash: export CRASH_CUTS = 5000
check-crash: test-crash ## test-crash at 5,000 points, with every error at every call, and 5,000 power cuts

# A second environment sees the packages of .venv, but has a headrace of its own. The tests left out
# measure memory, of which AddressSanitizer keeps back what was freed.
ASAN := build/asan-python
.PHONY: check-asan-python
check-asan-python: packages-build $(STAMPS)/headrace $(STAMPS)/demo $(STAMPS)/test ## the Python tests with the module under AddressSanitizer
	$(BIN)/python tools/make_overlay_venv.py $(ASAN)/venv
	$(BIN)/python -m pip --python $(ASAN)/venv/bin/python install --quiet --no-build-isolation \
	  --no-deps --force-reinstall . --config-settings=build-dir=$(ASAN)/build \
	  --config-settings=cmake.build-type=RelWithDebInfo \
	  --config-settings=cmake.define.HEADRACE_SANITIZE=address,undefined
	LD_PRELOAD="$$(g++ -print-file-name=libasan.so):$$(g++ -print-file-name=libstdc++.so)" \
	  ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=print_stacktrace=1 \
	  $(ASAN)/venv/bin/python -m pytest --capture=sys tests/python \
	  --ignore tests/python/test_text_memory.py \
	  --deselect tests/python/test_lifecycle.py::test_memory_does_not_grow_with_batches

.PHONY: fuzz
fuzz: packages-fuzz ## every fuzz target for FUZZ_SECONDS (60); needs clang-16
	cmake --preset fuzz --log-level=WARNING
	cmake --build --preset fuzz -j $(JOBS)
	tools/run_fuzz.sh build/fuzz $(FUZZ_SECONDS)

.PHONY: bench
bench: packages-bench $(STAMPS)/headrace $(STAMPS)/demo $(STAMPS)/test $(BENCH_PACKAGES)/installed ## build and run the benchmarks
	cmake --preset bench --log-level=WARNING
	cmake --build --preset bench -j $(JOBS)
	PYTHONPATH=$(BENCH_PACKAGES) $(BIN)/python bench/run.py $(ARGS)

##@ Write

.PHONY: format
format: packages-build $(STAMPS)/test ## format C++ and Python, and fix what ruff can fix
	$(BIN)/ruff check --fix --exit-zero
	$(BIN)/ruff format
	$(BIN)/clang-format -i $(CXX_FILES)

.PHONY: stubs
stubs: packages-build $(STAMPS)/headrace ## write python/headrace/_core.pyi from the built module
	$(BIN)/python tools/generate_stubs.py

.PHONY: clean
clean: ## remove build outputs, keep .venv
	rm -rf build dist .mypy_cache .pytest_cache .ruff_cache $(STAMPS)/headrace
	find python tests tools bench examples -name __pycache__ -prune -exec rm -rf {} +

.PHONY: distclean
distclean: clean ## also remove .venv
	rm -rf $(VENV)

.PHONY: help
help: ## this list
	@awk 'BEGIN { FS = ":.*## " } \
	  /^##@ / { printf "\n%s\n", substr($$0, 5) } \
	  /^[a-z-]+:.*## / { sub(/:.*/, "", $$1); printf "  make %-18s %s\n", $$1, $$2 }' Makefile

# --- What the targets need -----------------------------------------------------------------------

.PHONY: packages-build packages-test packages-bench packages-fuzz
packages-build:
	@tools/debian_packages.sh build
packages-test:
	@tools/debian_packages.sh build test
packages-bench:
	@tools/debian_packages.sh build bench
packages-fuzz:
	@tools/debian_packages.sh build fuzz

$(BIN)/python: | packages-build
	@tools/make_venv.sh $(VENV)

$(STAMPS)/torch: $(REQUIREMENTS)/torch.txt tools/install_torch.py | $(BIN)/python
	@echo "Installing PyTorch"
	@$(BIN)/python tools/install_torch.py
	@mkdir -p $(STAMPS) && touch $@

# PyTorch comes first, so that nothing else chooses its build.
$(STAMPS)/build $(STAMPS)/demo $(STAMPS)/test: $(STAMPS)/%: $(REQUIREMENTS)/%.txt | $(STAMPS)/torch
	@echo "Installing Python packages: $$(tr '\n' ' ' < $<)"
	@$(BIN)/python -m pip install -qq -r $<
	@touch $@

# In a folder of their own and without what they depend on, which bench.txt pins or test.txt has:
# anndata wants an older pandas than the tests, and nothing here may bring another torch.
$(BENCH_PACKAGES)/installed: $(REQUIREMENTS)/bench.txt | $(STAMPS)/test
	@echo "Installing the Python packages of other libraries that are measured"
	@rm -rf $(BENCH_PACKAGES)
	@$(BIN)/python -m pip install -qq --no-deps --target $(BENCH_PACKAGES) -r $<
	@touch $@

# Editable: changes of .py files count at once, changes of C++ files at the next make.
$(STAMPS)/headrace: CMakeLists.txt pyproject.toml $(MODULE_SOURCES) $(STAMPS)/build
	@echo "Building headrace"
	@CMAKE_BUILD_PARALLEL_LEVEL=$(JOBS) $(BIN)/python -m pip install --quiet --no-build-isolation \
	  --no-deps --editable . --config-settings=build-dir=build/python \
	  --config-settings=cmake.define.HEADRACE_CRASH_DRIVERS=ON
	@touch $@
