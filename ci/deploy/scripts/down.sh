# Removes what a first deploy started: containers, networks, and the volumes and
# networks that follow as volume:NAME and network:NAME.
held
compose down --remove-orphans --timeout 10 >&2
for thing in "$@"; do
	docker "${thing%%:*}" rm "${thing#*:}" >/dev/null 2>&1 || echo "still there: $thing"
done
