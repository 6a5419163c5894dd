# Tells the environment and the labels of the project's containers, for this connection only.
ids=$(docker ps --all --quiet --no-trunc --filter "$(ours)" --filter label=com.docker.compose.oneoff=False)
[ -n "$ids" ] || exit 0
# shellcheck disable=SC2086
docker inspect --format '{"service":{{json (index .Config.Labels "com.docker.compose.service")}},"env":{{json .Config.Env}},"labels":{{json .Config.Labels}}}' $ids
