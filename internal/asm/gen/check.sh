#!/bin/sh
# Fails if the committed assembly is not what the generator writes.
set -eu
cd "$(dirname "$0")"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
mkdir "$tmp/f32" "$tmp/f64"
go run . -dir "$tmp"
for p in f32 f64; do
	cp ../$p/doc.go "$tmp/$p"
	diff -r ../$p "$tmp/$p"
done
echo "generated assembly is fresh"
