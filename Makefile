# What people and CI do with the project. `make` alone says what there is.

.DEFAULT_GOAL := help
SHELL := /bin/sh

# Commands that .ci/setup got for this folder alone come first, Go's usual place
# last: a new machine often has it in nobody's PATH.
export PATH := $(CURDIR)/.cache/node/bin:$(CURDIR)/.cache/tools:$(PATH):/usr/local/go/bin

# Users without a home of their own (CI, containers) still need one for Go's,
# npm's and Chromium's caches.
ifneq ($(shell [ -n "$$HOME" ] && [ -d "$$HOME" ] && [ -w "$$HOME" ] && echo yes),yes)
export HOME := $(CURDIR)/.cache/home
$(shell mkdir -p "$(HOME)")
endif

# The version is told by git, once, below; Go's own stamp fails in a checkout
# that belongs to somebody else.
export GOFLAGS := $(strip $(GOFLAGS) -buildvcs=false)
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS := -X main.version=$(VERSION)

.PHONY: help
help: ## say what there is
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1	\2/p' Makefile | expand -t 24

.PHONY: run
run: ## set up what is missing and serve the call page; ARGS="--port 9000"
	@.ci/setup go
	go run -ldflags '$(LDFLAGS)' ./cmd/hiroba serve $(ARGS)

.PHONY: build
build: ## build bin/hiroba, one static file
	@.ci/setup go
	CGO_ENABLED=0 go build -trimpath -ldflags '-s -w $(LDFLAGS)' -o bin/hiroba ./cmd/hiroba

.PHONY: test
test: ## set up what is missing and run every check and test, as CI does
	@.ci/stages setup fmt-check generated-check vet lint vuln test-web test-go

.PHONY: setup
setup: ## install what the tests need: a C compiler, Chromium, Node.js, curl
	@.ci/setup go cc browser node curl

# The pieces of `make test`.

.PHONY: fmt-check
fmt-check: ## find Go files that gofmt would change
	@files=$$(find . -name '*.go' ! -path './.*' ! -path '*/node_modules/*' -exec "$$(go env GOROOT)/bin/gofmt" -l -s {} +) && \
	if [ -n "$$files" ]; then echo "not formatted; run gofmt -s -w:"; echo "$$files"; exit 1; fi

.PHONY: generated-check
generated-check: ## find generated files that are stale
	@.ci/generated

.PHONY: vet
vet:
	go vet ./...

.PHONY: lint
lint: ## run staticcheck
	go tool staticcheck ./...

.PHONY: vuln
vuln: ## look for known vulnerabilities in what the code calls
	@.ci/vuln

.PHONY: test-go
test-go: ## run the Go tests, with the race detector and a real Chromium
	@.ci/setup go cc browser curl
	go test -count=1 ./sfu/forward
	CGO_ENABLED=1 go test -race -count=1 -timeout 14m $$(go list ./... | grep -v '/cmd/hiroba$$')
	CGO_ENABLED=1 go test -race -count=1 -timeout 14m ./cmd/hiroba # by itself: browsers, and calls that are timed

.PHONY: test-web
test-web: web/node_modules/.package-lock.json ## check the types of the SDK and the page, and run their tests
	npm run check --prefix web
	npm test --prefix web

web/node_modules/.package-lock.json: web/package-lock.json
	@.ci/setup node
	npm ci --prefix web
	@touch $@

# What is not part of `make test`.

.PHONY: interop
interop: web/interop/node_modules/.package-lock.json ## call with Firefox and with native libwebrtc
	@.ci/setup go cc browser node firefox
	HIROBA_INTEROP=1 CGO_ENABLED=1 go test -race -count=1 -timeout 5m -v -run '^(TestFirefox|TestNativeClient)$$' ./cmd/hiroba

web/interop/node_modules/.package-lock.json: web/interop/package-lock.json
	@.ci/setup node
	npm ci --prefix web/interop
	@touch $@

.PHONY: turn-interop
turn-interop: ## relay with coturn's client over every transport, losing nothing (Debian: coturn)
	@.ci/setup go
	HIROBA_TURN_INTEROP=1 go test -count=1 -v -timeout 10m -run '^TestCoturnClients$$' ./turn

.PHONY: turn-bench
turn-bench: ## compare what relaying costs here and in coturn (Linux; Debian: coturn); HIROBA_TURN_ROUNDS is how often
	@.ci/setup go
	HIROBA_TURN_BENCH=1 go test -count=1 -v -timeout 30m -run '^TestCostBesideCoturn$$' ./turn

.PHONY: fuzz
fuzz: ## run every fuzz target for FUZZTIME (30s) each
	@FUZZTIME=$(or $(FUZZTIME),30s) .ci/fuzz

.PHONY: files
files: ## send a file of 100 MB from page to page in the middle of a call; HIROBA_FILE_MB is its size
	@.ci/setup go browser
	HIROBA_FILE_MB=$(or $(HIROBA_FILE_MB),100) go test -count=1 -v -run TestAFileGoesThroughInACall ./cmd/hiroba

.PHONY: corpus
corpus: ## record what Chromium sends, every codec in every way, for the fuzz targets in sfu/forward
	@.ci/setup go browser
	HIROBA_CORPUS=1 go test -count=1 -v -run '^TestRecordCorpus$$' ./cmd/hiroba

.PHONY: bench
bench: ## run the benchmarks
	go test -run '^$$' -bench . -benchmem -timeout 3h ./...

.PHONY: cost
cost: ## measure what forwarding costs beside a floor (Linux, twenty quiet minutes), and draw docs/cost.svg
	HIROBA_COST_PLOT=$(CURDIR)/docs/cost.svg go test -run '^$$' -bench '^BenchmarkCost$$' -benchtime 1x -timeout 60m ./cmd/hiroba

.PHONY: lab
lab: ## run calls over links that lose, delay and narrow (Linux, as root); SCENARIO=Loss for one
	@.ci/setup go browser
	HIROBA_LAB=1 go test -count=1 ./internal/lab
	HIROBA_LAB=1 go test -count=1 -v -timeout 30m -run '^TestLab$(if $(SCENARIO),$(SCENARIO)$$)' ./cmd/hiroba

.PHONY: nat-lab
nat-lab: ## run calls through NATs and firewalls, directly and over each kind of relay (Linux, as root)
	@.ci/setup go browser nft
	HIROBA_NAT_LAB=1 go test -count=1 -run '^TestRouters$$' ./internal/lab
	HIROBA_NAT_LAB=1 go test -count=1 -v -timeout 10m -run '^(TestCallsThroughNATs|TestChromiumVerifiesTheRelay)$$' ./cmd/hiroba

.PHONY: generate
generate: ## make the generated files anew
	go generate ./...

.PHONY: clean
clean: ## remove what the other targets made here
	[ ! -d .cache ] || chmod -R u+w .cache
	rm -rf bin .cache web/node_modules web/interop/node_modules
