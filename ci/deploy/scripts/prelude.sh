# Every script gets: the folder, the compose project, the token of the lock.
dir=$1 project=$2 token=$3
shift 3
umask 077

# held makes sure that the lock is still ours and that no step of another run is
# still going on. The kernel ends the second when the last process of the step ends.
held() {
	exec 9>>"$dir/.busy"
	if ! flock -w "$patience" 9; then
		echo "a step of an earlier deploy is still running on the host" >&2
		exit 75
	fi
	if [ "$(sed -n 1p "$dir/lock" 2>/dev/null)" != "$token" ]; then
		echo "the lock of this deploy was taken over" >&2
		exit 76
	fi
}

ours() { printf 'label=com.docker.compose.project=%s' "$project"; }
