# Removes containers that were on trial.
held
docker ps --all --quiet --filter "$(ours)" --filter label=gitops.trial | xargs -r docker rm --force --volumes >/dev/null
