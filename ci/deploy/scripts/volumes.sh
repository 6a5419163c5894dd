# Lists the project's volumes.
docker volume ls --quiet --filter "$(ours)"
