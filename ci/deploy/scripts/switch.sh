# Makes release $1 the current one, in one step.
held
ln -sfn "releases/$1" "$dir/.current.$token"
mv -fT "$dir/.current.$token" "$dir/current"
