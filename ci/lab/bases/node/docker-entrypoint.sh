#!/bin/sh
# Flags alone, or what is no command, are meant for Node.js.
set -e
case "${1:-}" in
-*) set -- node "$@" ;;
*) command -v "${1:-}" >/dev/null || set -- node "$@" ;;
esac
exec "$@"
