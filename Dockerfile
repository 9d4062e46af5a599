# The router as one static binary in an empty image.
#   docker build --build-arg VERSION=$(git describe --tags --always) -t eclipse .
#   docker run --env-file production.env -p 8080:8080 eclipse
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=dev
RUN CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags "-s -w -X main.version=${VERSION}" -o /out/eclipse . \
    && mkdir /out/data

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/eclipse /eclipse
# Only development writes here: docker run -e NODE_ENV=development -e HOST=0.0.0.0 -p 8080:8080 eclipse
COPY --from=build --chown=65532:65532 /out/data /data
ENV NODE_ENV=production PORT=8080 METRICS_PORT=9091 DATA_DIR=/data
USER 65532:65532
# Metrics (9091) are for a private network: publish them to nobody.
EXPOSE 8080 9091
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=10s --retries=3 CMD ["/eclipse", "-healthcheck"]
ENTRYPOINT ["/eclipse"]
