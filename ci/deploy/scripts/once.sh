# Runs a command in a new container of service $1, beside its others. Traefik does not
# get to know the container. Compose leaves one that could not be started, and a killed
# run leaves one that may still work: both are removed.
held
service=$1
container=$project-$service-before
shift
gone() { docker rm --force --volumes "$container" >/dev/null 2>&1 || true; }
gone
trap gone EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
compose --file - run --rm --name "$container" --no-deps --no-TTY --quiet-pull "$service" "$@" <<END >&2
services: {"$service": {labels: !override {traefik.enable: "false"}, healthcheck: {disable: true}}}
END
