# Has the swarm begin the update of service $1 anew, by a label that does nothing: Swarm
# takes the same definition as the update that it is at already.
held
docker service update --detach --quiet --no-resolve-image --label-add "gitops.update=$2" "${project}_$1" >&2
