# Every target leans on real files, so what is there is not made again: .venv/.installed and target/sluice.jar.
.DEFAULT_GOAL := help
.PHONY: help setup test-setup jar lock run test lint unit integration package stack-up stack-down clean

VENV := .venv/bin
READY := .venv/.installed
JAR := target/sluice.jar
MAVEN_LOG := build/maven.log

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) $(JAR) ## what is missing of this machine, .venv and the uber-jar (every target below implies it)

$(READY): requirements/lock.txt pyproject.toml setup.sh
	@./setup.sh

test-setup: setup
	@./setup.sh test

jar: $(JAR)
$(JAR): pom.xml $(shell find java tests/java -name '*.java') | $(READY)
	@mkdir -p build
	@printf '\033[1msetup\033[0m  target/sluice.jar by Maven (about a minute the first time)\n'
	@mvn -q -B package >$(MAVEN_LOG) 2>&1 || { cat $(MAVEN_LOG) >&2; echo 'setup: Maven failed, see above and $(MAVEN_LOG)' >&2; exit 1; }
	@touch $@

run: setup ## stack, job, fleet and a live summary; RUN_SECONDS=90 stops by itself, RATE=200 is messages/s, RESTARTS=2 kills its workers twice
	@$(VENV)/sluice run $(if $(RUN_SECONDS),--run-seconds $(RUN_SECONDS)) $(if $(RATE),--rate $(RATE)) $(if $(RESTARTS),--restarts $(RESTARTS))

test: test-setup ## lint, unit, integration, in this order: what CI runs
	@$(MAKE) --no-print-directory lint
	@$(MAKE) --no-print-directory unit
	@$(MAKE) --no-print-directory integration

lint: $(READY) ## ruff, mypy, import-linter
	$(VENV)/ruff check .
	$(VENV)/ruff format --check .
	$(VENV)/mypy
	$(VENV)/lint-imports

unit: $(READY) ## the pure parts, seconds
	$(VENV)/pytest tests/unit

integration: test-setup ## the real job on a local mini-cluster against the embedded stack, minutes
	$(VENV)/pytest tests/integration

package: setup ## the zip for Amazon Managed Service for Apache Flink
	@$(VENV)/sluice package

stack-up: $(READY) ## start Kinesis, S3, Glue, DocumentDB, Aurora and MQTT stand-ins and leave them running
	@$(VENV)/sluice stack up
stack-down: $(READY) ## stop them
	@$(VENV)/sluice stack down

lock: $(READY) ## compile requirements/lock.txt anew from pyproject.toml
	$(VENV)/uv pip compile pyproject.toml --all-extras --no-emit-index-url --prerelease=if-necessary-or-explicit -o requirements/lock.txt

clean: ## stop the stack; remove what was built and the run's data, keep .venv
	@if [ -e .run/stack.json ]; then $(VENV)/sluice stack down; fi
	rm -rf target build .run .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
