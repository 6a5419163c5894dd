# Lists the project's containers and their images, a JSON object a line.
echo "time $(date -u +%Y%m%dT%H%M%SZ)"
ids=$(docker ps --all --quiet --no-trunc --filter "$(ours)" --filter label=com.docker.compose.oneoff=False)
[ -n "$ids" ] || exit 0
# A container may go between the two commands; that is no failure.
# shellcheck disable=SC2086
docker inspect --format 'container {"service":{{json (index .Config.Labels "com.docker.compose.service")}},"file":{{json (index .Config.Labels "com.docker.compose.project.config_files")}},"id":{{json .Id}},"name":{{json .Name}},"ref":{{json .Config.Image}},"image":{{json .Image}},"state":{{json .State.Status}},"exit":{{.State.ExitCode}},"restarts":{{.RestartCount}},"policy":{{json .HostConfig.RestartPolicy.Name}},"started":{{json .State.StartedAt}},"health":{{if .State.Health}}{{json .State.Health.Status}}{{else}}""{{end}}}' $ids 2>/dev/null || true
# shellcheck disable=SC2046,SC2086
docker image inspect --format 'image {"id":{{json .Id}},"digests":{{json .RepoDigests}}}' \
	$(docker inspect --format '{{.Image}}' $ids 2>/dev/null | sort -u) 2>/dev/null || true
