/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Definitions from anybody: parse, check, print, parse again: what is accepted prints as something that is accepted. */
#include <stdint.h>

#include "../../engine/schema.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct schema *schema_of(const struct doc *doc)
{
	static const struct schema *const storage[] = { &pool_schema, &volume_schema, &secret_schema };

	for (size_t i = 0; i < ARRAY_SIZE(storage); i++)
		if (!strcmp(node_name(doc_root(doc)), storage[i]->element))
			return storage[i];
	return &domain_schema;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = { (const char *)data, size };
	autoerror struct error err = { 0 };
	autobuf struct buf out = { 0 };
	autodoc struct doc *doc = NULL, *again = NULL;
	const struct schema *schema;
	int whole = doc_complete(text);
	int accepted;

	doc = doc_parse(text, NULL, &err);
	if (!doc)
		return 0;
	/* a text that parses is complete for the scanner too, unless its encoding hides the tags */
	if (whole != 0 && !memchr(data, 0, size) && !memmem(data, size, "encoding", 8) && data[0] < 0x80 &&
	    !memmem(data, size, "<!", 2))
		abort();
	schema = schema_of(doc);
	accepted = schema_check(schema, doc_root(doc), &err);
	schema_mask(schema, doc_root(doc));
	schema_strip_outputs(schema, doc_root(doc));
	doc_print(doc, &out);
	again = doc_parse((struct str){ out.p, out.n }, NULL, NULL);
	if (!again)
		abort();
	if (accepted == 0 && schema_check(schema, doc_root(again), NULL) < 0)
		abort();
	return 0;
}
