# The ways into the project; `make help` lists them. Written for GNU make 3.81 (macOS) and later.

SHELL := bash
PREFIX ?= /usr/local
DESTDIR ?=

# Where rustup puts cargo, for shells that have not read its environment yet.
export PATH := $(PATH):$(HOME)/.cargo/bin

# The user's words reach the scripts through the environment and unexpanded: a path may hold spaces, quotes and dollars.
ifdef IN
override IN := $(value IN)
endif
ifdef OUT
override OUT := $(value OUT)
endif
ifdef STYLE
override STYLE := $(value STYLE)
endif
ifdef STYLE_IMAGE
override STYLE_IMAGE := $(value STYLE_IMAGE)
endif
ifdef CONTENT
override CONTENT := $(value CONTENT)
endif
ifdef VGG
override VGG := $(value VGG)
endif
ifdef START
override START := $(value START)
endif
export IN OUT STYLE FORCE RUNTIME PREFIX DESTDIR MUTATIONS SECONDS_EACH RUNS FRAMES LONG
export STYLE_IMAGE NAME CONTENT VGG START TIER

# The programs look for .runtime above themselves; with a target folder elsewhere they have to be told.
WITH_RUNTIME := $(if $(CARGO_TARGET_DIR),ORT_DYLIB_PATH="$${ORT_DYLIB_PATH:-$(CURDIR)/.runtime}")

.PHONY: all build setup demo test lint bench train fuzz soak install uninstall clean help

all: build

build: setup ## build the programs (target/release)
	cargo build --release --locked

setup: ## install and fetch what is missing: make setup [RUNTIME=gpu|openvino|webgpu|cpu]
	@bash scripts/setup.sh

demo: setup ## stylize a clip: make demo [IN=video OUT=video STYLE=name|file.onnx FORCE=1]
	@$(WITH_RUNTIME) bash scripts/demo.sh

test: setup ## run every test
	$(WITH_RUNTIME) cargo test --locked --no-fail-fast

lint: setup ## formatting, clippy, documentation, scripts, shaders
	@bash scripts/lint.sh

bench: setup ## kernels (criterion), then the programs beside Python: make bench [RUNS=5 FRAMES=300 LONG=1]
	$(WITH_RUNTIME) cargo bench --locked
	@$(WITH_RUNTIME) bash scripts/bench.sh

train: ## make a style: make train STYLE_IMAGE=painting.jpg NAME=mystyle [CONTENT=folder of photographs]
	@bash scripts/train.sh

fuzz: setup ## thousands of broken files, and the readers of foreign bytes: make fuzz [MUTATIONS=3000 SECONDS_EACH=60]
	@$(WITH_RUNTIME) bash scripts/fuzz.sh

soak: setup ## job after job in one process, and a live run beside it, for an hour: make soak [SOAK_MINUTES=60]
	$(WITH_RUNTIME) SOAK_MINUTES=$(or $(SOAK_MINUTES),60) cargo test --release --locked --test soak --test webcam -- row_57 --nocapture

install: ## install into PREFIX (/usr/local), below DESTDIR if set
	@bash scripts/install.sh

uninstall: ## remove what install put there
	@bash scripts/uninstall.sh

clean: ## remove what was built; what setup fetched and your own clips stay
	cargo clean
	rm -f demo/scene.mp4 demo/scene.stylized.mp4
	@if [ -d demo ]; then rmdir demo 2>/dev/null || true; fi

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' Makefile
