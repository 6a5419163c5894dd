#!/bin/sh
# Runs nginx and ends it without losing a request. nginx stops listening as soon as it is told to quit, while the proxy
# still sends requests here until its next look at /healthz. So a stop first makes /healthz fail, serves on for
# DRAIN_SECONDS, and only then lets nginx finish what it has begun.
set -eu

rm -f /tmp/draining
nginx -g 'daemon off;' &
server=$!

drain() {
  trap '' TERM INT QUIT
  touch /tmp/draining
  sleep "${DRAIN_SECONDS:-5}"
  kill -QUIT "$server"
}
trap drain TERM INT QUIT

code=0
wait "$server" || code=$?
if kill -0 "$server" 2>/dev/null; then # it was the trap that ended the first wait
  code=0
  wait "$server" || code=$?
fi
exit "$code"
