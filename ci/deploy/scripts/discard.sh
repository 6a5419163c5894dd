# Removes the releases that follow, which never ran.
held
for name in "$@"; do rm -rf "$dir/releases/$name"; done
