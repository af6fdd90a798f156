/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* orc COUNT FILE...: open+read+close of each FILE COUNT times, in turns; prints "MEDIAN_US FILE" of the rounds. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS 9

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double one_round(const char *path, int count)
{
	char text[256];
	double began = now_us();

	for (int i = 0; i < count; i++) {
		int fd = open(path, O_RDONLY);
		if (fd < 0 || read(fd, text, sizeof(text)) <= 0) {
			perror(path);
			exit(1);
		}
		close(fd);
	}
	return (now_us() - began) / count;
}

int main(int argc, char **argv)
{
	int files = argc - 2, count = argc > 2 ? atoi(argv[1]) : 0;
	double *t = calloc((size_t)(files > 0 ? files : 1) * ROUNDS, sizeof(*t));

	if (count <= 0 || !t)
		return 2;
	for (int r = 0; r < ROUNDS; r++)
		for (int f = 0; f < files; f++)
			t[f * ROUNDS + r] = one_round(argv[f + 2], count);
	for (int f = 0; f < files; f++) {
		qsort(t + f * ROUNDS, ROUNDS, sizeof(*t), by_value);
		printf("%.2f %s\n", t[f * ROUNDS + ROUNDS / 2], argv[f + 2]);
	}
	free(t);
	return 0;
}
