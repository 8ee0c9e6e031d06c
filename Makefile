# Everything a contributor runs, one word each. `make` alone lists it.
# Only Rust has to be there already: what else is missing is installed when run by root, or else named.

CARGO ?= cargo
CHAOS_PROFILE ?= dev
SBOM_TARGET ?= x86_64-unknown-linux-gnu
# Starts a RabbitMQ and a Redis unless the environment names them, and ends them afterwards.
WITH_SERVICES = $(CARGO) run --quiet $(TEST_FEATURES) --bin with-services --

# The same features everywhere, or cargo would build most of it twice.
TEST_FEATURES = --features bridge-tests/kill-points
ALL_TESTS = --workspace --exclude bridge-bench $(TEST_FEATURES)

.DEFAULT_GOAL := help
.PHONY: help demo test test-fast chaos bench check fmt lint doc sbom tools

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: tools ## Run the bridge against the sandbox and show what lands
	@echo "Building; the first time this takes a few minutes." >&2
	@$(CARGO) build --bins
	@$(CARGO) run --quiet --package bridge-tests --bin demo

# `make test TEST_ARGUMENTS=--help` shows what can be chosen, such as `--only e2e`.
test: tools ## Run all tests, with a RabbitMQ and a Redis
	@echo "Building; the first time this takes a few minutes." >&2
	@$(WITH_SERVICES) $(CARGO) run --quiet $(TEST_FEATURES) --bin run-tests -- $(TEST_ARGUMENTS) -- $(ALL_TESTS)

test-fast: tools ## Run the tests that need no RabbitMQ and no Redis
	@$(CARGO) run --quiet $(TEST_FEATURES) --bin run-tests -- --without-services $(TEST_ARGUMENTS) -- $(ALL_TESTS)

# `make chaos CHAOS=--help` lists the options. CHAOS_PROFILE=release takes longer to build and less to run.
chaos: tools ## Break everything around the bridge and check that nothing is lost or doubled
	@echo "Building; the first time this takes a few minutes." >&2
	@$(CARGO) build --quiet --profile $(CHAOS_PROFILE) --bins
	@$(CARGO) run --quiet --profile $(CHAOS_PROFILE) --package bridge-tests --bin chaos -- $(CHAOS)

# `make bench BENCH=--help` lists the options. The peers in Node need node and npm, and are left out without them.
bench: tools ## Measure the bridge beside programs that do less; writes docs/performance
	@echo "Building for release; the first time this takes many minutes." >&2
	@$(CARGO) build --quiet --release --package ingest --package worker --package bridge-bench --bins
	@target/release/bench $(BENCH)

check: fmt lint doc test ## All that CI checks

fmt: ## Check the formatting
	@$(CARGO) fmt --all --check

lint: tools ## Run clippy; warnings are errors
	@$(CARGO) clippy --workspace --all-targets --features bridge-tests/kill-points -- --deny warnings

doc: tools ## Build the documentation; warnings are errors
	@RUSTDOCFLAGS="--deny warnings" $(CARGO) doc --workspace --exclude bridge-bench --no-deps

# Not one of the tools below: only a release needs it. The crates of each program, resolved as the build resolves them.
sbom: ## List the crates in each program, in target/sbom
	@command -v cargo-cyclonedx >/dev/null || { \
	  echo "cargo-cyclonedx is missing: cargo install cargo-cyclonedx --locked --version 0.5.9" >&2; exit 1; }
	@$(CARGO) cyclonedx --quiet --format json --spec-version 1.5 --describe binaries --no-build-deps \
	  --target $(SBOM_TARGET)
	@mkdir -p target/sbom
	@for program in ingest worker; do mv $$program/$${program}_bin.cdx.json target/sbom/$$program.cdx.json; done
	@find . -name '*_bin.cdx.json' -not -path './target/*' -delete

# The TLS library is partly C.
tools:
	@command -v $(CARGO) >/dev/null || { echo "cargo is missing: install Rust, https://rustup.rs" >&2; exit 1; }
	@command -v cc >/dev/null || { \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "Installing gcc and libc6-dev with apt-get." >&2; \
	    apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq -y install --no-install-recommends gcc libc6-dev >/dev/null; \
	  else \
	    echo "A C compiler (cc) is missing: sudo apt-get install gcc libc6-dev" >&2; exit 1; \
	  fi; }
