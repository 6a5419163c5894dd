# Lists the project's containers and their images, a JSON object a line.
echo "time $(date -u +%Y%m%dT%H%M%SZ)"
list() { docker ps --all --quiet --no-trunc --filter "$(ours)" --filter label=com.docker.compose.oneoff=False; }
show() {
	[ $# -gt 0 ] || return 0
	docker inspect --format 'container {"labels":{{json .Config.Labels}},"id":{{json .Id}},"name":{{json .Name}},"ref":{{json .Config.Image}},"image":{{json .Image}},"state":{{json .State}},"restarts":{{json .RestartCount}},"policy":{{json .HostConfig.RestartPolicy.Name}},"mounts":{{json .Mounts}},"ports":{{json .NetworkSettings.Ports}}}' "$@"
}
# A container may go between the two commands: look again then.
tries=3
# shellcheck disable=SC2086
until ids=$(list) && lines=$(show $ids); do
	tries=$((tries - 1))
	[ "$tries" -gt 0 ] || exit 1
done
[ -n "$ids" ] || exit 0
printf '%s\n' "$lines"
# An image that was removed under a running container has no digest to tell.
# shellcheck disable=SC2046,SC2086
docker image inspect --format 'image {"id":{{json .Id}},"digests":{{json .RepoDigests}}}' \
	$(docker inspect --format '{{.Image}}' $ids | sort -u) 2>/dev/null || true
