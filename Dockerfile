# The static program and the CA certificates, and nothing else:
#   docker build --tag cxr .
#   docker run --rm --user "$(id -u):$(id -g)" --volume "$PWD:/data" cxr fetch -d nih
FROM rust:1.95.0-alpine AS build
RUN apk add --no-cache ca-certificates gcc make musl-dev
WORKDIR /source
# The time of the commit, in seconds since 1970, for the manual page and `cxr -vV`.
ARG SOURCE_DATE_EPOCH
COPY . .
# Rust links statically for musl.
RUN cargo build --release --locked --bin cxr
# The folder for temporary files, which the self-test needs.
RUN install -d -m 1777 /empty/tmp

FROM scratch
COPY --from=build /empty/ /
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /source/target/release/cxr /cxr
USER 65532:65532
WORKDIR /data
ENTRYPOINT ["/cxr"]
