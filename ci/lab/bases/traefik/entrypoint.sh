#!/bin/sh
# Flags alone, or one of Traefik's own commands, are meant for Traefik.
set -e
case "${1:-}" in
-* | version | healthcheck) set -- traefik "$@" ;;
esac
exec "$@"
