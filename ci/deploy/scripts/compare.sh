# Puts the override of a release at $1, says what Compose would do with each container,
# and does nothing.
held
override >"$1.$token"
mv -f "$1.$token" "$1"
compose create --dry-run --no-build --pull never 2>&1
