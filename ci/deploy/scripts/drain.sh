# Lets old containers finish and removes them: $1 seconds at most for each, $2 the
# addresses of Traefik, separated by commas, then ID|PORTS. A container finishes when
# it has no connection of Traefik's on its ports; without PORTS it is stopped at once.
held
seconds=$1 proxies=$2
shift 2

# connections counts the established connections (state 01) of the container whose
# first process is $1, on the ports $2, from the proxies. The kernel's tables have
# addresses and ports in hexadecimal, addresses in the processor's byte order.
connections() {
	cat "/proc/$1/net/tcp" "/proc/$1/net/tcp6" 2>/dev/null |
		awk -v ports="$2" -v proxies="$proxies" '
			function hex(n, width,    digits, s) { s = ""; while (width-- > 0) { s = substr("0123456789ABCDEF", n % 16 + 1, 1) s; n = int(n / 16) } return s }
			BEGIN {
				split(ports, list, ","); for (i in list) wanted[hex(list[i], 4)] = 1
				count = split(proxies, list, ",")
				for (i in list) { split(list[i], b, "."); from[hex(b[4], 2) hex(b[3], 2) hex(b[2], 2) hex(b[1], 2)] = 1 }
			}
			$4 == "01" {
				split($2, here, ":"); split($3, there, ":")
				address = substr(there[1], length(there[1]) - 7)
				if (here[2] in wanted && (count == 0 || address in from)) n++
			}
			END { print n + 0 }'
}

finish() {
	id=$1 ports=$2
	begun=$(date +%s)
	pid=$(docker inspect --format '{{.State.Pid}}' "$id" 2>/dev/null) || return 0
	if [ -n "$ports" ] && [ "$pid" != 0 ]; then
		if [ -r "/proc/$pid/net/tcp" ]; then
			while [ "$(($(date +%s) - begun))" -lt "$seconds" ] && [ "$(connections "$pid" "$ports")" != 0 ]; do sleep 0.2; done
		else
			sleep "$seconds"
		fi
	fi
	hooks "$id" || echo "warning: the pre_stop hook of $id ended with exit code $?"
	echo "drained $id $(($(date +%s) - begun))"
	docker stop "$id" >/dev/null 2>&1 || true
	docker rm --force --volumes "$id" >/dev/null 2>&1 || true
	if docker inspect "$id" >/dev/null 2>&1; then echo "warning: container $id could not be removed"; fi
}

for item in "$@"; do finish "${item%%|*}" "${item#*|}" & done
wait
