# Ends a script where a tool is missing on the host, or Docker does not answer.
for tool in docker flock timeout base64 stat; do
	if ! command -v "$tool" >/dev/null 2>&1; then
		echo "$tool is not installed on the host: configure the host first" >&2
		exit 69
	fi
done
if ! said=$(docker version --format '{{.Server.Version}}' 2>&1); then
	case $said in
	*"permission denied"*) echo "user $(id -un) may not use Docker: add it to the group docker, as the role common does" >&2 ;;
	*) echo "Docker does not answer: $said; start it on the host, as with sudo systemctl start docker" >&2 ;;
	esac
	exit 69
fi
