# Removes release:NAME, file:HASH and image:REF. An image that something uses stays, and
# stays in the list of those that we brought.
held
for thing in "$@"; do
	name=${thing#*:}
	case $thing in
	release:*) rm -rf "$dir/releases/$name" ;;
	file:*) rm -rf "$dir/files/$name" ;;
	image:*)
		pulled=$name
		case $name in
		*@*) # Docker removes by digest only without the tag.
			repository=${name%%@*}
			case ${repository##*/} in
			*:*) repository=${repository%:*} ;;
			esac
			name=$repository@${name#*@}
			;;
		esac
		if docker image rm "$name" >/dev/null 2>&1 || ! docker image inspect "$name" >/dev/null 2>&1; then
			grep -vxF -- "$pulled" "$dir/images" >"$dir/.images.$token" || true
			mv -f "$dir/.images.$token" "$dir/images"
		fi
		;;
	esac
done
rm -rf "$dir"/.lock.* "$dir"/.current.* "$dir"/.files.* "$dir"/files/.[0-9a-f]*
find "$dir/receipts" -name '*.json' -type f | sort -r | sed -n '200,$p' | while read -r old; do rm -f "$old"; done
