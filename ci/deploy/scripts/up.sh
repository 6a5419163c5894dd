# Starts services with the options and names that follow. Everything was pulled
# before: the login for the registries is gone.
held
compose up --detach --no-build --pull never "$@" >&2
