# Puts the archive at $1 where its files belong: below files, in a folder named after
# its hash $2. It is there only once it is whole.
held
folder=$dir/files/.$2
rm -rf -- "$folder"
mkdir -p "$folder"
tar -xpf "$1" -C "$folder"
rm -f -- "$1"
mv -T "$folder" "$dir/files/$2"
