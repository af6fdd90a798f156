/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What doc*.c share: libxml2 behind engine/doc.h. */
#ifndef DOMFS_DOC_PRIVATE_H
#define DOMFS_DOC_PRIVATE_H

#include <libxml/tree.h>

#include "doc.h"

struct doc {
	xmlDocPtr x;
};

const char *doc_namespace(const char *name, size_t n, const char **local);
const char *doc_prefix(const char *uri); /* "qemu" of libvirt's URI, NULL of others */
bool doc_is_element(xmlNodePtr x, const char *name, size_t n);
xmlNodePtr doc_walk(xmlNodePtr x, const char *path, const char **rest);

#endif
