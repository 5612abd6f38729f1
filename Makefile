# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

# Two environments, completed when their requirements change: .venv runs the collection and its tests,
# .cache/lint holds the tools that check a collection as a whole (on a copy of the tree, .cache/tree).
# PYTHON=/path/to/python3 chooses the Python of both.

BIN := .venv/bin
LINT := .cache/lint/bin
TREE := .cache/tree
COPY := $(TREE)/ansible_collections/lossless/restart
IN_COPY := cd $(COPY) && PATH=$(CURDIR)/$(LINT):$$PATH ANSIBLE_COLLECTIONS_PATH=$(CURDIR)/$(TREE)
LINK := .venv/collections/ansible_collections/lossless/restart
PARTS := system unit style docs lint importer sanity integration molecule cores bench-small

.DEFAULT_GOAL := help
.PHONY: help demo up down lab check test matrix bench bench-floor bench-dubbo bench-mq changelog dist clean tree $(PARTS)

help: ## print this list
	@sed -nE 's/^([a-z-]+):.*## (.*)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 14

# For everybody

demo: $(if $(FULL),.venv/test.stamp,.venv/demo.stamp) ## restart a fleet on this machine under traffic and account for every request (COMPARE=1: the usual ways beside it; FULL=1: with ZooKeeper and Dubbo)
	@PYTHONPATH=.venv/collections $(BIN)/python -m $(if $(FULL),tests.lab.full,tests.lab.demo $(if $(COMPARE),compare,run))

up: .venv/demo.stamp ## start the demo fleet and its client, to type the commands oneself
	@$(BIN)/python -m tests.lab.demo up

down: .venv/demo.stamp ## stop what `make up` started
	@$(BIN)/python -m tests.lab.demo down

bench: .venv/test.stamp ## measure the figures that the README quotes (at most 30 minutes)
	@$(BIN)/python -m benchmarks

bench-floor: .venv/test.stamp ## many runs at once, killed at random, on each backend: the floor holds (10 minutes each)
	@PYTHONPATH=.venv/collections $(BIN)/python -m benchmarks.floor

bench-dubbo: .venv/test.stamp ## restart real Dubbo providers under calls, by our way and by the usual ones (at most 15 minutes)
	@$(BIN)/python -m benchmarks.dubbo

bench-mq: .venv/test.stamp ## restart real consumers of RocketMQ, Kafka and RabbitMQ under messages, by our way and by the usual ones (20 minutes)
	@$(BIN)/python -m benchmarks.mq

# For contributors

lab: .venv/test.stamp ## start the servers that the tests run against, print where they are, stop them on Ctrl-C
	@$(BIN)/python -m tests.lab

check: unit style ## the fast tests: unit, ruff, mypy

test: ## every test there is, with a summary; installs what it needs
	@MAKE=$(MAKE) tests/tools/parts.sh $(PARTS)

system: ## packages of the system that the integration tests need
	tests/tools/system.sh

unit: .venv/test.stamp ## functions alone, and the collection's structure
	$(BIN)/python -m pytest -n 2 --dist loadfile tests/unit

style: .venv/test.stamp ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/mypy

docs: .cache/lint.stamp tree ## the documentation of modules and roles, the changelog
	$(IN_COPY) antsibull-docs lint-collection-docs --plugin-docs .
	$(IN_COPY) antsibull-changelog lint

lint: .cache/lint.stamp tree ## ansible-lint and shellcheck
	$(IN_COPY) ansible-lint --nocolor --offline --strict --profile production
	$(LINT)/shellcheck .ci/run tests/tools/*.sh awx/pipelines/*.sh molecule/*/*.sh molecule/shared/host/*.sh

importer: .cache/lint.stamp dist ## what Galaxy says of the built collection
	tests/tools/importer.sh dist/lossless-restart-*.tar.gz $(COPY)

sanity: .venv/test.stamp .cache/lint.stamp tree ## ansible-test sanity, with every Python there is
	tests/tools/sanity.sh .venv $(TREE)

integration: .venv/test.stamp ## modules, roles and playbooks against real servers on this machine
	$(BIN)/python -m pytest -n 4 --dist loadfile --no-loadscope-reorder --instafail --durations 40 --junitxml .cache/integration.xml -m "not variant" tests/integration

molecule: .venv/test.stamp ## the scenarios of molecule/, on hosts with systemd in containers
	tests/tools/docker.sh $(BIN)/python -m pytest -n 2 --dist load --instafail --durations 20 -m "not variant" tests/molecule

matrix: .venv/test.stamp .cache/lint.stamp tree ## integration tests with the other versions, and other ways to the same; sanity on the other ansible-core; each scenario of molecule/ with a break
	$(BIN)/python -m pytest -n 3 --dist load --instafail -m variant tests/integration/test_versions.py
	$(BIN)/python -m pytest -n 3 --dist loadfile --instafail --durations 40 -m variant --ignore tests/integration/test_versions.py tests/integration
	tests/tools/docker.sh $(BIN)/python -m pytest -n 2 --dist load --instafail -m variant tests/molecule
	tests/tools/cores.sh $(TREE)

cores: .venv/test.stamp ## unit and the playbook on the other end of the supported ansible-core versions
	tests/tools/cores.sh

bench-small: .venv/test.stamp ## a small run of the benchmarks
	$(BIN)/python -m benchmarks --small

dist: .cache/lint.stamp tree ## build the collection into dist/
	@rm -rf dist
	$(LINT)/ansible-galaxy collection build --output-path dist $(COPY)

changelog: .cache/lint.stamp ## write CHANGELOG.md for the version in galaxy.yml from changelogs/fragments
	PATH=$(CURDIR)/$(LINT):$$PATH antsibull-changelog release --update-existing

clean: ## remove what was built, but not .venv
	rm -rf .cache dist

# What the targets stand on

tree:
	@tests/tools/copy.sh $(TREE)

.venv/demo.stamp: tests/requirements-demo.txt tests/requirements-core.txt
	@tests/tools/venv.sh .venv $<
	@mkdir -p $(dir $(LINK)) && ln -sfn ../../../.. $(LINK)
	@touch $@

.venv/test.stamp: tests/requirements-test.txt .venv/demo.stamp
	@tests/tools/venv.sh .venv $<
	@touch $@

.cache/lint.stamp: tests/requirements-lint.txt tests/requirements-core.txt
	@tests/tools/venv.sh .cache/lint $<
	@touch $@
