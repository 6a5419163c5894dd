# Says where home is; a host that is no manager of a swarm ends it.
said=$(docker info --format '{{.Swarm.LocalNodeState}} {{.Swarm.ControlAvailable}}') || exit 69
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
