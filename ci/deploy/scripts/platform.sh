# Says what the host is, and what images are built for. Each argument is a ref.
docker version --format 'host {{.Server.Os}}/{{.Server.Arch}}' || exit
for ref in "$@"; do
	printf 'image %s %s\n' "$ref" "$(docker image inspect --format '{{.Os}}/{{.Architecture}}' "$ref" 2>/dev/null)"
done
