#!/bin/sh
# libvirt's own test definitions: domains are accepted, refused and turned into command lines as libvirt does; storage comes back whole.
# timeout: 300
# over: no, no mount
exec "$(dirname "$0")/../check-corpus"
