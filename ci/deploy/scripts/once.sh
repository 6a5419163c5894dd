# Runs a command in a new container of service $1, beside its others. Traefik does not
# get to know the container.
held
service=$1
shift
compose --file - run --rm --no-deps --no-TTY --quiet-pull "$service" "$@" <<END >&2
services: {"$service": {labels: !override {traefik.enable: "false"}, healthcheck: {disable: true}}}
END
