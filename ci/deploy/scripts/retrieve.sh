# Writes the files that Compose reads in the folder $1, as an archive in base64.
tar -cf - -C "$1" --exclude=./release.json . | base64 -w 0
