# Two images from one build: `bridge` (ingest and worker) and `sandbox`.
# Written for the classic builder too: no RUN --mount, no COPY --link.

FROM rust:1.95.0-trixie AS build
WORKDIR /build
ENV CARGO_PROFILE_RELEASE_DEBUG=none CARGO_PROFILE_RELEASE_STRIP=symbols

# Dependencies first, with empty sources in place of ours: this layer lasts until a manifest changes.
COPY Cargo.toml Cargo.lock ./
COPY bench/Cargo.toml bench/
COPY crates/counting-allocator/Cargo.toml crates/counting-allocator/
COPY crates/genesys/Cargo.toml crates/genesys/
COPY crates/pipedrive/Cargo.toml crates/pipedrive/
COPY ingest/Cargo.toml ingest/
COPY shared/Cargo.toml shared/
COPY tests/Cargo.toml tests/
COPY worker/Cargo.toml worker/
RUN set -eu; \
    for crate in bench crates/counting-allocator crates/genesys crates/pipedrive ingest shared tests worker; do \
      mkdir -p "$crate/src"; touch "$crate/src/lib.rs"; \
      # Programs and benchmarks that a manifest names by path must exist.
      for path in $(sed -n 's/^path = "\(.*\.rs\)"$/\1/p' "$crate/Cargo.toml"); do \
        mkdir -p "$crate/$(dirname "$path")"; echo 'fn main() {}' > "$crate/$path"; \
      done; \
    done; \
    cargo build --release --locked --package ingest --package worker --package bridge-tests --lib

COPY . .
# Cargo compares time stamps, and our sources are older than the empty ones.
RUN find . -name '*.rs' -not -path './target/*' -exec touch {} + \
 && cargo build --release --locked --package ingest --package worker --package bridge-tests \
      --bin ingest --bin worker --bin sandbox

FROM debian:13.4-slim AS runtime
# Authorities that signed Pipedrive's certificate.
RUN apt-get update \
 && apt-get install --yes --no-install-recommends ca-certificates \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/*
# The spool of ingest; a volume mounted there inherits this owner.
RUN install --directory --owner 10001 --group 10001 --mode 700 /var/lib/bridge
# An unprivileged user; a number, so that Kubernetes can verify that it is not root.
USER 10001:10001

FROM runtime AS sandbox
COPY --from=build /build/target/release/sandbox /usr/local/bin/
EXPOSE 8090
CMD ["sandbox", "--listen", "0.0.0.0:8090"]

FROM runtime AS bridge
COPY --from=build /build/target/release/ingest /build/target/release/worker /usr/local/bin/
# Without a volume, the spool is lost with the container.
ENV BRIDGE__INGEST__SPOOL__PATH=/var/lib/bridge/spool.sqlite
EXPOSE 8080 8081 8082
CMD ["ingest"]
