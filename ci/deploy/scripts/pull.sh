# Sees to it that the host has the images. Each argument is REF|ID|DIGEST, where ID
# and DIGEST, if not empty, are what REF has to be, wherever its tag points today.
held
for folder in "${XDG_RUNTIME_DIR:-}" /dev/shm "$dir"; do
	if [ -n "$folder" ] && [ -d "$folder" ] && [ -w "$folder" ]; then break; fi
done
name=gitops-login-$(printf %s "$dir" | cksum | cut -d ' ' -f 1)
rm -rf "$folder/$name".* # of a run that was killed
DOCKER_CONFIG=$(mktemp -d "$folder/$name.XXXXXXXX")
pulls='' watcher=''
# A pull from a registry that is silent never ends by itself, and while it goes on no
# other deploy can begin.
end() {
	if [ -n "$watcher$pulls" ]; then kill $watcher $pulls 2>/dev/null || true; fi
	rm -rf -- "$DOCKER_CONFIG"
}
trap end EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
errors=$DOCKER_CONFIG/errors

refused() {
	echo "logging in to $1: $(cat "$errors")" >&2
	temporary "$errors" && exit 75
	exit 77
}
temporary() { grep -qiE 'timeout|timed out|too ?many ?requests|toomanyrequests|HTTP 429|connection re(set|fused)|unexpected EOF|50[0234] |temporary|TLS handshake|Cannot connect to the Docker daemon' "$1"; }
identity() { docker image inspect --format '{{.Id}}' "$1" 2>/dev/null || true; }

# settle decides what becomes of one image: wanted lists what has to be pulled.
wanted=
settle() {
	ref=$1 id=$2 digest=$3
	have=$(identity "$ref")
	if [ -n "$id" ]; then
		if [ "$have" = "$id" ]; then return 0; fi
		if [ -n "$(identity "$id")" ]; then
			docker tag "$id" "$ref"
			return 0
		fi
		wanted="$wanted ${digest:-$ref}|$ref"
		return 0
	fi
	if [ -n "$have" ]; then return 0; fi
	wanted="$wanted $ref|$ref"
}
for item in "$@"; do
	rest=${item#*|}
	settle "${item%%|*}" "${rest%%|*}" "${rest#*|}"
done
[ -n "$wanted" ] || exit 0

# Where ~/.docker has plugins or proxies, they serve here too. Its logins do not
# when others were given: a credential store would keep those.
home=${HOME:-/nonexistent}/.docker
if [ -d "$home/cli-plugins" ]; then ln -s "$home/cli-plugins" "$DOCKER_CONFIG/cli-plugins"; fi
if [ "$logins" = 0 ] && [ -f "$home/config.json" ]; then cp "$home/config.json" "$DOCKER_CONFIG/config.json"; fi
export DOCKER_CONFIG
login

running=
number=0
for pair in $wanted; do
	number=$((number + 1))
	# Written down first: a pull that is killed leaves an image of ours, too.
	printf '%s\n' "${pair%%|*}" >>"$dir/images"
	docker pull --quiet "${pair%%|*}" >/dev/null 2>"$errors.$number" &
	running="$running $!|$number|$pair" pulls="$pulls $!"
done
# The pulls end with their run. When it is killed its lock goes. When it is cancelled
# nobody reads what this writes: sshd passes no signal on to a session of root.
watch() {
	trap '' PIPE
	while [ "$(sed -n 1p "$dir/lock")" = "$token" ] && echo; do sleep 1 >/dev/null; done
	kill $pulls
}
watch 9>&- 2>/dev/null &
watcher=$!
sort -u -o "$dir/images" "$dir/images"
failed=0
for entry in $running; do
	process=${entry%%|*} entry=${entry#*|}
	number=${entry%%|*} entry=${entry#*|}
	if wait "$process"; then
		echo "pulled ${entry%%|*}"
		if [ "${entry%%|*}" != "${entry#*|}" ]; then docker tag "${entry%%|*}" "${entry#*|}"; fi
		continue
	fi
	echo "pulling ${entry%%|*}: $(tail -n 3 "$errors.$number")" >&2
	if temporary "$errors.$number"; then
		if [ "$failed" = 0 ]; then failed=75; fi
	else
		failed=77
	fi
done
exit "$failed"
