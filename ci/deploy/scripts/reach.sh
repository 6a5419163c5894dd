# Says where home is; a tool that is missing ends it.
for tool in docker flock timeout base64 stat; do
	if ! command -v "$tool" >/dev/null 2>&1; then
		echo "$tool is not installed on the host: configure the host first" >&2
		exit 69
	fi
done
if ! said=$(docker version --format '{{.Server.Version}}' 2>&1); then
	case $said in
	*"permission denied"*) echo "user $(id -un) may not use Docker: add it to the group docker, as the role common does" >&2 ;;
	*) echo "Docker does not answer: $said" >&2 ;;
	esac
	exit 69
fi
if ! docker compose version >/dev/null 2>&1; then
	echo "the host has no Docker Compose v2 (docker compose): configure the host first" >&2
	exit 69
fi
printf '%s\n' "$HOME"
