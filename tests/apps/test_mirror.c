/* SPDX-License-Identifier: BSD-3-Clause */
/* A mirror in real folders: found by what was typed, kept from others, and no trouble when it is.
 */
#include "apps/dpdk-streamd/export_list.h"
#include "apps/dpdk-streamd/mirror.h"
#include "tests/support/cmocka.h"
#include "tests/support/scratch.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct dps_options options_for(char **paths, unsigned int count)
{
	struct dps_options options = { .paths = paths, .paths_count = count };

	snprintf(options.to.host, sizeof(options.to.host), "collector");
	options.to.port = 7420;
	return options;
}

static bool is_one_key(const struct dps_options *a, const char *in_a, const struct dps_options *b,
		       const char *in_b)
{
	struct dps_mirror_key left = dps_mirror_make_key(a, in_a);
	struct dps_mirror_key right = dps_mirror_make_key(b, in_b);
	bool is_one = left.count == right.count && memcmp(left.bytes, right.bytes, left.count) == 0;

	free(left.bytes);
	free(right.bytes);
	return is_one;
}

static void make_key__is_what_was_asked_for(void **state)
{
	char *relative[] = { "src/", "a" }, *absolute[] = { "/data/src", "/data/a" };
	char *joined[] = { "/data/src/data/a" };
	struct dps_options one = options_for(relative, 2), two = options_for(absolute, 2);
	struct dps_options other = options_for(joined, 1);

	(void)state;
	assert_true(is_one_key(&one, "/data", &two, "/elsewhere"));
	assert_false(is_one_key(&one, "/date", &two, "/data"));
	assert_false(is_one_key(&two, "/data", &other, "/data"));
	two.to.port = 7421;
	assert_false(is_one_key(&one, "/data", &two, "/data"));
	two = options_for(absolute, 2);
	two.name = "other";
	assert_false(is_one_key(&one, "/data", &two, "/data"));
}

static void open__keeps_a_second_process_out(void **state)
{
	char *paths[] = { "/data/src" };
	struct dps_options options = options_for(paths, 1);
	char sentence[DPS_MIRROR_SENTENCE_BYTES], folder[300];
	struct dps_mirror mirror;
	struct scratch disk;
	int status;
	pid_t child;

	(void)state;
	scratch_create(&disk, SCRATCH_DISK);
	snprintf(folder, sizeof(folder), "%s/state", disk.path);
	options.state = folder;
	assert_int_equal(dps_mirror_open(&mirror, &options, sentence), 0);
	assert_non_null(mirror.journal);
	assert_false(mirror.is_found);
	child = fork();
	if (child == 0)
		_exit(dps_mirror_open(&mirror, &options, sentence) == -EBUSY &&
				      strstr(sentence, "under way")
			      ? 7
			      : 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(WEXITSTATUS(status), 7);
	dps_mirror_close(&mirror);
	assert_int_equal(dps_mirror_open(&mirror, &options, sentence), 0);
	dps_mirror_close(&mirror);
	scratch_remove(&disk);
}

static void open__needs_only_a_folder_that_was_asked_for(void **state)
{
	char *paths[] = { "/data/src" };
	struct dps_options options = options_for(paths, 1);
	char sentence[DPS_MIRROR_SENTENCE_BYTES];
	struct dps_mirror mirror;

	(void)state;
	options.state = "/dev/null/state";
	assert_true(dps_mirror_open(&mirror, &options, sentence) < 0);
	assert_non_null(strstr(sentence, "/dev/null/state"));
	dps_mirror_close(&mirror);
}

static void list__pairs_the_past_with_the_source(void **state)
{
	struct dps_journal_file gone = { .path = "tree/gone", .path_bytes = 9, .size_bytes = 5 };
	struct dps_journal_file same = { .path = "tree/b", .path_bytes = 6, .size_bytes = 2 };
	struct dps_journal_file changed = { .path = "tree/a", .path_bytes = 6, .size_bytes = 9 };
	char path[300], sentence[DPS_SOURCE_SENTENCE_BYTES];
	const char *const paths[] = { path };
	struct dps_export_list list = { 0 };
	struct dps_source *source;
	struct scratch disk;

	(void)state;
	scratch_create(&disk, SCRATCH_DISK);
	scratch_write(&disk, "tree/a", "x", 1);
	scratch_write(&disk, "tree/b", "xx", 2);
	scratch_write(&disk, "tree/c", "xxx", 3);
	snprintf(path, sizeof(path), "%s/tree", disk.path);
	assert_int_equal(dps_source_open(paths, 1, NULL, &source, sentence), 0);
	same.mtime_ns = dps_source_at(source, 1)->mtime_ns;
	same.inode = dps_source_at(source, 1)->inode;
	changed.mtime_ns = dps_source_at(source, 0)->mtime_ns;
	changed.inode = dps_source_at(source, 0)->inode;
	dps_export_list_add_past(&list, &gone);
	dps_export_list_add_past(&list, &same);
	dps_export_list_add_past(&list, &changed);
	dps_export_list_add_source(&list, source);
	assert_int_equal(list.count, 4);
	assert_int_equal(list.entries[0].error, -ENOENT);
	assert_int_equal(list.entries[1].error, 0);
	assert_int_equal(list.entries[1].source, 1);
	assert_int_equal(list.entries[2].error, -EUCLEAN);
	assert_int_equal(list.entries[2].size_bytes, 9); /* as it was offered */
	assert_string_equal(list.entries[3].name, "tree/c");
	assert_int_equal(list.entries[3].source, 2);
	dps_export_list_fini(&list);
	dps_source_close(source);
	scratch_remove(&disk);
}

static void list__notices_any_change_of_a_file(void **state)
{
	char path[300], sentence[DPS_SOURCE_SENTENCE_BYTES];
	const char *const paths[] = { path };
	struct dps_source *source;
	struct scratch disk;

	(void)state;
	scratch_create(&disk, SCRATCH_DISK);
	scratch_write(&disk, "a", "x", 1);
	snprintf(path, sizeof(path), "%s/a", disk.path);
	assert_int_equal(dps_source_open(paths, 1, NULL, &source, sentence), 0);
	for (unsigned int change = 0; change < 5; change++) {
		const struct dps_source_entry *now = dps_source_at(source, 0);
		const struct dps_journal_file past = {
			.path = "a",
			.path_bytes = 1,
			.size_bytes = now->size_bytes + (change == 1),
			.mtime_ns = now->mtime_ns - (change == 2),
			.inode = now->inode + (change == 3),
			.is_folder = change == 4,
		};
		struct dps_export_list list = { 0 };

		dps_export_list_add_past(&list, &past);
		dps_export_list_add_source(&list, source);
		assert_int_equal(list.count, 1);
		assert_int_equal(list.entries[0].error, change == 0 ? 0 : -EUCLEAN);
		dps_export_list_fini(&list);
	}
	dps_source_close(source);
	scratch_remove(&disk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(make_key__is_what_was_asked_for),
		cmocka_unit_test(open__keeps_a_second_process_out),
		cmocka_unit_test(open__needs_only_a_folder_that_was_asked_for),
		cmocka_unit_test(list__pairs_the_past_with_the_source),
		cmocka_unit_test(list__notices_any_change_of_a_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
