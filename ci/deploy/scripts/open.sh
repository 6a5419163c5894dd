# Makes the folder of release $1.
held
mkdir "$dir/releases/$1"
