# Says where home is; a tool that is missing, or a host that is no manager of a swarm,
# ends it.
for tool in docker flock timeout base64 stat; do
	if ! command -v "$tool" >/dev/null 2>&1; then
		echo "$tool is not installed on the host: configure the host first" >&2
		exit 69
	fi
done
if ! said=$(docker info --format '{{.Swarm.LocalNodeState}} {{.Swarm.ControlAvailable}}' 2>&1); then
	case $said in
	*"permission denied"*) echo "user $(id -un) may not use Docker: add it to the group docker, as the role common does" >&2 ;;
	*) echo "Docker does not answer: $said" >&2 ;;
	esac
	exit 69
fi
case $said in
*"active true") ;;
*"active false")
	echo "the host is a worker of its swarm, and services are changed on a manager: give a manager as --host, or run docker node promote there" >&2
	exit 78
	;;
*inactive*)
	echo "the host is in no swarm: run docker swarm init on it, or docker swarm join --token with the token for managers" >&2
	exit 78
	;;
*)
	echo "the host's swarm does not work (docker info says: $said): most managers have to answer each other, and a locked one needs docker swarm unlock" >&2
	exit 78
	;;
esac
printf '%s\n' "$HOME"
