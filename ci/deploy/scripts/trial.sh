# Starts a container of each service $2 ..., beside its others, as the compose file in
# the function trial says, and waits until they are healthy, or run for $1 seconds
# where they have no health check. Says ID SERVICE of each.
held
stable=$1
shift
docker ps --all --quiet --filter "$(ours)" --filter label=gitops.trial | xargs -r docker rm --force --volumes >/dev/null
containers=
for service in "$@"; do
	id=$(trial | compose --file - run --detach --no-deps --no-TTY --quiet-pull --label gitops.trial=yes "$service")
	id=$(docker inspect --format '{{.Id}}' "$id")
	echo "$id $service"
	containers="$containers $id"
done
begun=$(date +%s)
waits() {
	state=$(docker inspect --format '{{.State.Status}} {{if .State.Health}}{{.State.Health.Status}}{{end}}' "$1")
	passed=$(($(date +%s) - begun))
	case $state in
	"running healthy") return 1 ;;
	"running ") [ "$passed" -lt "$stable" ] || return 1 ;;
	"running starting" | "created "*) ;;
	*) passed=$patience ;;
	esac
	if [ "$passed" -ge "$patience" ]; then
		echo "failed $1"
		echo "it is ${state% } after $(($(date +%s) - begun)) s" >&2
		exit 70
	fi
}
for id in $containers; do
	while waits "$id"; do sleep 0.3; done
done
