# Writes the manifest at $1.
cat "$1"
