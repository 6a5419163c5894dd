#!/bin/bash
# Makes the database cluster at the first start, then becomes the server.
set -euo pipefail

# from_file NAME sets NAME from the file that NAME_FILE names, if it does.
from_file() {
    local file_name="${1}_FILE"
    if [[ -n "${!file_name:-}" ]]; then
        export "$1"="$(<"${!file_name}")"
        unset "$file_name"
    fi
}

init() {
    : "${POSTGRES_USER:=postgres}"
    : "${POSTGRES_DB:=$POSTGRES_USER}"
    if [[ -z "${POSTGRES_PASSWORD:-}" && "${POSTGRES_HOST_AUTH_METHOD:-}" != trust ]]; then
        echo "POSTGRES_PASSWORD is not set: give the superuser a password." >&2
        exit 1
    fi
    # shellcheck disable=SC2086 # arguments are meant to be split
    initdb --username="$POSTGRES_USER" --pwfile=<(printf '%s\n' "${POSTGRES_PASSWORD:-}") \
        --auth-local=trust --auth-host=scram-sha-256 ${POSTGRES_INITDB_ARGS:-}
    echo "host all all all ${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}" >>"$PGDATA/pg_hba.conf"
    sed -i "s/^#*listen_addresses = .*/listen_addresses = '*'/" "$PGDATA/postgresql.conf"
    # Only the socket listens while the cluster is being filled, so that nobody
    # finds a half-made database.
    pg_ctl -w -o "-c listen_addresses=''" start
    if [[ "$POSTGRES_DB" != postgres ]]; then
        createdb --username="$POSTGRES_USER" "$POSTGRES_DB"
    fi
    local file
    for file in /docker-entrypoint-initdb.d/*; do
        case "$file" in
        *.sh) bash "$file" ;;
        *.sql) psql -v ON_ERROR_STOP=1 --username="$POSTGRES_USER" --dbname="$POSTGRES_DB" -f "$file" ;;
        esac
    done
    pg_ctl -m fast -w stop
}

if [[ "${1:-}" = -* ]]; then
    set -- postgres "$@"
fi
if [[ "${1:-}" = postgres ]]; then
    if [[ "$(id -u)" = 0 ]]; then
        mkdir -p "$PGDATA"
        chown -R postgres:postgres "$PGDATA" /run/postgresql
        chmod 0700 "$PGDATA"
        exec gosu postgres "$0" "$@"
    fi
    for name in POSTGRES_PASSWORD POSTGRES_USER POSTGRES_DB POSTGRES_INITDB_ARGS; do
        from_file "$name"
    done
    [[ -s "$PGDATA/PG_VERSION" ]] || init
    unset POSTGRES_PASSWORD
fi
exec "$@"
