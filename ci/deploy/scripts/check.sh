# Has Compose read the manifest, in the folder for temporary files $1, and lists its
# images.
folder=$1
mkdir -p "$folder"
trap 'rm -rf -- "$folder"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
unpack "$folder"
if ! said=$(compose config --quiet 2>&1); then
	printf '%s\n' "$said" >&2
	exit 65
fi
compose config --images 2>/dev/null | sed 's/^/image /'
