# Says where home is; a host without Compose ends it.
if ! docker compose version >/dev/null 2>&1; then
	echo "the host has no Docker Compose v2 (docker compose): configure the host first" >&2
	exit 69
fi
printf '%s\n' "$HOME"
