# Says what Compose would do with each container, by the manifest in a folder for
# temporary files $1, and does nothing. The override has the name $2; the services that
# follow are compared by themselves.
folder=$1
mkdir -p "$folder"
trap 'rm -rf -- "$folder"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
unpack "$folder"
override >"$folder/$2"
neutral >"$folder/neutral"
shift 2
if [ $# -gt 0 ]; then compose --file "$folder/neutral" up --dry-run --no-start --no-deps --no-build --pull never "$@" 2>&1; fi
compose --file "$folder/neutral" create --dry-run --no-build --pull never 2>&1
