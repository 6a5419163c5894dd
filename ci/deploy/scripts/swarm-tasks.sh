# Says which node this is, and lists the nodes of the swarm, and the stack's services and their tasks, a JSON object a
# line. A service or a task may go between two commands: look again then.
echo "time $(date -u +%Y%m%dT%H%M%SZ)"
docker info --format 'self {{.Swarm.NodeID}}'
tell() {
	ids=$(docker service ls --quiet --filter "label=com.docker.stack.namespace=$project") || return
	[ -n "$ids" ] || return 0
	# shellcheck disable=SC2086
	docker service inspect --format 'service {"id":{{json .ID}},"name":{{json .Spec.Name}},"labels":{{json .Spec.Labels}},"own":{{json .Spec.TaskTemplate.ContainerSpec.Labels}},"image":{{json .Spec.TaskTemplate.ContainerSpec.Image}},"mode":{{json .Spec.Mode}},"update":{{json .UpdateStatus}}}' $ids || return
	docker node ls --format 'node {"id":{{json .ID}},"name":{{json .Hostname}},"status":{{json .Status}}}' || return
	# shellcheck disable=SC2086
	tasks=$(docker service ps --quiet --no-trunc $ids) || return
	[ -n "$tasks" ] || return 0
	# shellcheck disable=SC2086
	docker inspect --type task --format 'task {"id":{{json .ID}},"service":{{json .ServiceID}},"node":{{json .NodeID}},"slot":{{json .Slot}},"desired":{{json .DesiredState}},"created":{{json .CreatedAt}},"own":{{json .Spec.ContainerSpec.Labels}},"image":{{json .Spec.ContainerSpec.Image}},"status":{{json .Status}}}' $tasks
}
tries=5
until lines=$(tell); do
	tries=$((tries - 1))
	[ "$tries" -gt 0 ] || exit 1
	sleep 0.3
done
printf '%s\n' "$lines"
