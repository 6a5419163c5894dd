# Has Docker read the stack. Clients that cannot do that alone find mistakes later, when
# they deploy.
docker stack config --help >/dev/null 2>&1 || exit 0
if ! said=$(stack | docker stack config --compose-file - 2>&1 >/dev/null); then
	printf '%s\n' "$said" >&2
	exit 65
fi
