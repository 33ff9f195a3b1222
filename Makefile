# Everything that is done with this tree is a target here, for people and for CI alike.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help

# What `make run` hands to the server: make run ARGS="--addr :8080 --log-level debug"
ARGS ?=
# How long the tests of one package may take: far longer than they need, so that a slow machine has the time too.
TESTTIME ?= 40m
# How long `make fuzz` stays with each target.
FUZZTIME ?= 60s
# The version of govulncheck that `make vuln` runs.
GOVULNCHECK ?= v1.9.0
# Where the bench lets servers listen, below the ports that outgoing connections take.
BENCH_ADDR ?= 127.0.0.1:18080
# One processor for servers, and one for clients, where there are two.
BENCH_CPUS ?= $(if $(filter-out 1,$(shell nproc)),--server-cpu 0 --client-cpu 1)
BENCH_ROUNDS ?= 3

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || true)
LDFLAGS := $(if $(VERSION),-ldflags '-X main.version=$(VERSION)')
# npm leaves this file behind as the last thing of an installation.
CLIENT := test/client/node_modules/.package-lock.json
NODE_PEER := bench/peers/node/node_modules/.package-lock.json
BROWSER := test/browser/node_modules/.package-lock.json
# The browser builds of the client that the binary serves, from their npm package.
BUNDLE := cmd/starling/client/dist/socket.io.js
# The same, for the examples.
EXAMPLES := examples/node_modules/.package-lock.json

.PHONY: help
help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: $(if $(shell command -v npm),$(BUNDLE)) ## build bin/starling
	@[ -e $(BUNDLE) ] || echo 'no npm here: bin/starling will not serve the client to browsers' >&2
	@go build $(LDFLAGS) -o bin/starling ./cmd/starling

.PHONY: run
run: build ## build and run the server in development mode, with its flags in ARGS="..."
	@bin/starling serve --dev $(ARGS)

# The test run ends with the ordinary build, because the allocation gates are void under the race detector; its
# summary is then the last thing that is printed.
.PHONY: test
test: lint cross race ## check everything: lint, other platforms, the tests under race, and as released
	.ci/test -timeout $(TESTTIME)

.PHONY: race
race: compiler tools peers $(CLIENT) $(BROWSER) $(BUNDLE) $(EXAMPLES) chromium ## run the tests with the race detector and the assertions
	.ci/test -race -tags invariants -timeout $(TESTTIME)

# Minimizing by count: by time, Go's fuzzer spends most of a short run on inputs that are merely new.
.PHONY: fuzz
fuzz: ## run each fuzz target for FUZZTIME (60s)
	@go test -list '^Fuzz' ./... \
	| awk '/^Fuzz/ { targets[n++] = $$1 } /^ok/ { for (i = 0; i < n; i++) print $$2, targets[i]; n = 0 }' \
	| while read -r package target; do \
		echo "== $$package $$target"; \
		go test -run '^$$' -fuzz "^$$target\$$" -fuzztime '$(FUZZTIME)' -fuzzminimizetime 500x "$$package" </dev/null; \
	done

.PHONY: lint
lint: ## vet, the formatting, staticcheck
	go vet ./...
	@echo 'go tool gofumpt -l .'
	@unformatted=$$(go tool gofumpt -l .); \
	if [ -n "$$unformatted" ]; then printf 'not formatted, run make fmt:\n%s\n' "$$unformatted"; exit 1; fi
	go tool staticcheck ./...

# Not a part of `make test`, because it asks a database on the internet, whose answer changes while the tree does not.
.PHONY: vuln
vuln: ## look up what is known against the dependencies, on the internet
	go run golang.org/x/vuln/cmd/govulncheck@$(GOVULNCHECK) ./...

.PHONY: fmt
fmt: ## format the Go files
	@go tool gofumpt -l -w .

.PHONY: cross
cross: ## compile for the platforms that the tests do not run on
	GOOS=linux GOARCH=arm64 go build ./...
	GOOS=darwin GOARCH=arm64 go build ./...

.PHONY: examples
examples: $(EXAMPLES) ## build the examples into bin/examples, to be run from here
	@mkdir -p bin/examples
	@go build -o bin/examples/ ./examples/...

# How costs of the API that no flood shows are measured: on one loop, without the kernel.
.PHONY: bench-api
bench-api: ## measure joins, fetches, acknowledged broadcasts and recoveries
	go test ./hub -run '^$$' -bench 'JoinLeave|ManyRooms|FetchSockets|EmitWithAck|Recovery'

