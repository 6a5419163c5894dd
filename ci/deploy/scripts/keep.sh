# Keeps the lock fresh: each line that comes in is a heartbeat. When no more can
# come, because the run ended or died, the lock goes.
while read -r _; do
	if [ "$(sed -n 1p "$dir/lock" 2>/dev/null)" != "$token" ]; then
		echo "the lock of this deploy was taken over" >&2
		exit 76
	fi
	touch "$dir/lock"
done
exec 8>>"$dir/.guard"
flock -w 30 8
if [ "$(sed -n 1p "$dir/lock" 2>/dev/null)" = "$token" ]; then rm -f "$dir/lock"; fi
