# Makes the folder of release $1, with the files that Compose reads.
held
mkdir "$dir/releases/$1"
unpack "$dir/releases/$1"
