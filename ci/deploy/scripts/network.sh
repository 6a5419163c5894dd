# Makes the network $1 when it is missing, and says so.
held
if docker network inspect "$1" >/dev/null 2>&1; then exit 0; fi
docker network create "$1" >/dev/null
echo created
