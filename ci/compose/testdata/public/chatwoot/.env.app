SECRET_KEY_BASE=replace_with_lengthy_secure_hex
REDIS_PASSWORD=redis#1
INSTALLATION_NAME="Chat # one"
