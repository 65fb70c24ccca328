# Mainstem: `make` shows what can be done.
GO       ?= go
BIN      := bin/mainstem
DATA     ?= ./mainstem-data
TOOL     := $(GO) tool -modfile=$(CURDIR)/tools/go.mod
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
COMMIT   ?= $(shell git rev-parse HEAD 2>/dev/null)
FUZZTIME ?= 30s
ROW      ?= all
CLIENT   ?= all
TARGET   ?= mainstem

export CGO_ENABLED ?= 0

.DEFAULT_GOAL := help
.PHONY: help run build test race lint fuzz crash planted planted-killtest bench bench-storage killtest faults compat compat-report ci

help: ## show this help
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: build ## build and start a broker on 127.0.0.1:9092, data in ./mainstem-data (DATA=DIR); flags: bin/mainstem serve --help
	@$(BIN) serve --data-dir $(DATA)

build: ## one static binary: bin/mainstem
	$(GO) build -trimpath -ldflags "-s -w -X main.version=$(VERSION) -X main.commit=$(COMMIT)" -o $(BIN) ./cmd/mainstem

test: ## the tests of the broker itself, the short way; those in compat-tests are make compat, faults, bench and killtest
	$(GO) test -short ./...

race: ## all tests under the race detector (needs a C compiler)
	CGO_ENABLED=1 $(GO) test -short -race ./...

lint: ## formatting, linters, layers
	$(TOOL) golangci-lint run ./...
	cd compat-tests && $(TOOL) golangci-lint run ./...
	$(GO) test ./internal/arch

fuzz: ## every fuzz target for FUZZTIME (30s) each
	@GO="$(GO)" FUZZTIME=$(FUZZTIME) ./tools/fuzz.sh

crash: ## simulated power cuts and faults at every operation, and other long tests, the long way
	$(GO) test -run 'Crash|Fault|TestRelocationBounds|TestManyPartitions|TestCompactionAgainstModel' -count=1 -timeout 30m -v ./log ./cluster ./replication ./server

planted: ## plant each known bug in a copy of the tree and see that a test catches it
	@GO="$(GO)" ./tools/planted.sh

planted-killtest: ## build the broker with known bugs of transactions and see that the kill test finds them
	@GO="$(GO)" ./tools/planted-killtest.sh

bench: build ## Mainstem and Apache Kafka side by side (ROW=produce1m,... picks rows; BENCHFLAGS=...); needs a JDK and Maven
	cd compat-tests && BROKER_BIN=$(CURDIR)/$(BIN) $(GO) run ./bench -rows $(ROW) $(BENCHFLAGS)

bench-storage: build ## many partitions, recovery, cold reads, compaction, retention, soak (ROW=...; BENCHFLAGS="-soak 1h"); needs root for a memory cgroup, a JDK, Maven
	cd compat-tests && BROKER_BIN=$(CURDIR)/$(BIN) $(GO) run ./bench -table storage -rows $(ROW) $(BENCHFLAGS)

killtest: build ## kill -9 the broker under load, again and again (KILLFLAGS="-cycles 200", KILLFLAGS="-txn 6 -loops java,franzgo -for 10m"); see compat-tests/killtest
	cd compat-tests && BROKER_BIN=$(CURDIR)/$(BIN) $(GO) run ./killtest $(KILLFLAGS)

faults: build ## a full, slow or damaged disk under the real binary, and what the operator is told; needs root, loop devices and cgroups v1
	cd compat-tests && BROKER_BIN=$(CURDIR)/$(BIN) ./run.sh faults mainstem

compat: build ## real clients against a broker (CLIENT=a folder of compat-tests/clients or pipelines|behaviour|hostile|faults|groups|all TARGET=mainstem|kafka); what is Java and kafka need a JDK and Maven, some Debian packages are installed as root, others need Python 3, Node.js or Rust
	cd compat-tests && BROKER_BIN=$(CURDIR)/$(BIN) ./run.sh $(CLIENT) $(TARGET)

compat-report: ## write docs/compatibility.md from what make compat left in compat-tests/results
	cd compat-tests && $(GO) run ./report -keep . -page ../docs/compatibility.md

ci: ## what the server runs: lint, test, the quick set of real clients
	./.ci/run
