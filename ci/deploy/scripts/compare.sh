# Puts the override of a release at $1, says what Compose would do with each container,
# and does nothing. The services that follow are compared by themselves.
held
override >"$1.$token"
mv -f "$1.$token" "$1"
shift
file=$(mktemp)
trap 'rm -f -- "$file"' EXIT
neutral >"$file"
if [ $# -gt 0 ]; then compose --file "$file" up --dry-run --no-start --no-deps --no-build --pull never "$@" 2>&1; fi
compose --file "$file" create --dry-run --no-build --pull never 2>&1
