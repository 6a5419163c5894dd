# Keeps the lock fresh: each line that comes in is a heartbeat. The line "done" gives
# it back. When no more lines can come, because the run died or lost its connection,
# the lock goes too, and leaves its token: the run goes on if it returns before
# another one begins.
done=
while read -r word; do
	if [ "$(sed -n 1p "$dir/lock" 2>/dev/null)" != "$token" ]; then
		echo "the lock of this deploy was taken over" >&2
		exit 76
	fi
	touch "$dir/lock"
	done=$word
done
exec 8>>"$dir/.guard"
flock -w 30 8
if [ "$(sed -n 1p "$dir/lock" 2>/dev/null)" != "$token" ]; then exit 0; fi
if [ "$done" = done ]; then
	rm -f "$dir/lock"
else
	mv -f "$dir/lock" "$dir/.lock.left"
fi
