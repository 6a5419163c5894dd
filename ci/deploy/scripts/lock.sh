# Takes the lock: $1 time to live in seconds, $2 owner, $3 commit, $4 the token that
# this run had before it lost its connection. Says free, held or taken (from a run that
# is dead), and what the lock was; with $4 kept, or lost when another run began.
ttl=$1 owner=$2 commit=$3 earlier=${4:-}
mkdir -p "$dir/releases" "$dir/receipts"
exec 8>>"$dir/.guard"
if ! flock -w 30 8; then
	echo "the guard of the lock, $dir/.guard, is not free" >&2
	exit 75
fi
now=$(date +%s)
tokens=$(sed -sn 1p "$dir/lock" "$dir/.lock.left" 2>/dev/null || true)
if [ -n "$earlier" ]; then
	case $tokens in
	*"$earlier"*) echo kept ;;
	*)
		echo lost
		exit 0
		;;
	esac
elif [ -e "$dir/lock" ]; then
	age=$((now - $(stat -c %Y "$dir/lock")))
	# The clock may have been set back: then an old heartbeat lies ahead.
	if [ "$age" -lt 0 ]; then age=$((0 - age)); fi
	state=held
	if [ "$age" -gt "$ttl" ]; then state=taken; fi
	printf '%s\n%s\n' "$state" "$age"
	cat "$dir/lock"
	if [ "$state" = held ]; then exit 0; fi
else
	echo free
fi
if ! printf '%s\n' "$token" "$owner" "$commit" "$(date -u +%Y-%m-%dT%H:%M:%SZ)" 2>/dev/null >"$dir/.lock.$token"; then
	rm -f "$dir/.lock.$token"
	echo "$dir cannot be written to, and its disk has $(df -Pk "$dir" | awk 'NR == 2 { print $4 }') KiB free: make room on the host" >&2
	exit 73
fi
mv -f "$dir/.lock.$token" "$dir/lock"
rm -f "$dir/.lock.left"
