#!/bin/sh
# Empties a feed: consumer.sh URL FOLDER. URL is that of a consumer of its own, since it takes batches of one: a shell
# does not read JSON. Each notification becomes a file of FOLDER, which has its id for a name.
feed=$1 folder=$2 new=$2/.new
trap 'kill "$!"; exit' INT TERM
mkdir -p "$folder"
while :; do
  curl -sSfm60 "$feed/next?max=1&wait=PT30S" > "$new" & wait "$!" || { sleep 1; continue; }
  [ -s "$new" ] || continue # 204: nothing came
  batch=$(sed -n 's/^{"batchId":"\([0-9]*\)".*/\1/p' "$new")
  id=$(sed -n 's/^{"batchId":"[0-9]*","notifications":\[{"id":"\([0-9a-f-]*\)".*/\1/p' "$new")
  [ -n "$id" ] || { echo "not a batch: see $new" >&2; exit 1; }
  if [ ! -e "$folder/$id" ]; then # else it was processed before a crash
    sync "$new" && mv "$new" "$folder/$id" || { sleep 1; continue; }
    echo "$id"
  fi
  sync "$folder" && curl -sSfm60 -X POST "$feed/$batch/complete" || sleep 1
done
