#!/bin/sh
# libvirt's own test definitions: accepted, refused and turned into command lines as libvirt does.
# timeout: 300
exec "$(dirname "$0")/../check-corpus"
