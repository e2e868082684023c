# The whole server in an image that holds one static binary and nothing else.
#
#   docker build --build-arg VERSION="$(git describe --tags --always)" -t hiroba .
#   docker run -p 8080:8080/tcp -p 8080:8080/udp \
#     -e HIROBA_ACCESS=open -e HIROBA_ADVERTISE=203.0.113.7 hiroba
#
# A container must listen on all its addresses to be reached, and a server that
# others can reach does not start before its operator said who may use it:
# HIROBA_ACCESS=open lets in everybody. HIROBA_ADVERTISE is the address under
# which clients reach the host; the container cannot know it. To share a file,
# mount it at /etc/hiroba/hiroba.yaml. docs/configuration.md lists the rest.

FROM golang:1.26 AS build
WORKDIR /src
# The modules first: they change less often than the code, and are kept.
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=unknown
RUN CGO_ENABLED=0 go build -buildvcs=false -trimpath -ldflags "-s -w -X main.version=${VERSION}" -o /hiroba ./cmd/hiroba \
 && mkdir /state

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /hiroba /hiroba
# Certificates that the server gets are kept here; a volume that is mounted for the
# first time takes its owner from it.
COPY --from=build --chown=65532:65532 /state /state
ENV HIROBA_HOST=0.0.0.0 STATE_DIRECTORY=/state
EXPOSE 8080/tcp 8080/udp
# A number, not a name: there is no /etc/passwd here.
USER 65532:65532
HEALTHCHECK --interval=10s --timeout=5s --start-period=5s CMD ["/hiroba", "health"]
ENTRYPOINT ["/hiroba"]
CMD ["serve"]
