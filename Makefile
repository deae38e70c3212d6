# bertd: every entry point. `make help` lists them.
#
#   BUILD=DIR      where the objects go (build)
#   TORCH_DIR=DIR  a libtorch that is already there, 2.11 to 2.15, instead of the pinned wheel
#   CUDA=1         `make deps` also gets the CUDA libraries
#   SAN=LIST       -fsanitize=LIST (what `make asan` and `make tsan` set)

BUILD   ?= build
PREFIX  ?= /usr/local
SITE    := .deps/site
VERSION := 0.1.0

ifdef TORCH_DIR
TORCH := $(TORCH_DIR)
else
TORCH := $(SITE)/torch
endif
# The two CUDA stubs that libtorch_cpu.so itself names; a libtorch given by TORCH_DIR brings its own.
TORCH_LIBS := $(abspath $(TORCH)/lib) $(abspath $(wildcard $(SITE)/nvidia/*/lib))
# Arrow's libraries lie in the wheel of pyarrow, named by their version: libarrow.so.2600.
ARROW := $(abspath $(SITE)/pyarrow)

CC  := gcc
CXX := g++
PKGS := libmicrohttpd jansson sqlite3 libcurl libutf8proc inih libcrypto
# Rows of tables name only the members they set.
WARN := -Wall -Wextra -Wshadow -Wswitch-enum -Wvla -Wno-missing-field-initializers -Werror
CWARN := -Wstrict-prototypes -Wmissing-prototypes
DEBUG := -O2 -g
ifdef SAN
# Instrumented code makes the compiler suspect what it does not otherwise.
DEBUG := -O1 -g -fsanitize=$(SAN) -fno-omit-frame-pointer -Wno-error
endif
COMMIT := $(shell git rev-parse --short HEAD 2>/dev/null || echo unknown)
CPPFLAGS := -D_GNU_SOURCE -Icore -Iserver -I$(BUILD)/gen
CFLAGS   := -std=gnu11 $(WARN) $(DEBUG) $(CWARN) -MMD -MP -pthread
# The headers of libtorch and Arrow are the system's: their warnings are not ours.
CXXFLAGS := -std=c++20 $(WARN) $(DEBUG) -MMD -MP -pthread \
	-isystem $(TORCH)/include -isystem $(TORCH)/include/torch/csrc/api/include -isystem $(ARROW)/include
LIBS       = $(shell pkg-config --libs $(PKGS)) -lm -pthread
# An installed bertd finds libtorch and Arrow in lib/bertd beside its bin, one in the tree where the wheels were unzipped.
TORCH_LINK = -Wl,-rpath,'$$ORIGIN/../lib/bertd' $(foreach d,$(TORCH_LIBS),-L$(d) -Wl,-rpath,$(d) -Wl,-rpath-link,$(d)) -Wl,--no-as-needed -ltorch_cpu -lc10 \
	-Wl,--as-needed -lstdc++ -ldl
# Only what reads Parquet is linked with it.
ARROW_LINK = -Wl,--as-needed -L$(ARROW) -Wl,-rpath,$(ARROW) $(addprefix -l:,$(notdir $(wildcard $(ARROW)/libparquet.so.* $(ARROW)/libarrow.so.*))) -lstdc++

CORE   := $(sort $(wildcard core/*/*.c core/*/*.cpp))
SERVER := $(filter-out server/main.c,$(sort $(wildcard server/*.c)))
OBJS   := $(patsubst %,$(BUILD)/%.o,$(CORE) $(SERVER)) $(BUILD)/gen/embedded.o
FAKES  := $(patsubst %,$(BUILD)/%.o,$(sort $(wildcard tests/fakes/*.c)))
# A unit test links the fakes before the library, so that it needs no libtorch; a golden test links the real model.
UNIT   := $(patsubst tests/unit/%.c,$(BUILD)/tests/unit/%,$(sort $(wildcard tests/unit/test_*.c)))
GOLDEN := $(patsubst tests/golden/%.c,$(BUILD)/tests/golden/%,$(sort $(wildcard tests/golden/test_*.c)))
BENCH  := $(patsubst tests/bench/%.c,$(BUILD)/tests/bench/%,$(sort $(wildcard tests/bench/*.c)))
DRIVERS := $(patsubst tests/integration/%.c,$(BUILD)/tests/integration/%,$(sort $(wildcard tests/integration/*.c)))
EMBED  := $(sort $(wildcard migrations/*.sql)) openapi.yaml

.PHONY: help deps build run demo check check-unit check-integration check-golden check-parity check-layers check-docs docs \
	check-docker asan tsan fuzz lint format bench bench-parquet bench-train bench-tokenizer bench-rows bench-upload install clean
.DEFAULT_GOAL := build

help: ## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## /\1|/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "%-18s %s\n", $$1, $$2 }'

deps: ## Debian packages, and the pinned wheels into .deps
	@scripts/deps.sh

build: deps ## the daemon, build/bertd
	@$(MAKE) --no-print-directory -j2 $(BUILD)/bertd

$(BUILD)/bertd: $(BUILD)/server/main.c.o $(BUILD)/gen/version.o $(BUILD)/libbertd.a
	@echo "LINK $@"
	@$(CXX) $(DEBUG) -o $@ $^ $(TORCH_LINK) $(ARROW_LINK) $(LIBS)

$(BUILD)/libbertd.a: $(OBJS)
	@rm -f $@
	@ar rcs $@ $^

$(BUILD)/%.c.o: %.c
	@mkdir -p $(@D)
	@echo "CC $<"
	@$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

$(BUILD)/%.cpp.o: %.cpp
	@mkdir -p $(@D)
	@echo "CXX $<"
	@$(CXX) $(CPPFLAGS) $(CXXFLAGS) -c -o $@ $<

# Written anew when the commit changes; only the daemon is linked again then.
.PHONY: FORCE
$(BUILD)/gen/version.c: FORCE
	@mkdir -p $(@D)
	@printf '#include "version.h"\nconst char bertd_version[] = "%s", bertd_commit[] = "%s", bertd_build[] = "%s";\nconst char bertd_agent[] = "bertd/%s";\n' \
		'$(VERSION)' '$(COMMIT)' '$(VERSION) (commit $(COMMIT))' '$(VERSION)' >$@.new
	@cmp -s $@.new $@ || cp $@.new $@

$(BUILD)/gen/version.o: $(BUILD)/gen/version.c
	@$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

$(BUILD)/gen/embedded.c: scripts/embed.sh $(EMBED)
	@mkdir -p $(@D)
	@scripts/embed.sh $(EMBED) >$@

$(BUILD)/gen/embedded.o: $(BUILD)/gen/embedded.c
	@echo "CC $<"
	@$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

$(BUILD)/tests/unit/%: $(BUILD)/tests/unit/%.c.o $(FAKES) $(BUILD)/libbertd.a
	@echo "LINK $@"
	@$(CC) $(DEBUG) -o $@ $^ -lcmocka $(TEST_LIBS) $(ARROW_LINK) $(LIBS)
$(BUILD)/tests/unit/test_hub_tls: TEST_LIBS := -lssl

$(BUILD)/tests/golden/%: $(BUILD)/tests/golden/%.c.o $(BUILD)/libbertd.a
	@echo "LINK $@"
	@$(CXX) $(DEBUG) -o $@ $^ -lcmocka $(TORCH_LINK) $(ARROW_LINK) $(LIBS)

$(BUILD)/tests/bench/%: $(BUILD)/tests/bench/%.c.o $(BUILD)/libbertd.a
	@echo "LINK $@"
	@$(CXX) $(DEBUG) -o $@ $^ $(TORCH_LINK) $(ARROW_LINK) $(LIBS)

# Programs that a story runs besides the daemon; none of them needs libtorch.
$(BUILD)/tests/integration/%: $(BUILD)/tests/integration/%.c.o $(BUILD)/libbertd.a
	@echo "LINK $@"
	@$(CC) $(DEBUG) -o $@ $^ $(LIBS)

run: build ## the daemon on 127.0.0.1:8080, with the sample data and a small model; state in ./run
	@mkdir -p run
	$(BUILD)/bertd --data-dir=run/data --data-root=tests/data --model-dir=.deps/models

demo: build ## the main job: train a small BERT on the sample reviews, follow it, classify a sentence
	@BERTD=$(BUILD)/bertd scripts/demo.sh

check: build ## every test; does its own set-up
	@$(MAKE) --no-print-directory check-layers check-docs check-unit check-golden check-integration

check-unit: deps ## unit tests (cmocka, no libtorch)
	@$(MAKE) --no-print-directory -j2 $(UNIT)
	@for t in $(UNIT); do $$t || exit 1; done

check-golden: deps ## against committed numbers of transformers, scikit-learn and pandas
	@$(MAKE) --no-print-directory -j2 $(GOLDEN)
	@for t in $(GOLDEN); do $$t || exit 1; done

check-integration: build ## stories against the real daemon
	@$(MAKE) --no-print-directory -j2 $(DRIVERS)
	@BERTD=$(BUILD)/bertd python3 tests/integration/run.py

check-parity: build ## in full against transformers, in a venv below .deps (long)
	@scripts/deps.sh parity
	@$(MAKE) --no-print-directory -j2 $(BENCH) $(DRIVERS)
	@for t in $(sort $(wildcard tests/golden/*_parity.py)); do echo "== $$t"; BUILD=$(BUILD) .deps/venv/bin/python $$t || exit 1; done

check-layers: ## includes go one way
	@scripts/check-layers.sh

check-docs: build ## routes, options and arguments against openapi.yaml and config
	@python3 scripts/check-docs.py $(BUILD)/bertd

docs: build ## config/bertd.conf and the options of config/bertd.8, from the table of options
	@$(BUILD)/bertd --print-config=default >config/bertd.conf
	@$(BUILD)/bertd --print-config=man >$(BUILD)/gen/options.man
	@sed -i -e '/make docs writes it anew/,/^\.El/{ /^\.It/,/^\.El/{ /^\.El/!d; }; /^\.Bl/r $(BUILD)/gen/options.man' -e '}' config/bertd.8

check-docker: deps ## the tour in a container, with restarts; skipped without docker
	@scripts/check-docker.sh

asan: ## unit tests under AddressSanitizer and UndefinedBehaviorSanitizer
	@$(MAKE) --no-print-directory BUILD=build/asan SAN=address,undefined check-unit

tsan: ## unit tests under ThreadSanitizer
	@TSAN_OPTIONS=die_after_fork=0 $(MAKE) --no-print-directory BUILD=build/tsan SAN=thread check-unit

# The library without libtorch, compiled once: a parser takes from the archive what it needs. A folder of tests/data with
# a parser's name has files to begin with.
FUZZED := $(filter-out core/model/%.cpp,$(filter core/base/% core/text/% core/data/% core/hub/% core/model/%,$(CORE)))
FUZZ_SAN := -fsanitize=address,undefined -fno-sanitize=vptr,function
fuzz: deps ## a minute of libFuzzer on each parser (needs clang)
	@$(MAKE) --no-print-directory -j2 $(BUILD)/fuzz/libbertd.a
	@for t in $(basename $(notdir $(wildcard tests/fuzz/*.c))); do \
		$(FUZZ_CC) $(CPPFLAGS) -std=gnu11 -g -O1 $(FUZZ_SAN) -fsanitize=fuzzer tests/fuzz/$$t.c \
			$(BUILD)/fuzz/libbertd.a -o $(BUILD)/fuzz/$$t $(ARROW_LINK) $(LIBS) && \
		mkdir -p $(BUILD)/fuzz/$$t.corpus && $(BUILD)/fuzz/$$t -max_total_time=$(FUZZ_SECONDS) -verbosity=0 \
			-artifact_prefix=$(BUILD)/fuzz/ $(BUILD)/fuzz/$$t.corpus \
			$$(ls -d tests/data/$${t#fuzz_} 2>/dev/null) || exit 1; \
	done
$(BUILD)/fuzz/libbertd.a: $(patsubst %,$(BUILD)/fuzz/%.o,$(FUZZED))
	@rm -f $@
	@ar rcs $@ $^
$(BUILD)/fuzz/%.c.o: %.c
	@mkdir -p $(@D)
	@echo "CC $<"
	@$(FUZZ_CC) $(CPPFLAGS) -std=gnu11 -MMD -MP -g -O1 $(FUZZ_SAN) -fsanitize=fuzzer-no-link -c -o $@ $<
$(BUILD)/fuzz/%.cpp.o: %.cpp
	@mkdir -p $(@D)
	@echo "CXX $<"
	@$(FUZZ_CC) $(CPPFLAGS) $(CXXFLAGS) -O1 $(FUZZ_SAN) -fsanitize=fuzzer-no-link -c -o $@ $<
FUZZ_CC := $(firstword $(shell for c in clang clang-19 clang-16 clang-14; do command -v $$c; done))
FUZZ_SECONDS := 60

FORMATTED = $(shell git ls-files -co --exclude-standard '*.c' '*.h' '*.cpp' '*.hpp')
lint: ## formatting, and the syntax of the scripts
	@clang-format --dry-run -Werror $(FORMATTED)
	@for s in scripts/*.sh docker/*.sh tests/bench/*.sh; do sh -n $$s || exit 1; done
	@python3 -m compileall -q scripts tests

format: ## clang-format on every file
	@clang-format -i $(FORMATTED)

bench: bench-tokenizer bench-parquet bench-train bench-upload ## every benchmark

bench-parquet: deps ## memory and speed of reading one row group of 300 MB
	@$(MAKE) --no-print-directory -j2 $(BUILD)/tests/bench/parquet
	@$(BUILD)/tests/bench/parquet

bench-train: build ## bertd and the Trainer side by side on the same rows
	@scripts/deps.sh parity
	@$(MAKE) --no-print-directory -j2 $(BENCH)
	@BUILD=$(BUILD) tests/bench/bench_train.sh

bench-rows: build ## a million short texts prepared by bertd and by datasets.map
	@scripts/deps.sh parity
	@$(MAKE) --no-print-directory -j2 $(BENCH)
	@BUILD=$(BUILD) tests/bench/rows_bench.sh

bench-tokenizer: build ## bertd's tokenizer beside the tokenizers library
	@scripts/deps.sh parity
	@$(MAKE) --no-print-directory -j2 $(BENCH)
	@BUILD=$(BUILD) tests/bench/tokenizer_bench.sh

bench-upload: build ## 512 MB that arrive in pieces: time, and what the daemon's memory grows by
	@BERTD=$(BUILD)/bertd python3 tests/bench/upload.py

install: build ## into $(DESTDIR)$(PREFIX), with the libraries the daemon loads
	install -D -m 755 $(BUILD)/bertd $(DESTDIR)$(PREFIX)/bin/bertd
	install -D -m 644 config/bertd.conf $(DESTDIR)$(PREFIX)/share/bertd/bertd.conf
	install -D -m 644 config/bertd.8 $(DESTDIR)$(PREFIX)/share/man/man8/bertd.8
	install -d $(DESTDIR)$(PREFIX)/lib/systemd/system
	sed 's|/usr/local|$(PREFIX)|' config/bertd.service > $(DESTDIR)$(PREFIX)/lib/systemd/system/bertd.service
	install -d $(DESTDIR)$(PREFIX)/lib/bertd
	ldd $(BUILD)/bertd | awk '{ print $$3 }' | grep -F $(addprefix -e ,$(TORCH_LIBS) $(ARROW)) | \
		xargs install -m 644 -t $(DESTDIR)$(PREFIX)/lib/bertd

clean: ## the objects, not the dependencies
	rm -rf build

.SECONDARY:
-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