bin/bench: FORCE
	@go build $(LDFLAGS) -o bin/bench ./bench

.PHONY: FORCE
FORCE:

.PHONY: bench
bench: build bin/bench ## three minutes of everything against Starling, and a report to open
	bin/bench suite --url http://$(BENCH_ADDR) --server-cmd 'bin/starling roomapp --addr {addr}' $(BENCH_CPUS) --out bin/bench-report \
		--name Starling || [ $$? = 3 ] # an invalid run, of a busy machine, is in the report

.PHONY: bench-storm
bench-storm: build bin/bench $(NODE_PEER) ## a reconnect storm of 10,000 stock clients against Starling and against Node.js
	bin/bench storm --url http://$(BENCH_ADDR) --procs 2 \
		--server 'starling=bin/starling roomapp --addr {addr}' \
		--server 'node=node bench/peers/node/server.mjs {addr}'

# The first is the one that the others are compared with.
.PHONY: bench-compare
bench-compare: build bin/bench peers ## the same scenarios for Starling and its peers, in rounds, into docs/BENCHMARKS.md
	bin/bench table $(BENCH_CPUS) --rounds $(BENCH_ROUNDS) --addr $(BENCH_ADDR) --out bin/bench-compare --markdown docs/BENCHMARKS.md \
		--server 'Starling=socketio:bin/starling roomapp --addr {addr}' \
		--server 'limit=raw:bin/bench limit --addr {addr}' \
		--server 'Socket.IO on Node=socketio:node bench/peers/node/server.mjs {addr}' \
		--server 'socket.io in Go=socketio:bin/peers/socketio {addr}' \
		--server 'centrifuge=centrifuge:bin/peers/centrifuge {addr}' \
		--server 'gws=raw:bin/peers/gws {addr}' \
		--server 'nbio=raw:bin/peers/nbio {addr}' \
		--server 'gorilla=raw:bin/peers/gorilla {addr}'

# Servers that the bench compares with, of a module of their own.
.PHONY: peers
peers: $(NODE_PEER)
	@mkdir -p bin/peers
	go build -C bench/peers/go -o ../../../bin/peers/ ./...

.PHONY: clean
clean: ## remove what was built and installed
	rm -rf bin test/client/node_modules test/browser/node_modules bench/peers/node/node_modules examples/node_modules
	rm -rf cmd/starling/client/node_modules cmd/starling/client/dist/*.js cmd/starling/client/dist/*.map

# The race detector links against C, which a machine with nothing but Go on it cannot.
.PHONY: compiler
compiler:
	@command -v "$$(go env CC)" >/dev/null || $(call install,gcc libc6-dev,a C compiler)

# What the documents tell their readers to use.
.PHONY: tools
tools:
	@{ command -v python3 && command -v curl && command -v openssl; } >/dev/null || $(call install,python3 curl openssl,Python, curl and openssl)

.PHONY: node
node:
	@{ command -v node && command -v npm; } >/dev/null || $(call install,nodejs npm,Node.js with npm)

$(CLIENT): test/client/package.json test/client/package-lock.json | node
	cd test/client && npm ci --no-audit --no-fund
	@touch $@

$(NODE_PEER): bench/peers/node/package.json bench/peers/node/package-lock.json | node
	cd bench/peers/node && npm ci --no-audit --no-fund
	@touch $@

$(BROWSER): test/browser/package.json test/browser/package-lock.json | node
	cd test/browser && npm ci --no-audit --no-fund
	@touch $@

$(EXAMPLES): examples/package.json examples/package-lock.json | node
	cd examples && npm ci --ignore-scripts --no-audit --no-fund
	@touch $@

.PHONY: chromium
chromium:
	@command -v chromium >/dev/null || $(call install,chromium,Chromium)

$(BUNDLE): cmd/starling/client/package.json cmd/starling/client/package-lock.json | node
	cd cmd/starling/client && npm ci --ignore-scripts --no-audit --no-fund --silent
	cp cmd/starling/client/node_modules/socket.io-client/dist/socket.io*.js* cmd/starling/client/dist/
	@touch $@

# install,packages,name: by apt-get where that is possible, else say what is missing.
define install
{ \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends $(1); \
	else \
		echo 'the tests need $(2): please install it ($(1) on Debian)' >&2; exit 1; \
	fi; \
}
endef
