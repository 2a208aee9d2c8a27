# Everything that is done to this repository is a target here; `make` lists them.
# Needed beforehand: Go, GNU make and git. The rest is installed by the targets:
# tools of a pinned version into .tools/, Debian packages by test/setup.

GO      ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
TOOLS   := $(CURDIR)/.tools
MODULES := $(sort $(patsubst %/go.mod,%,$(wildcard examples/*/go.mod))) # examples with a module of their own

# How long mixed load lasts in `make soak`, how long each fuzz target runs after
# it, and how often the crash tests. SOAK_SEED in the environment repeats a load.
SOAK     ?= 1h
FUZZTIME ?= 1m
REPEAT   ?= 20

# Compiling with the race detector takes a lot of memory for each package:
# two at a time suit the smallest machine that we support for development.
PARALLEL ?= 2

# One PostgreSQL server for all test processes, instead of one for each.
WITH_POSTGRES := GATEHOUSE_TEST_REQUIRE_POSTGRES=1 $(GO) run ./core/store/storetest/withserver

BUF     := $(TOOLS)/buf-v1.75.0
GEN_GO  := $(TOOLS)/protoc-gen-go-v1.36.12
GEN_RPC := $(TOOLS)/protoc-gen-go-grpc-v1.6.2
LINT    := $(TOOLS)/golangci-lint-v2.15.0

export CGO_ENABLED
.DEFAULT_GOAL := help
.PHONY: help build run test check-generated generate lint bench conformance soak clean
.DELETE_ON_ERROR:

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: CGO_ENABLED := 0
build: ## build bin/gatehouse
	$(GO) build -trimpath -ldflags '-s -w -X main.version=$(VERSION)' -o bin/gatehouse ./cmd/gatehouse

run: build ## build and start in development mode (GATEHOUSE_LISTEN, GATEHOUSE_DATA)
	bin/gatehouse dev

# The race detector needs cgo and a C compiler, which test/setup sees to.
test: CGO_ENABLED := 1
test: check-generated ## install what is missing and run every test
	test/setup compiler postgresql nginx caddy curl jq promtool chromium
	$(GO) vet ./...
	GATEHOUSE_TEST_REQUIRE_PROMTOOL=1 $(WITH_POSTGRES) $(GO) test -race -p $(PARALLEL) -timeout 15m ./...
	@for module in $(MODULES); do \
		echo "cd $$module && go vet && go test -race"; \
		(cd $$module && $(GO) vet ./... && $(GO) test -race -p $(PARALLEL) ./...) || exit 1; \
	done

check-generated: $(BUF) $(GEN_GO) $(GEN_RPC)
	test/check-generated $(BUF)
	$(BUF) lint sdk/proto
	test/check-breaking $(BUF)

generate: $(BUF) $(GEN_GO) $(GEN_RPC) ## write the generated code and reference anew
	cd sdk/proto && PATH="$(TOOLS):$$PATH" $(BUF) generate
	$(GO) test ./test/reference ./plugins/saml/internal/response ./test/oidc -update

lint: $(LINT) ## lint the code (make test lints the protocol)
	$(LINT) run ./...

bench: build ## measure, and print one table of figures beside their floors
	$(GO) build -trimpath -o bin/bench ./test/bench
	bin/bench -gatehouse bin/gatehouse

conformance: CGO_ENABLED := 1
conformance: build ## hold plugins to their suite, the admin API to its document, SCIM to the suites of others (in SCIM_SUITES), attacks on SAML to a library that falls for them
	test/conformance $(MODULES)
	TOOLS=$(TOOLS) test/fuzz-admin-api bin/gatehouse
	TOOLS=$(TOOLS) test/scim-suites bin/gatehouse
	TOOLS=$(TOOLS) test/saml-oracles
	TOOLS=$(TOOLS) test/peers

soak: CGO_ENABLED := 1
soak: ## mixed load with kills for SOAK; then 200 reloads, a million failed attempts, 1000 kills in provisioning, FUZZTIME of each fuzz target, REPEAT crash tests
	test/setup compiler postgresql nginx caddy curl jq
	$(WITH_POSTGRES) test/soak/proofs $(SOAK) $(FUZZTIME) $(REPEAT)

clean: ## remove what was built (not the development data in .gatehouse)
	rm -rf bin .tools

# tool installs a command of a pinned version under a name that holds the
# version, and beside it the name that others look for.
define tool
	@mkdir -p $(TOOLS)
	GOBIN=$(TOOLS) CGO_ENABLED=0 $(GO) install $(1)
	mv $(TOOLS)/$(2) $@ && ln -sf $(notdir $@) $(TOOLS)/$(2)
endef

$(BUF):
	$(call tool,github.com/bufbuild/buf/cmd/buf@v1.75.0,buf)
$(GEN_GO):
	$(call tool,google.golang.org/protobuf/cmd/protoc-gen-go@v1.36.12,protoc-gen-go)
$(GEN_RPC):
	$(call tool,google.golang.org/grpc/cmd/protoc-gen-go-grpc@v1.6.2,protoc-gen-go-grpc)
$(LINT):
	$(call tool,github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0,golangci-lint)
