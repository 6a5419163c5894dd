# Makes the network $1 for all nodes when it is missing and $2 is make, and says so. The
# others have to be for all nodes too.
held
if scope=$(docker network inspect --format '{{.Scope}} {{.Driver}}' "$1" 2>/dev/null); then
	case $scope in
	swarm*) exit 0 ;;
	esac
	echo "network $1 is for this host alone ($scope): services of a swarm need an overlay network; remove it, and deploy makes another, or name another one" >&2
	exit 78
fi
if [ "$2" != make ]; then
	echo "network $1 is not there: run docker network create --driver overlay --attachable $1 on a manager" >&2
	exit 78
fi
docker network create --driver overlay --attachable "$1" >/dev/null
echo created
