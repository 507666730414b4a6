PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
STAGE ?= prod
CDK := build/cdk.out
# Tools whose pins of botocore fit nothing else live in venvs of their own.
CHECKOV := build/venvs/checkov/.ready
MINISTACK := build/venvs/ministack/.ready

.DEFAULT_GOAL := help
.PHONY: help setup demo test check synth templates package deploy bench golden clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/\1\t\2/' | expand -t 12

# Falls back to python3 where there is no python3.11 by that name; the version is checked either way.
$(STAMP): requirements/dev.txt pyproject.toml
	@command -v $(PYTHON) >/dev/null && p=$(PYTHON) || p=python3; \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11) and "tocsin needs Python 3.11 or newer")' && \
	$$p -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements/dev.txt
	PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $(STAMP)

setup: $(STAMP) ## build .venv with pinned dependencies

build/venvs/%/.ready: requirements/%.txt $(STAMP)
	$(BIN)/python -m venv build/venvs/$*
	build/venvs/$*/bin/python -m pip install --quiet --disable-pip-version-check --requirement requirements/$*.txt
	@touch $@

demo: $(STAMP) ## play month-end on the embedded AWS; writes build/demo/report.html and report.json
	$(BIN)/tocsin demo

test: templates $(MINISTACK) ## run every check and test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/tocsin check
	$(BIN)/pytest

check: $(STAMP) ## lint and type-check only
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/tocsin check

synth: $(STAMP) ## write the stacks of STAGE (prod when not given) to build/cdk.out
	rm -rf $(CDK)
	$(BIN)/python -m infra.aws.app --stage $(STAGE) --out $(CDK)

templates: synth $(CHECKOV) ## synth, then lint every template
	$(BIN)/cfn-lint $(CDK)/*.template.json
	build/venvs/checkov/bin/checkov --directory $(CDK) --framework cloudformation --skip-download --compact --quiet

package: synth ## the templates and zips of STAGE for the AWS CLI alone, in build/package
	$(BIN)/python -m infra.aws.package --assembly $(CDK) --out build/package
	$(BIN)/cfn-lint build/package/*.template.json

deploy: synth ## deploy the stacks of STAGE with the CDK command line
	$(BIN)/python -m infra.aws.cdk deploy --app $(CDK) --all

bench: $(STAMP) ## measure; writes build/bench.json
	$(BIN)/python -m benchmarks.run

golden: $(STAMP) ## rewrite the golden files; review them as a diff
	$(BIN)/pytest -n 0 -p no:randomly --golden-update tests/golden

clean: ## remove what was built
	rm -rf build .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
