# Removes what the manifest $1 started: containers, networks, and the volumes and
# networks that follow as volume:NAME and network:NAME.
held
compose "$1" down --remove-orphans --timeout 10 >&2
shift
for thing in "$@"; do
	docker "${thing%%:*}" rm "${thing#*:}" >/dev/null 2>&1 || echo "still there: $thing"
done
