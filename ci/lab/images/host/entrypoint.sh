#!/bin/sh
# Makes this container look like a machine that has just been started: its known
# host key, the login key, and a writable cgroup tree for a Docker engine of its
# own. Then it is an SSH server, or runs the command that is given.
set -eu

# A cgroup namespace of its own, where the container has none: an engine inside
# looks for its groups by the names that the namespace gives them.
if [ -z "${LAB_CGROUPS:-}" ]; then
    LAB_CGROUPS=own exec unshare --cgroup -- "$0" "$@"
fi

if [ $# = 0 ]; then
    keys=${LAB_KEYS:-/run/lab}
    # The keys may be copied in a moment after the start.
    tries=0
    until [ -s "$keys/host_key" ] && [ -s "$keys/authorized_keys" ]; do
        tries=$((tries + 1))
        if [ "$tries" -gt 100 ]; then
            echo "lab-host: no $keys/host_key and $keys/authorized_keys: mount them or copy them in" >&2
            exit 1
        fi
        sleep 0.1
    done
    install -m 0600 "$keys/host_key" /etc/ssh/ssh_host_ed25519_key
    ssh-keygen -y -f /etc/ssh/ssh_host_ed25519_key >/etc/ssh/ssh_host_ed25519_key.pub
    install -d -m 0700 -o ubuntu -g ubuntu /home/ubuntu/.ssh
    install -m 0600 -o ubuntu -g ubuntu "$keys/authorized_keys" /home/ubuntu/.ssh/authorized_keys
fi

# A container sees the cgroup tree read-only. An engine inside needs its own part
# of it writable.
if [ -f /sys/fs/cgroup/cgroup.controllers ]; then
    mount -o remount,rw /sys/fs/cgroup
    # Version 2 allows controllers to be handed down only from a group without
    # processes.
    mkdir -p /sys/fs/cgroup/init
    while read -r pid; do
        echo "$pid" >/sys/fs/cgroup/init/cgroup.procs 2>/dev/null || true
    done </sys/fs/cgroup/cgroup.procs
    for controller in $(cat /sys/fs/cgroup/cgroup.controllers); do
        echo "+$controller" >/sys/fs/cgroup/cgroup.subtree_control 2>/dev/null || true
    done
else
    echo "lab-host: this machine's controllers (cpu, memory, …) are in cgroup version 1, and so is the engine; Ubuntu's is in version 2" >&2
    umount -R /sys/fs/cgroup 2>/dev/null || true
    mount -t tmpfs -o mode=755 cgroup /sys/fs/cgroup
    # Name, hierarchy, groups, enabled: one line a controller after the heading.
    sed 1d /proc/cgroups | while read -r name hierarchy _ enabled; do
        [ "$enabled" = 1 ] && [ "$hierarchy" != 0 ] || continue
        mkdir -p "/sys/fs/cgroup/$name"
        mount -t cgroup -o "$name" cgroup "/sys/fs/cgroup/$name" 2>/dev/null || rmdir "/sys/fs/cgroup/$name"
    done
fi
# Images and containers look up the propagation of the root mount.
mount --make-rshared /

# The start script of Debian's package raises limits that this machine may not
# let it raise; the engine then runs with the limits there are.
if ! (ulimit -n 1048576 && ulimit -p unlimited) 2>/dev/null; then
    echo 'ulimit() { command ulimit "$@" 2>/dev/null || true; }' >>/etc/default/docker
fi

[ $# = 0 ] || exec "$@"
mkdir -p /run/sshd
exec /usr/sbin/sshd -D -e
