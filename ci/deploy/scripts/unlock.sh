# Removes the lock, whoever has it, and says whose it was.
[ -d "$dir" ] || exit 0
exec 8>>"$dir/.guard"
flock -w 30 8
[ -e "$dir/lock" ] || exit 0
echo "$(($(date +%s) - $(stat -c %Y "$dir/lock")))"
cat "$dir/lock"
rm -f "$dir/lock"
