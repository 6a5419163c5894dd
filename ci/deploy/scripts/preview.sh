# Says what Compose would do with each container, by the manifest in a folder for
# temporary files $1, and does nothing.
folder=$1
mkdir -p "$folder"
trap 'rm -rf -- "$folder"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
unpack "$folder"
override >"$folder/$2"
compose create --dry-run --no-build --pull never 2>&1
