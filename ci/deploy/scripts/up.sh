# Starts what the manifest $1 says. Everything was pulled before: the login for
# the registries is gone.
held
compose "$1" up --detach --no-build --pull never --remove-orphans >&2
