# Says what the host is, and what images are built for and their identities. Each
# argument is a ref.
docker version --format 'host {{.Server.Os}}/{{.Server.Arch}}' || exit
for ref in "$@"; do
	printf 'image %s %s\n' "$ref" "$(docker image inspect --format '{{.Os}}/{{.Architecture}} {{.Id}}' "$ref" 2>/dev/null)"
done
