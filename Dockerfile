# syntax=docker/dockerfile:1

# includes the C compiler that the TLS and SQLite sources need
FROM rust:1.95-slim-trixie AS build
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked --package server --bin telecom-crm \
    && install -D target/release/telecom-crm /out/telecom-crm

FROM debian:trixie-slim
# certificate authorities, for TLS connections to other servers
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin crm \
    && install --directory --owner=crm --group=crm /app /app/data
COPY --from=build /out/telecom-crm /usr/local/bin/telecom-crm
COPY LICENSE-MIT LICENSE-APACHE /usr/share/doc/telecom-crm/
WORKDIR /app
USER crm
# not a loopback address, so the program refuses to start without JWT_SECRET
ENV BIND=0.0.0.0:8000 LOG_FORMAT=json
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["telecom-crm", "health"]
ENTRYPOINT ["telecom-crm"]
CMD ["serve"]
