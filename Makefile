# Two commands: `make rehearse` and `make test`. Each sets up what it needs and
# says what it installs; on a machine with a Docker engine it installs nothing, and
# the tests run in an image that has their programs.

GO ?= go
# The gitops command runs in containers of any distribution.
export CGO_ENABLED = 0
# How long one package's tests may take: the first run compiles the programs of the lab.
TEST_TIMEOUT ?= 60m
# The packages that have goroutines, by what their tests take under the race detector.
RACE_QUICK = ./ci/github ./ci/host ./ci/lab/githubtest ./ci/progress ./ci/publish
RACE_SLOW = ./ci/ansible ./ci/attest ./ci/deploy ./ci/infra ./ci/lab ./ci/robot
# gotestsum, which writes the tests' events where .ci/test reads them.
gotestsum = gotestsum --format pkgname-and-test-fails $(if $(TEST_EVENTS),--jsonfile $(TEST_EVENTS)/$@.json)
# The rehearsal of `make test`; empty to leave it out.
REHEARSE ?= rehearse-docker

.PHONY: help rehearse rehearse-docker rehearse-dagger test setup lint test-go test-race test-race-quick test-faults test-swarm test-manifests test-backend test-frontend test-terraform test-ansible bench bench-deploy pictures build clean

help: ## Show the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 20

rehearse: ## Run the whole loop against stand-ins: on Dagger where an engine is reachable, else on Docker
	$(GO) run ./ci/cmd/rehearse

rehearse-docker: ## The rehearsal on a plain Docker engine
	$(GO) run ./ci/cmd/rehearse --engine docker

rehearse-dagger: ## The rehearsal on a Dagger engine
	$(GO) run ./ci/cmd/rehearse --engine dagger

test: setup ## Every test, the rehearsal included; what cannot run here is named at the end
	$(GO) run ./ci/cmd/rehearse with-docker --toolbox -- .ci/test $(REHEARSE)

setup: ## Install what the tests need, where no Docker engine is
	.ci/setup

lint: ## Formatting, vet and golangci-lint of every Go module; the workflows
	.ci/lint

test-go: ## Tests of the stages
	.ci/providers .ci/tool $(gotestsum) -- -timeout $(TEST_TIMEOUT) ./ci/...

test-manifests: ## Every public manifest deployed, changed and rolled back; needs a Docker engine and sshd
	GITOPS_MANIFESTS=all $(GO) test -timeout 2h -run TestPublicManifests ./ci/deploy

test-race: ## Tests of what has goroutines, under the race detector
	.ci/race $(RACE_QUICK) $(RACE_SLOW)

test-race-quick: ## Those of them that take seconds
	.ci/race $(RACE_QUICK)

test-faults: ## Deploys during which something breaks, under load, in every step; needs a Docker engine
	$(GO) test -tags faults -count 1 -timeout $(TEST_TIMEOUT) -run '^TestFault' ./ci/deploy
	$(GO) test -tags faults -count 1 -timeout $(TEST_TIMEOUT) -run '^TestFault(Engine|Reboot)' \
		-exec '$(GO) run gitops/ci/cmd/rehearse on-host --' ./ci/deploy

test-swarm: ## Deploys to a swarm of three nodes, one of which dies; needs a Docker engine
	$(GO) test -tags swarm -count 1 -timeout $(TEST_TIMEOUT) -run '^TestSwarm' ./ci/deploy

test-backend: ## Tests of the backend
	cd app/backend && $(GO) vet ./... && ../../.ci/tool $(gotestsum) -- -timeout $(TEST_TIMEOUT) ./...

test-frontend: ## Lint, tests and build of the frontend
	cd app/frontend && npm ci --no-audit --no-fund && npm run lint && npm test && npm run build

test-terraform: ## Formatting, validation and tests of the Terraform configuration
	.ci/providers .ci/terraform

test-ansible: ## Syntax and lint of the playbook, with what is installed of the linters
	.ci/ansible

pictures: ## The README's pictures, from the report of the last rehearsal; needs chromium
	$(GO) run ./ci/cmd/rehearse pictures

bench: ## The measurements of the README
	$(GO) run ./ci/bench

bench-deploy: ## Deploys under load beside the other ways, and the picture of it; an hour, with a Docker engine
	$(GO) run ./ci/cmd/rehearse with-docker --toolbox -- $(GO) run ./ci/bench/deploy -picture docs/pictures/deploy.svg

build: ## Build the gitops command into bin/
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/gitops ./ci/cmd/gitops

clean: ## Remove what was built here
	rm -rf bin dist plan rehearsal.html rehearsal.json
