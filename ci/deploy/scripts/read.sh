# Tells what the folder has: one line each, files in base64.
[ -d "$dir" ] || exit 0
if [ -L "$dir/current" ]; then echo "current $(basename "$(readlink "$dir/current")")"; fi
for folder in "$dir"/releases/*/; do
	[ -d "$folder" ] || continue
	if [ -f "$folder/release.json" ]; then
		echo "release $(basename "$folder") $(base64 -w 0 "$folder/release.json")"
	else
		echo "unfinished $(basename "$folder")"
	fi
done
echo "disk $(df -Pk /var/lib/docker 2>/dev/null | awk 'END { printf "%.0f", $4 * 1024 }')"
last=
for file in "$dir"/receipts/*.json; do
	if [ -f "$file" ]; then last=$file; fi
done
if [ -n "$last" ]; then echo "receipt $(base64 -w 0 "$last")"; fi
for folder in "$dir"/files/*/; do
	if [ -d "$folder" ]; then echo "file $(basename "$folder")"; fi
done
if [ -f "$dir/images" ]; then sed 's/^/image /' "$dir/images"; fi
if [ -f "$dir/lock" ]; then
	echo "lock $(($(date +%s) - $(stat -c %Y "$dir/lock"))) $(base64 -w 0 "$dir/lock")"
fi
