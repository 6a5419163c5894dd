# Has the swarm run the stack. contents makes the configs and secrets that are no files,
# login logs in for this command only: the swarm's nodes get what they need with the
# services. $1 is whether a failed login ends it.
held
strict=$1
for folder in "${XDG_RUNTIME_DIR:-}" /dev/shm "$dir"; do
	if [ -n "$folder" ] && [ -d "$folder" ] && [ -w "$folder" ]; then break; fi
done
name=gitops-login-$(printf %s "$dir" | cksum | cut -d ' ' -f 1)
rm -rf "$folder/$name".* # of a run that was killed
DOCKER_CONFIG=$(mktemp -d "$folder/$name.XXXXXXXX")
trap 'rm -rf -- "$DOCKER_CONFIG"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
errors=$DOCKER_CONFIG/errors
home=${HOME:-/nonexistent}/.docker
if [ -d "$home/cli-plugins" ]; then ln -s "$home/cli-plugins" "$DOCKER_CONFIG/cli-plugins"; fi
if [ "$logins" = 0 ] && [ -f "$home/config.json" ]; then cp "$home/config.json" "$DOCKER_CONFIG/config.json"; fi
export DOCKER_CONFIG

refused() {
	[ "$strict" = strict ] || return 0
	echo "logging in to $1: $(cat "$errors")" >&2
	exit 77
}
login
# Without a login the nodes keep those that they have.
auth=
if [ -f "$DOCKER_CONFIG/config.json" ]; then auth=--with-registry-auth; fi

# make makes the config or secret $2 of what comes in, when it is missing.
make() {
	if docker "$1" inspect "$2" >/dev/null 2>&1; then return 0; fi
	docker "$1" create --label "com.docker.stack.namespace=$project" "$2" - >/dev/null
}
contents
# shellcheck disable=SC2086
stack | timeout -k 10 "$patience" docker stack deploy --compose-file - $auth --detach=true --prune --resolve-image changed "$project" >&2
