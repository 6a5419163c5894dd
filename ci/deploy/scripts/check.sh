# Has Compose read the manifest, and lists its services and images.
if ! said=$(document | compose - config --quiet 2>&1); then
	printf '%s\n' "$said" >&2
	exit 65
fi
document | compose - config --services 2>/dev/null | sed 's/^/service /'
document | compose - config --images 2>/dev/null | sed 's/^/image /'
