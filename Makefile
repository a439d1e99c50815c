.DEFAULT_GOAL := help
SHELL := /bin/sh
comma := ,
ENV ?= local
TOOLS = $(if $(wildcard tools/pyproject.toml),tools)
# Folder and Dockerfile of the application, from CODE in templates/_application.py.
CODE_FOLDER = $(shell sed -n 's/.*"folder": "\([^"]*\)".*/\1/p' build/runtime.json)
DOCKERFILE = $(or $(shell sed -n 's/.*"dockerfile": "\([^"]*\)".*/\1/p' build/runtime.json),$(CODE_FOLDER)/Dockerfile)
CODE_REQUIREMENTS = $(wildcard $(CODE_FOLDER)/requirements.in)
PYTHON_FILES = templates $(if $(wildcard $(CODE_FOLDER)/*.py),$(filter-out .,$(CODE_FOLDER))) tests $(TOOLS) generate.py deploy.py
BIN = .venv/bin
EMULATOR_BIN = .venv-emulator/bin
DOCUMENTS = README.md docs/README.ja.md docs/architecture.md docs/first-run.md docs/ownership.md docs/pipeline.md \
  docs/reference.md docs/reference.ja.md docs/security.md
COG = $(BIN)/cog --verbosity=1 -e -I .
# make init replaces README.md with the team's own, which has no generated parts.
WITH_PARTS = $$(grep -lF '[[[cog' $(DOCUMENTS))
# The region of each environment, and the one with the most resource types.
REGIONS = $(sort us-east-1 $(shell sed -n 's/^region: *["'"'"']*\([a-z0-9-]*\).*/\1/p' params/*.yaml))
CFN_LINT = $(BIN)/cfn-lint --regions $(REGIONS) -- build/*.yaml

# A variable or target that would be ignored is refused before anything else: a typo must not deploy everything, or to
# another environment. READ_<variable> lists the targets that read it; `any` stands for all.
OF_ENVIRONMENT = plan deploy status logs image drift rollback restore approve finish continue-rollback destroy run rehearse
READ_ENV = $(OF_ENVIRONMENT)
READ_ARGS = $(OF_ENVIRONMENT) benchmark
READ_YES = deploy rollback restore approve finish continue-rollback destroy
READ_ONLY = plan deploy continue-rollback
READ_ALLOW = plan deploy
READ_BASE = review
READ_HEAD = review
READ_HEALTH_RATE = rehearse
READ_MINUTE = rehearse
READ_REQUESTS = rehearse
READ_HOOK = rehearse
READ_REPORT = report-check
READ_PROJECT = init
READ_ENVIRONMENTS = init
READ_REGION = init
READ_REPOSITORY = init
READ_PORT = init
READ_UV = any
READ_PYTHON = any
VARIABLES = $(patsubst READ_%,%,$(filter READ_%,$(.VARIABLES)))
TARGETS := $(shell awk -F ':' '/^[a-z-]+:.*\043\043 / {print $$1}' $(firstword $(MAKEFILE_LIST)))
GIVEN := $(foreach name,$(filter-out -*-% MAKE% .%,$(.VARIABLES)),$(if $(findstring command line,$(origin $(name))),$(name)))
# For a recipe's own make, and for a file such as .venv/ready, every variable is accepted.
VERBS_GIVEN := $(filter $(TARGETS),$(MAKECMDGOALS))
unread = $(if $(filter any $(VERBS_GIVEN),$(READ_$(1))),,$(1))
UNKNOWN_TARGET := $(firstword $(foreach goal,$(MAKECMDGOALS),$(if $(findstring /,$(goal))$(filter $(TARGETS),$(goal)),,$(goal))))
UNKNOWN_VARIABLE := $(firstword $(filter-out $(VARIABLES),$(GIVEN)))
UNREAD := $(if $(VERBS_GIVEN),$(firstword $(foreach name,$(filter $(VARIABLES),$(GIVEN)),$(call unread,$(name)))))
EMPTY := $(firstword $(foreach name,$(filter ENV ONLY,$(GIVEN)),$(if $(strip $($(name))),,$(name))))
refuse = $(shell printf 'error: %s: nothing was done\nnext:  %s\n' '$(1)' '$(2)' >&2)
override REFUSED := yes
ifneq ($(UNKNOWN_TARGET),)
$(shell .ci/refuse target '$(UNKNOWN_TARGET)' $(TARGETS))
else ifneq ($(UNKNOWN_VARIABLE),)
$(shell .ci/refuse variable '$(UNKNOWN_VARIABLE)' $(VARIABLES))
else ifneq ($(UNREAD),)
$(call refuse,make $(VERBS_GIVEN) does not read $(UNREAD),leave it out: $(UNREAD) is for $(READ_$(UNREAD)))
else ifneq ($(EMPTY),)
$(call refuse,$(EMPTY) is empty,give it a value$(comma) or leave it out)
else ifneq ($(filter-out 1,$(YES)),)
$(call refuse,YES=$(YES) has no meaning,YES=1 does not ask; without it you are asked)
else
override REFUSED :=
endif
ifdef REFUSED
$(error refused)
endif

# YES=1 answers the question. ONLY="layer ..." limits the layers, ALLOW="layer:LogicalId ..." permits blocked changes,
# ARGS="--wait ..." passes any other option of the verb.
YES_OPTION = $(if $(YES),--yes)
MEANING = || .ci/meaning $$?
PLAN_OPTIONS = $(foreach layer,$(ONLY),--only $(layer)) $(foreach name,$(ALLOW),--allow $(name)) $(ARGS)

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-17s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# .venv has the packages that deploy production. The emulator pins other versions, so it has an environment of its own,
# which verbs need only with ENV=local.
PACKAGE = requirements/install $(wildcard tools/pyproject.toml requirements/*.whl)
EMULATOR = $(if $(filter local,$(ENV)),.venv-emulator/ready)
USE_BOTH = $(OF_ENVIRONMENT) test test-tools test-changes test-shapes

# If neither environment exists yet, both are created in parallel.
ifneq ($(and $(EMULATOR),$(filter $(USE_BOTH),$(MAKECMDGOALS)),$(if $(wildcard .venv/ready .venv-emulator/ready),,first)),)
.venv/ready:
	@$(MAKE) --silent --no-print-directory $(if $(findstring jobserver,$(MAKEFLAGS)),,-j2) .venv/ready .venv-emulator/ready
.venv-emulator/ready: .venv/ready ;
else
.venv/ready: requirements/deploy.txt $(PACKAGE)
	@requirements/install .venv requirements/deploy.txt
	@touch $@
.venv-emulator/ready: requirements/emulator.txt $(PACKAGE)
	@requirements/install .venv-emulator requirements/emulator.txt
	@touch $@
endif

# Tests and checks, in addition to what deploys production.
.venv/develop: requirements/develop.txt .venv/ready
	@requirements/install --add .venv requirements/develop.txt
	@touch $@

# make init asks for what is not given. Only the command line counts: a variable of that name in the environment means
# something else.
given = $(if $(filter $(2),$(GIVEN)),$(1)='$(subst ','\'',$($(2)))')
INIT_OPTIONS = $(call given,--project,PROJECT) $(call given,--environments,ENVIRONMENTS) $(call given,--region,REGION) \
  $(call given,--repository,REPOSITORY) $(call given,--port,PORT)

init: .venv/develop ## turn this clone into your copy, in one commit (PROJECT=shop ...; asks for what is not given)
	@$(BIN)/python -m ecs_blue_green init $(INIT_OPTIONS)

generate: .venv/ready ## write build/ from templates/ and params/
	@$(BIN)/python generate.py

# Files that have not changed since the last successful check are not linted again.
.venv/proven: .venv/ready generate.py .cfnlintrc $(shell find templates params build $(TOOLS:%=%/src) -type f -not -name '*.pyc')
	@echo 'Checking build/: is it what templates/ generates, does it lint clean?' >&2
	@$(BIN)/python generate.py --check
	@$(CFN_LINT)
	@touch $@

plan: .venv/proven $(EMULATOR) ## show what a deploy would change (ENV=local)
	@$(BIN)/python deploy.py plan --env $(ENV) $(PLAN_OPTIONS) $(MEANING)

deploy: .venv/proven $(EMULATOR) ## create or update the stacks (ENV=local; YES=1 does not ask)
	@$(BIN)/python deploy.py deploy --env $(ENV) $(YES_OPTION) $(PLAN_OPTIONS) $(MEANING)

status: .venv/ready $(EMULATOR) ## show the stacks, their outputs and what is live
	@$(BIN)/python deploy.py status --env $(ENV) $(ARGS) $(MEANING)

# Ctrl-C ends `logs`: the recipe's shell ignores it, so that make reports no error.
logs: .venv/ready $(EMULATOR) ## follow the logs of the tasks, with the version of each, until Ctrl-C
	@trap : INT; $(BIN)/python deploy.py logs --env $(ENV) $(ARGS) $(MEANING)

image: .venv/ready $(EMULATOR) ## build and push the image with which the service is created, unless it exists
	@$(BIN)/python deploy.py image --env $(ENV) $(ARGS) $(MEANING)

drift: .venv/ready $(EMULATOR) ## show where reality differs from the templates
	@$(BIN)/python deploy.py drift --env $(ENV) $(ARGS) $(MEANING)

rollback: .venv/ready $(EMULATOR) ## stop the running release, or go back to the previous one
	@$(BIN)/python deploy.py rollback --env $(ENV) $(YES_OPTION) $(ARGS) $(MEANING)

restore: .venv/ready $(EMULATOR) ## create the service again after somebody has deleted it
	@$(BIN)/python deploy.py restore --env $(ENV) $(YES_OPTION) $(ARGS) $(MEANING)

approve: .venv/ready $(EMULATOR) ## approve the release that waits for manual approval
	@$(BIN)/python deploy.py approve --env $(ENV) $(YES_OPTION) $(ARGS) $(MEANING)

finish: .venv/ready $(EMULATOR) ## end the wait of a release before its old tasks are terminated
	@$(BIN)/python deploy.py finish --env $(ENV) $(YES_OPTION) $(ARGS) $(MEANING)

continue-rollback: .venv/ready $(EMULATOR) ## continue a failed update rollback (UPDATE_ROLLBACK_FAILED)
	@$(BIN)/python deploy.py continue-rollback --env $(ENV) $(YES_OPTION) $(foreach layer,$(ONLY),--only $(layer)) $(ARGS) $(MEANING)

destroy: .venv/ready $(EMULATOR) ## delete the stacks, in reverse order
	@$(BIN)/python deploy.py destroy --env $(ENV) $(YES_OPTION) $(ARGS) $(MEANING)

# A review that finds changes (exit code 4) is not a failure here; one that finds blocked changes is.
review: .venv/ready ## show what the files on disk change in every environment (BASE=origin/main)
	@$(BIN)/python deploy.py review --base $(or $(BASE),origin/main) $(if $(HEAD),--head $(HEAD)) || { code=$$?; [ $$code -eq 4 ] || .ci/meaning $$code; }

run: .venv/proven .venv-emulator/ready ## run the application behind a local load balancer, until Ctrl-C (ENV=local)
	@trap : INT; $(EMULATOR_BIN)/python -m ecs_blue_green run --env $(ENV) $(ARGS) $(MEANING)

# HEALTH_RATE=0.5 releases a bad version, HOOK=off without its smoke test; MINUTE and REQUESTS set the pace.
rehearse: .venv/proven .venv-emulator/ready ## rehearse a release on this machine: canary, alarm, rollback (ENV=local)
	@$(EMULATOR_BIN)/python -m ecs_blue_green rehearse --env $(ENV) $(if $(HEALTH_RATE),--health-rate $(HEALTH_RATE)) \
	  $(if $(MINUTE),--minute $(MINUTE)) $(if $(REQUESTS),--requests $(REQUESTS)) \
	  $(if $(filter-out on off,$(HOOK)),$(error HOOK is on or off, not $(HOOK)))$(if $(filter off,$(HOOK)),--no-hook) $(ARGS) $(MEANING)

report-check: .venv/ready ## check the last rehearsal's report in headless Chromium, if installed
	@$(BIN)/python -m ecs_blue_green.rehearsal.report_check $(REPORT)

lint: .venv/develop ## check generated files, templates, code, workflows and documents
	@$(BIN)/python generate.py --check
	@$(CFN_LINT)
	@$(BIN)/ruff check $(PYTHON_FILES)
	@$(BIN)/ruff format --check $(PYTHON_FILES)
	@$(BIN)/mypy
	@$(if $(TOOLS),cd tools && ../$(BIN)/mypy)
	@$(BIN)/hadolint $(DOCKERFILE)
	@$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml
	@$(BIN)/zizmor --quiet --offline .github/workflows > .venv/zizmor || { cat .venv/zizmor; false; }
	@$(COG) --check --diff --check-fail-msg='hint: run make docs' $(WITH_PARTS)

docs: .venv/develop ## write the generated parts of README.md and docs/
	@$(COG) -r $(WITH_PARTS)
	@$(BIN)/python -m ecs_blue_green.documents.deployer_policy
	@$(BIN)/python -m ecs_blue_green.documents.approver_policy

fix: .venv/develop ## fix what make lint can fix
	@$(BIN)/ruff check --fix $(PYTHON_FILES)
	@$(BIN)/ruff format $(PYTHON_FILES)

check: lint ## what CI checks; CI runs make check test test-changes test-tools

test: .venv/develop .venv-emulator/ready ## run the tests of this project, on every core
	@$(BIN)/python -m pytest -q -n logical --dist worksteal

test-tools: .venv/develop .venv-emulator/ready ## run the tests of tools/, on every core
	@cd tools && ../$(BIN)/python -m pytest -q -n logical --dist worksteal

test-changes: .venv/develop .venv-emulator/ready ## make copies, change them as teams do, and run in each what a team runs
	@cd tools && ../$(BIN)/python -m tests.team_changes

test-shapes: .venv/develop .venv-emulator/ready ## make copies in the shapes that teams run, and release each on the emulator
	@SHAPES=all $(BIN)/python -m pytest -q -n logical --dist worksteal tests/shapes

test-review: .venv/develop .venv-emulator/ready ## compare the reviews of 500 seeded edits with change sets
	@cd tools && REVIEW_EDITS=500 ../$(BIN)/python -m pytest -q tests/deployer/test_review_edits.py

# These tools conflict with .venv and with each other, so each has its own environment. Node.js is needed too.
SECURITY = checkov policy-sentry awscli
$(SECURITY:%=.venv-security/%/ready): .venv-security/%/ready: requirements/%.txt requirements/install
	@requirements/install .venv-security/$* requirements/$*.txt
	@touch $@

tests/security/node_modules/ready: tests/security/package-lock.json
	@cd tests/security && npm ci --ignore-scripts --no-audit --no-fund --silent
	@touch $@

security: .venv/develop .venv-emulator/ready $(SECURITY:%=.venv-security/%/ready) tests/security/node_modules/ready ## check the permissions of every role, run checkov, compare the AWS CLI with its stand-in
	@$(BIN)/python generate.py --check
	@$(CFN_LINT)
	@$(BIN)/python -m pytest -q tests/security
	@$(if $(TOOLS),cd tools && ../$(BIN)/python -m pytest -q tests/pipeline/test_aws_stand_in.py)

test-rehearsal: .venv/develop .venv-emulator/ready ## rehearse every mistake and 24 variations of the parameters
	@cd tools && REHEARSALS=all ../$(BIN)/python -m pytest -q tests/rehearsal

test-faults: .venv/develop .venv-emulator/ready ## test 550 deployments with faults, 20 killed deployers and 45 interrupts
	@cd tools && ../$(BIN)/python -m tests.faults --count 550 --kills 20 --presses 45

# Sceptre and the AWS CLI pin other versions than .venv.
.venv-benchmarks/ready: requirements/benchmarks.txt requirements/install
	@requirements/install .venv-benchmarks requirements/benchmarks.txt
	@touch $@

# ARGS="plain tests ..." chooses parts.
benchmark: .venv/ready .venv-emulator/ready .venv-benchmarks/ready ## measure beside commit 80c2dba, Sceptre and the AWS CLI (80 min)
	@cd tools && ../$(BIN)/python -m benchmarks $(ARGS)

# ministack comes with the emulator; moto has an environment of its own.
.venv-judges/ready: tools/judges/requirements.txt requirements/install
	@requirements/install .venv-judges tools/judges/requirements.txt
	@touch $@

judges: .venv/ready .venv-emulator/ready .venv-judges/ready ## write into docs/ where the emulator answers otherwise than ministack and moto
	@cd tools && ../$(BIN)/python -m judges

# Built from the commit, not from the folder: the same commit gives the same bytes.
wheel: .venv/ready ## build tools/ as a wheel in dist/, for a copy without tools/ (docs/updating.md)
	@git diff --quiet HEAD -- tools || { echo 'make: tools/ has uncommitted changes, and the wheel is built from the commit: commit them first' >&2; exit 2; }
	@rm -rf dist && mkdir dist
	@git archive --prefix=source/ --output=dist/source.tar HEAD tools && tar -xf dist/source.tar -C dist
	@cd dist/source/tools && SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) ../../../$(BIN)/python -m flit_core.wheel --outdir ../.. >/dev/null
	@rm -r dist/source dist/source.tar
	@cd dist && ../$(BIN)/python -c 'import hashlib, sys; print("dist/" + sys.argv[1], "sha256:" + hashlib.sha256(open(sys.argv[1], "rb").read()).hexdigest())' *.whl

# The files contain no package index, path or option of this machine.
UV = $(or $(wildcard .venv/bin/uv),uv)
COMPILE = $(UV) pip compile --quiet --no-config --universal --python-version 3.11 --generate-hashes \
  --no-emit-index-url --no-emit-find-links --no-annotate --custom-compile-command 'make lock'
# Constraints for a set: the versions of other locked sets, by name (a local wheel cannot be a constraint).
BIND = sed -e '/^\.\//d' -e '/^ /d' -e 's/ \\$$//' $(1) | $(COMPILE) -c /dev/stdin
# The emulator only reads cfn-lint's data files, so what cfn-lint imports is left out.
NOT_IMPORTED = jsonpatch jsonpointer mpmath networkx sympy

lock: ## pin requirements/*.in and the application's requirements.in with hashes (needs uv, which make check installs)
	$(foreach file,$(CODE_REQUIREMENTS),$(COMPILE) $(file) -o $(file:.in=.txt))
	$(COMPILE) requirements/generate.in -o requirements/generate.txt
	$(call BIND,requirements/generate.txt) requirements/deploy.in -o requirements/deploy.txt
	$(call BIND,requirements/generate.txt $(CODE_REQUIREMENTS:.in=.txt)) requirements/emulator.in $(CODE_REQUIREMENTS) \
	  $(NOT_IMPORTED:%=--no-emit-package %) -o requirements/emulator.txt
	$(call BIND,requirements/deploy.txt $(CODE_REQUIREMENTS:.in=.txt)) requirements/develop.in $(CODE_REQUIREMENTS) \
	  -o requirements/develop.txt
	$(foreach tool,$(SECURITY),$(COMPILE) requirements/$(tool).in -o requirements/$(tool).txt &&) true
	$(COMPILE) requirements/benchmarks.in -o requirements/benchmarks.txt
	$(if $(TOOLS),$(COMPILE) tools/judges/requirements.in -o tools/judges/requirements.txt)

.PHONY: run rehearse report-check test-rehearsal test-faults benchmark
# Asks the package index; installs nothing.
resolve: ## check that the locked sets have wheels for Python 3.11 to 3.13, on Linux and macOS (needs uv)
	@requirements/resolve $(UV)

.PHONY: init
.PHONY: wheel resolve
.PHONY: help generate plan deploy status logs image drift continue-rollback rollback restore approve finish destroy review lint docs fix check test test-tools test-changes test-shapes test-review security lock judges
