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

CC  := gcc
CXX := g++
PKGS := libmicrohttpd jansson sqlite3 libcurl libutf8proc inih libcrypto
WARN := -Wall -Wextra -Wshadow -Wswitch-enum -Wvla -Werror
CWARN := -Wstrict-prototypes -Wmissing-prototypes
DEBUG := -O2 -g
ifdef SAN
DEBUG := -O1 -g -fsanitize=$(SAN) -fno-omit-frame-pointer
endif
COMMIT := $(shell git rev-parse --short HEAD 2>/dev/null || echo unknown)
CPPFLAGS := -D_GNU_SOURCE -Icore -Iserver -I$(BUILD)/gen
CFLAGS   := -std=gnu11 $(DEBUG) $(WARN) $(CWARN) -MMD -MP -pthread
# libtorch's headers are the system's: their warnings are not ours.
CXXFLAGS := -std=c++20 $(DEBUG) $(WARN) -MMD -MP -pthread \
	-isystem $(TORCH)/include -isystem $(TORCH)/include/torch/csrc/api/include
LIBS       = $(shell pkg-config --libs $(PKGS)) -lm -pthread
TORCH_LINK = $(foreach d,$(TORCH_LIBS),-L$(d) -Wl,-rpath,$(d) -Wl,-rpath-link,$(d)) -Wl,--no-as-needed -ltorch_cpu -lc10 \
	-Wl,--as-needed -lstdc++ -ldl

CORE   := $(sort $(wildcard core/*/*.c core/*/*.cpp))
SERVER := $(filter-out server/main.c,$(sort $(wildcard server/*.c)))
OBJS   := $(patsubst %,$(BUILD)/%.o,$(CORE) $(SERVER)) $(BUILD)/gen/embedded.o
FAKES  := $(patsubst %,$(BUILD)/%.o,$(sort $(wildcard tests/fakes/*.c)))
# A unit test links the fakes before the library, so that it needs no libtorch; a golden test links the real model.
UNIT   := $(patsubst tests/unit/%.c,$(BUILD)/tests/unit/%,$(sort $(wildcard tests/unit/test_*.c)))
GOLDEN := $(patsubst tests/golden/%.c,$(BUILD)/tests/golden/%,$(sort $(wildcard tests/golden/test_*.c)))
BENCH  := $(patsubst tests/bench/%.c,$(BUILD)/tests/bench/%,$(sort $(wildcard tests/bench/*.c)))
EMBED  := $(sort $(wildcard migrations/*.sql)) openapi.yaml

.PHONY: help deps build run demo check check-unit check-integration check-golden check-parity check-layers check-docs \
	asan tsan lint format bench bench-train bench-tokenizer install clean
.DEFAULT_GOAL := build

help: ## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## /\1|/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "%-18s %s\n", $$1, $$2 }'

deps: ## Debian packages, and the pinned wheels into .deps
	@scripts/deps.sh

build: deps ## the daemon, build/bertd
	@$(MAKE) --no-print-directory -j2 $(BUILD)/bertd

$(BUILD)/bertd: $(BUILD)/server/main.c.o $(BUILD)/libbertd.a
	$(CXX) $(DEBUG) -o $@ $^ $(TORCH_LINK) $(LIBS)

$(BUILD)/libbertd.a: $(OBJS)
	@rm -f $@
	ar rcs $@ $^

$(BUILD)/%.c.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) $(EXTRA) -c -o $@ $<

$(BUILD)/%.cpp.o: %.cpp
	@mkdir -p $(@D)
	$(CXX) $(CPPFLAGS) $(CXXFLAGS) -c -o $@ $<

$(BUILD)/server/%.c.o: EXTRA = -DBERTD_VERSION='"$(VERSION)"' -DBERTD_COMMIT='"$(COMMIT)"'

$(BUILD)/gen/embedded.c: scripts/embed.sh $(EMBED)
	@mkdir -p $(@D)
	scripts/embed.sh $(EMBED) >$@

$(BUILD)/gen/embedded.o: $(BUILD)/gen/embedded.c
	$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

$(BUILD)/tests/unit/%: $(BUILD)/tests/unit/%.c.o $(FAKES) $(BUILD)/libbertd.a
	$(CC) $(DEBUG) -o $@ $^ -lcmocka $(LIBS)

$(BUILD)/tests/golden/%: $(BUILD)/tests/golden/%.c.o $(BUILD)/libbertd.a
	$(CXX) $(DEBUG) -o $@ $^ -lcmocka $(TORCH_LINK) $(LIBS)

$(BUILD)/tests/bench/%: $(BUILD)/tests/bench/%.c.o $(BUILD)/libbertd.a
	$(CXX) $(DEBUG) -o $@ $^ $(TORCH_LINK) $(LIBS)

.SECONDARY:
-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
