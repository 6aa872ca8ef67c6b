/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/dpdk-streamd/mirror.h"
#include "apps/dpdk-streamd/state_folder.h"
#include "drivers/digest/digest.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- the key: words, each ended by NUL ---- */

static void add(FILE *out, const char *text)
{
	fputs(text, out);
	fputc('\0', out);
}

static void add_path(FILE *out, const char *folder, const char *path)
{
	size_t bytes = strlen(path);

	while (bytes > 1 && path[bytes - 1] == '/')
		bytes--;
	if (path[0] != '/')
		fprintf(out, "%s/", folder);
	fwrite(path, 1, bytes, out);
	fputc('\0', out);
}

struct dps_mirror_key dps_mirror_make_key(const struct dps_options *options, const char *folder)
{
	struct dps_mirror_key key = { 0 };
	FILE *out = open_memstream((char **)&key.bytes, &key.count);

	if (!out)
		abort(); /* out of memory */
	add(out, "export");
	add(out, options->to.host);
	fprintf(out, "%u", options->to.port);
	fputc('\0', out);
	add(out, options->name ? options->name : "");
	if (options->has_generate) {
		fprintf(out, "generate %" PRIu64 " %" PRIu64, options->generate_bytes,
			options->generate_seed);
		fputc('\0', out);
	}
	for (unsigned int i = 0; i < options->paths_count; i++)
		add_path(out, folder, options->paths[i]);
	fclose(out);
	return key;
}

/* ---- the lock ---- */

/* A byte of the file for each key; two that meet there only wait for each other without need. */
static int take_lock(struct dps_mirror *mirror, int folder_fd, pid_t *owner)
{
	struct flock lock = {
		.l_type = F_WRLCK,
		.l_whence = SEEK_SET,
		.l_start = (off_t)(dps_digest_short_of(mirror->key.bytes, mirror->key.count) >> 2),
		.l_len = 1,
	};

	mirror->lock_fd = openat(folder_fd, "exporters.lock",
				 O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (mirror->lock_fd < 0)
		return -errno;
	if (fcntl(mirror->lock_fd, F_SETLK, &lock) == 0)
		return 0;
	if (errno != EAGAIN && errno != EACCES)
		return -errno;
	if (fcntl(mirror->lock_fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK)
		*owner = lock.l_pid;
	return -EBUSY;
}

/* ---- open ---- */

static int find(struct dps_mirror *mirror, bool is_new)
{
	struct dps_journal_transfer transfer;
	int result = dps_journal_find_key(mirror->journal, mirror->key.bytes, mirror->key.count,
					  &transfer);

	if (result == -ENOENT)
		return 0;
	if (result < 0)
		return result;
	mirror->id = transfer.id;
	mirror->chunk_bytes = transfer.chunk_bytes;
	mirror->is_found = true;
	if (!is_new)
		return 0;
	mirror->is_found = false;
	result = dps_journal_begin(mirror->journal);
	if (result == 0)
		result = dps_journal_forget_transfer(mirror->journal, &mirror->id);
	return result < 0 ? result : dps_journal_commit(mirror->journal);
}

static int open_in(struct dps_mirror *mirror, const struct dps_options *options, int folder_fd,
		   const char *folder, char sentence[DPS_MIRROR_SENTENCE_BYTES])
{
	const struct dps_journal_config config = {
		.folder_fd = folder_fd,
		.folder = folder,
		.name = "mirror",
		.sync = DPS_JOURNAL_SYNC_NORMAL,
		.busy_ms = DPS_JOURNAL_BUSY_MS,
	};
	pid_t owner = 0;
	int result = take_lock(mirror, folder_fd, &owner);

	if (result == -EBUSY) {
		snprintf(sentence, DPS_MIRROR_SENTENCE_BYTES,
			 "the same command is under way already, as process %d; wait for it or "
			 "stop it",
			 (int)owner);
		return result;
	}
	if (result < 0) {
		snprintf(sentence, DPS_MIRROR_SENTENCE_BYTES, "%.900s/exporters.lock: %s", folder,
			 strerror(-result));
		return result;
	}
	result = dps_journal_open(&mirror->journal, &config, sentence);
	if (result < 0) {
		mirror->journal = NULL;
		return result == -EBUSY ? -EAGAIN : result; /* that is another matter */
	}
	result = find(mirror, options->is_new);
	if (result < 0) {
		snprintf(sentence, DPS_MIRROR_SENTENCE_BYTES, "%s",
			 dps_journal_trouble(mirror->journal));
		dps_journal_close(mirror->journal);
		mirror->journal = NULL;
		mirror->is_found = false;
	}
	return result;
}

int dps_mirror_open(struct dps_mirror *mirror, const struct dps_options *options,
		    char sentence[DPS_MIRROR_SENTENCE_BYTES])
{
	char folder[DPS_STATE_FOLDER_BYTES], here[PATH_MAX] = "";
	int folder_fd, result;

	*mirror = (struct dps_mirror){ .lock_fd = -1 };
	sentence[0] = '\0';
	if (!getcwd(here, sizeof(here)))
		here[0] = '\0'; /* a folder that was deleted: its relative paths name nothing */
	mirror->key = dps_mirror_make_key(options, here);
	dps_state_folder_find(options, folder);
	folder_fd = dps_state_folder_open(folder);
	if (folder_fd < 0) {
		result = folder_fd;
		snprintf(sentence, DPS_MIRROR_SENTENCE_BYTES, "the state folder %.900s: %s", folder,
			 strerror(-result));
	} else {
		result = open_in(mirror, options, folder_fd, folder, sentence);
		close(folder_fd);
	}
	return result == -EBUSY || options->state ? result : 0;
}

void dps_mirror_close(struct dps_mirror *mirror)
{
	dps_journal_close(mirror->journal);
	if (mirror->lock_fd >= 0)
		close(mirror->lock_fd);
	free(mirror->key.bytes);
	*mirror = (struct dps_mirror){ .lock_fd = -1 };
}
