/* SPDX-License-Identifier: ISC */
/*
 * Stands in for libFuzzer in `make check`: feeds every file of the corpus to
 * the target, one line of TAP a file. The program replay_WHAT reads
 * $srcdir/tests/fuzz/corpus/WHAT, or the folder that its argument names. An
 * empty corpus is a failure. Each input is a heap block of its exact size, so
 * that a sanitizer sees one byte too far.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define LARGEST_INPUT (16 * 1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int
replay(const char *folder, const char *name)
{
	char path[4096];
	uint8_t *data;
	struct stat st;
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "r");
	if (f == NULL)
		return -1;
	if (fstat(fileno(f), &st) == -1 || st.st_size > LARGEST_INPUT) {
		fclose(f);
		return -1;
	}
	n = (size_t)st.st_size;
	data = malloc(n == 0 ? 1 : n);
	if (data == NULL || fread(data, 1, n, f) != n) {
		free(data);
		fclose(f);
		return -1;
	}
	fclose(f);
	LLVMFuzzerTestOneInput(data, n);
	free(data);
	return 0;
}

static int
is_input(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static int
replay_folder(const char *folder)
{
	struct dirent **entries;
	int i, n = scandir(folder, &entries, is_input, alphasort), bad = 0;

	if (n <= 0) {
		printf("1..1\nnot ok 1 - %s has inputs\n", folder);
		return 1;
	}
	printf("1..%d\n", n);
	for (i = 0; i < n; i++) {
		fflush(stdout);
		if (replay(folder, entries[i]->d_name) == 0) {
			printf("ok %d - %s\n", i + 1, entries[i]->d_name);
		} else {
			printf("not ok %d - %s: cannot be read\n", i + 1,
			    entries[i]->d_name);
			bad = 1;
		}
		free(entries[i]);
	}
	free(entries);
	return bad;
}

int
main(int argc, char **argv)
{
	static const char prefix[] = "replay_";
	const char *srcdir = getenv("srcdir"), *what;
	char folder[4096];

	if (argc > 1)
		return replay_folder(argv[1]);
	what = strrchr(argv[0], '/');
	what = what == NULL ? argv[0] : what + 1;
	if (strncmp(what, prefix, sizeof(prefix) - 1) == 0)
		what += sizeof(prefix) - 1;
	snprintf(folder, sizeof(folder), "%s/tests/fuzz/corpus/%s",
	    srcdir == NULL ? "." : srcdir, what);
	return replay_folder(folder);
}
