#!/bin/sh
# vim edits a definition in place; a refused write says so and keeps the old one.
# timeout: 60
# shellcheck disable=SC2016
. "$(dirname "$0")/../lib.sh"
require vim
mount_domfs

d=$M/domains/web
mkdir "$d"
test_xml web > "$TMP/web.xml"
cp "$TMP/web.xml" "$d/xml"
uuid=$(cat "$d/uuid")
# Its exit status says little: what counts is what it wrote.
edit() {	# COMMAND...: of ex, on xml
	set -- "$@" 'qa!'
	for word do
		shift
		set -- "$@" -c "$word"
	done
	timeout 20 vim -Es -u NONE -i NONE "$@" "$d/xml" < /dev/null > "$TMP/vim" 2>&1 || :
}

edit 's/test/test/' '%s/MiB.>128/MiB'"'"'>256/' 'wq'
is "$(cat "$d/memory_max")" 268435456 ':%s and :wq change the definition'
like "$(cat "$d/config/xml")" "<memory unit='MiB'>256<" 'config/xml has it'
is "$(cat "$d/uuid")" "$uuid" 'the domain is the same'
is "$(ls -d "$d/.xml.swp" "$d/.xml.swx" "$d/xml~" "$d/4913" 2>/dev/null)" '' 'neither swap nor backup file is left'

edit 'set backup backupcopy=yes' '%s/>256</>512</' 'w' '%s/>512</>384</' 'wq'
is "$(cat "$d/memory_max")" 402653184 'two writes in one session, with a backup that stays'
edit 'set nobackup nowritebackup' '%s/>384</>640</' 'wq'
is "$(cat "$d/memory_max")" 671088640 'without any backup'
edit 'set backupcopy=no' '%s/>640</>768</' 'wq'
is "$(cat "$d/memory_max")" 805306368 'where the backup would be the renamed file'
edit 'set nofsync noswapfile' '%s/>768</>896</' 'wq'
is "$(cat "$d/memory_max")" 939524096 'without fsync, without a swap file'

before=$(cat "$d/xml")
edit '%s/<os>/<hull\/><os>/' 'wq'
is "$(cat "$d/xml")" "$before" 'an unknown element is refused, the old one stays'
like "$(cat "$d/error")" 'line [0-9]+: .*hull' 'error has the reason'
edit '$d' 'wq'
is "$(cat "$d/xml")" "$before" 'a document without its end is refused'
edit '%d' 'wq'
is "$(cat "$d/xml")" "$before" 'an empty one as well'
edit '%s/<os>/<hull\/><os>/' 'w' '%s/<hull.>//' '%s/>896</>128</' 'wq'
is "$(cat "$d/memory_max")" 134217728 'a refused write can be corrected in the same session'
is "$(ls "$M/domains")" web 'nothing else was made'

rc=0
timeout 20 vim -Es -u NONE -i NONE -c '%s/<os>/<hull\/><os>/' -c 'wq' -c 'cq' "$d/xml" < /dev/null > "$TMP/vim" 2>&1 || rc=$?
isnt "$rc" 0 ':wq of what is refused does not end vim'
done_testing
