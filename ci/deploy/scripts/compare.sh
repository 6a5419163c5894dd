# Says what Compose would do with each container, and does nothing.
compose create --dry-run --no-build --pull never 2>&1
