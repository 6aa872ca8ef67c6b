/* SPDX-License-Identifier: BSD-3-Clause */
/* Replay: gives every file of the named folders (or every named file) to a fuzz target, once. */
#include "tests/fuzz/fuzz.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum {
	INPUT_BYTES_MAX = 4 << 20, /* of one file: more is no seed but a mistake */
};

static int replay_file(const char *path)
{
	FILE *file = fopen(path, "rb");
	struct stat status;
	uint8_t *data;
	size_t size;

	if (file == NULL || fstat(fileno(file), &status) < 0) {
		perror(path);
		return -1;
	}
	size = (size_t)status.st_size;
	data = malloc(size != 0 && size <= INPUT_BYTES_MAX ? size : 1);
	if (data == NULL || size > INPUT_BYTES_MAX || fread(data, 1, size, file) != size) {
		fprintf(stderr, "%s: cannot be read as one input\n", path);
		free(data);
		fclose(file);
		return -1;
	}
	fclose(file);
	/* A target that dies leaves the name of its input as the last line. */
	fprintf(stderr, "%s\n", path);
	LLVMFuzzerTestOneInput(data, size);
	free(data);
	return 0;
}

/* Returns the number of files replayed, or -1. */
static int replay_folder(const char *folder)
{
	struct dirent **entries;
	int count = scandir(folder, &entries, NULL, alphasort);
	int replayed = 0;

	if (count < 0) {
		perror(folder);
		return -1;
	}
	for (int i = 0; i < count; i++) {
		char path[4096];

		if (replayed >= 0 && entries[i]->d_name[0] != '.') {
			snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name);
			replayed = replay_file(path) < 0 ? -1 : replayed + 1;
		}
		free(entries[i]);
	}
	free(entries);
	return replayed;
}

int main(int argc, char **argv)
{
	int replayed = 0;

	for (int i = 1; i < argc; i++) {
		struct stat status;
		int count;

		if (stat(argv[i], &status) < 0) {
			perror(argv[i]);
			return 1;
		}
		if (S_ISDIR(status.st_mode))
			count = replay_folder(argv[i]);
		else
			count = replay_file(argv[i]) < 0 ? -1 : 1;
		if (count < 0)
			return 1;
		replayed += count;
	}
	if (replayed == 0) {
		fprintf(stderr, "%s: no input: name folders or files of seeds\n", argv[0]);
		return 1;
	}
	printf("%d inputs replayed\n", replayed);
	return 0;
}
