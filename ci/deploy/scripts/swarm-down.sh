# Removes the stack, which a first deploy started, and the network $1, if there is one,
# that the deploy made. Volumes stay: they are on the nodes.
held
docker stack rm "$project" >&2
tries=150
while [ -n "$(docker network ls --quiet --filter "label=com.docker.stack.namespace=$project")$(docker service ls --quiet --filter "label=com.docker.stack.namespace=$project")" ]; do
	tries=$((tries - 1))
	[ "$tries" -gt 0 ] || break
	docker network ls --quiet --filter "label=com.docker.stack.namespace=$project" | while read -r id; do docker network rm "$id" >/dev/null 2>&1 || true; done
	sleep 0.2
done
[ -n "${1:-}" ] || exit 0
for try in 1 2 3 4 5 6 7 8 9 10; do
	if docker network rm "$1" >/dev/null 2>&1; then exit 0; fi
	sleep 1
done
echo "still there: network:$1"
