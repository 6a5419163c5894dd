# Removes the stack's configs and secrets that no service uses: the swarm keeps those
# that one does. Those that follow stay.
held
for kind in config secret; do
	docker "$kind" ls --filter "label=com.docker.stack.namespace=$project" --format '{{.Name}}' | while read -r name; do
		for kept in "$@"; do
			if [ "$kept" = "$name" ]; then continue 2; fi
		done
		docker "$kind" rm "$name" >/dev/null 2>&1 || true
	done
done
