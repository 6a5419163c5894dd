# Writes the last $1 lines of the containers that follow.
lines=$1
shift
for id in "$@"; do
	docker logs --tail "$lines" "$id" 2>&1 || true
done
