# Tells the environment and the labels of the stack's services, for this connection only,
# and how many containers of Docker Compose the project has here.
echo "compose $(docker ps --all --quiet --filter "$(ours)" | wc -l)"
ids=$(docker service ls --quiet --filter "label=com.docker.stack.namespace=$project")
[ -n "$ids" ] || exit 0
# shellcheck disable=SC2086
docker service inspect --format 'service {"service":{{json .Spec.Name}},"env":{{json .Spec.TaskTemplate.ContainerSpec.Env}},"labels":{{json .Spec.Labels}}}' $ids
