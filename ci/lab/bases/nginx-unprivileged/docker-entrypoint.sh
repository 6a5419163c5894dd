#!/bin/sh
# Fills in the templates and runs the start scripts that an image or a mount
# brought along, then becomes the command.
set -eu

for template in /etc/nginx/templates/*.template; do
    [ -f "$template" ] || continue
    target=/etc/nginx/conf.d/$(basename "$template" .template)
    # Only names that are set are replaced: nginx's own $variables stay.
    names=$(env | sed -n 's/^\([A-Za-z_][A-Za-z0-9_]*\)=.*/${\1}/p' | tr '\n' ' ')
    envsubst "$names" <"$template" >"$target"
done

for script in /docker-entrypoint.d/*.sh; do
    [ -x "$script" ] && "$script"
done

exec "$@"
