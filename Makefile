# `make demo` and `make test` are the two commands; both set everything up themselves.
.PHONY: demo test check bench simulate soak docs setup clean

PY := .venv/bin/python

demo: setup
	@$(PY) -m connector demo

test: check
	@$(PY) -m pytest

check: setup
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy
	@$(PY) -m pytest -q tests/architecture

bench: setup
	@$(PY) -m tests.benchmarks $(ARGS)

simulate: setup ## SEEDS=20000: seeded worlds around the production core; a failing seed prints its story
	@$(PY) -m tests.simulation --seeds $(or $(SEEDS),2000)

soak: setup ## MINUTES=5, SEED=…: orders under kills and faults, then three books compared
	@$(PY) -m tests.soak --minutes $(or $(MINUTES),5) $(if $(SEED),--seed $(SEED))

docs: setup ## write again what is generated: docs/configuration.md, the tables of docs/fix.md
	@$(PY) -m connector.settings.docs docs/configuration.md
	@$(PY) -m tests.docs.tables

setup:
	@.ci/setup

clean:
	rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache
