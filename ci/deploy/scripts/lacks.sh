# Says which of the files with these hashes the host does not have.
for sum in "$@"; do [ -d "$dir/files/$sum" ] || echo "$sum"; done
