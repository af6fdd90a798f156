/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Runs a fuzz target over the files that are given: the seeds in every check, a crash file by hand. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int run(const char *path)
{
	FILE *f = fopen(path, "rb");
	uint8_t *data = malloc(16u << 20);
	size_t n;

	if (!f || !data) {
		perror(path);
		exit(1);
	}
	n = fread(data, 1, 16u << 20, f);
	fclose(f);
	/* exactly as large as the input, so that a sanitizer sees a read behind it */
	uint8_t *exact = realloc(data, n ? n : 1);
	LLVMFuzzerTestOneInput(exact, n);
	free(exact);
	return 0;
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		run(argv[i]);
	printf("%d inputs\n", argc - 1);
	return argc < 2;
}
