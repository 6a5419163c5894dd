#!/bin/sh
# Turns the credentials in the environment into a password file and starts the
# registry without them.
set -eu

if [ -n "${REGISTRY_USER:-}" ]; then
    : "${REGISTRY_PASSWORD:?set REGISTRY_PASSWORD along with REGISTRY_USER}"
    umask 077
    printf '%s' "$REGISTRY_PASSWORD" | htpasswd -niB "$REGISTRY_USER" >/run/registry.htpasswd
    export REGISTRY_AUTH=htpasswd
    export REGISTRY_AUTH_HTPASSWD_REALM=registry
    export REGISTRY_AUTH_HTPASSWD_PATH=/run/registry.htpasswd
fi
# The registry reads every REGISTRY_… variable as a setting.
unset REGISTRY_USER REGISTRY_PASSWORD

exec docker-registry serve /etc/lab/registry.yml
