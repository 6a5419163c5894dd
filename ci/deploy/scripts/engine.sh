# Waits until the engine answers, for at most $1 seconds.
end=$(($(date +%s) + $1))
until said=$(docker version --format '{{.Server.Version}}' 2>&1); do
	if [ "$(date +%s)" -ge "$end" ]; then
		echo "Docker does not answer: $said" >&2
		exit 69
	fi
	sleep 1
done
