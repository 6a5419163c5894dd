# Lists the Traefik containers that run on the host, a JSON object a line.
# shellcheck disable=SC2046
ids=$(docker ps --no-trunc --format '{{.ID}} {{.Image}} {{.Command}}' | awk 'tolower($0) ~ /traefik/ { print $1 }')
[ -n "$ids" ] || exit 0
# shellcheck disable=SC2086
docker inspect --format '{"id":{{json .Id}},"networks":{{json .NetworkSettings.Networks}},"ports":{{json .NetworkSettings.Ports}},"args":{{json .Args}}}' $ids
