#!/usr/bin/env bash
# Gets an API token, creates an event, registers a person, and prints the join URL and an embed URL.
#
#   export CLIENT_SECRET; register.sh PUBLIC_URL CLIENT_ID EMAIL NAME
#
# Needs curl and python3, which reads and writes the JSON.
set -euo pipefail

api=$1/api client=$2 email=$3 name=$4

# json NAME VALUE…: prints an object of strings.
json() { python3 -c 'import json, sys; a = sys.argv[1:]; print(json.dumps(dict(zip(a[::2], a[1::2]))))' "$@"; }

# member NAME: prints that member of the object on standard input.
member() { python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"; }

# post PATH BODY: prints the answer, or an error's message on standard error.
post() {
    curl --silent --show-error --fail-with-body "$api/$1" -H 'Content-Type: application/json' \
        -H "Authorization: Bearer ${token:-}" --data-binary "$2" || {
        echo >&2
        return 1
    }
}

# Keep the secret off the command line, which others on this machine could read.
token=$(
    CLIENT_ID=$client python3 -c 'import json, os; print(json.dumps({"grant_type": "client_credentials",
        "client_id": os.environ["CLIENT_ID"], "client_secret": os.environ["CLIENT_SECRET"]}))' |
        curl --silent --show-error --fail-with-body "$api/oauth/token" -H 'Content-Type: application/json' \
            --data-binary @- | member access_token
)
event=$(post v1/event/create "$(json companyId "$client" name 'Launch' timezone Europe/Paris \
    startDate "$(date -u -d '+1 hour' +%FT%TZ)" endDate "$(date -u -d '+3 hours' +%FT%TZ)")" | member uid)
echo "event     $event"
echo "join URL  $(post "v1/event/$event/registrant" "$(json name "$name" email "$email")" | member join_url)"
echo "embed URL $(post "v1/event/$event/embedCode" "$(json userId ada userName "$name" userEmail "$email")" |
    python3 -c 'import json, sys; print(json.load(sys.stdin))')"
