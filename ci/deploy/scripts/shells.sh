# Says of each image whether it has a shell, and its configuration in Docker's words.
for ref in "$@"; do
	has=bare
	if docker run --rm --pull never --network none --entrypoint sh "$ref" -c 'exit 0' >/dev/null 2>&1; then has=shell; fi
	echo "$ref $has $(docker image inspect --format '{{json .Config}}' "$ref")"
done
