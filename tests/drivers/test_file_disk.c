/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/file_disk/file_disk.h"
#include "tests/support/cmocka.h"
#include "tests/support/disk_trip.h"
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	CHUNK_BYTES = 65536,
	SLOTS = 4,
};

static _Alignas(4096) uint8_t memory[SLOTS * CHUNK_BYTES];
static const struct disk_slots slots = { memory, CHUNK_BYTES, SLOTS };
static const struct dps_file_disk_config config = { memory, sizeof(memory), SLOTS, 4 };

static void open__takes_io_uring_where_it_may(void **state)
{
	char sentence[DPS_FILE_DISK_SENTENCE_BYTES];
	struct scratch scratch;
	struct dps_disk *disk;

	(void)state;
	assert_int_equal(dps_file_disk_open(&config, &disk, sentence), 0);
	if (strcmp(disk->name, "io_uring") != 0) {
		disk->ops->close(disk);
		print_message("skipped: %s\n", sentence);
		skip();
	}
	scratch_create(&scratch, SCRATCH_DISK);
	disk_round_trip(disk, &slots, &scratch, 0);
	scratch_remove(&scratch);
	disk->ops->close(disk);
}

/* As containers do: io_uring_setup() answers EPERM from here on, in this process. */
static int forbid_io_uring(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(filter) / sizeof(filter[0]), filter };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return -1;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

/* In a child: 0 when files are moved all the same and the log is told. */
static int run_forbidden(const struct scratch *scratch)
{
	char sentence[DPS_FILE_DISK_SENTENCE_BYTES];
	struct dps_disk *disk;

	if (forbid_io_uring() != 0)
		return 1;
	if (dps_file_disk_open(&config, &disk, sentence) != 0)
		return 2;
	if (strcmp(disk->name, "threads") != 0)
		return 3;
	if (strstr(sentence, "io_uring is not available here (Operation not permitted)") == NULL)
		return 4;
	disk_round_trip(disk, &slots, scratch, 0);
	disk->ops->close(disk);
	return 0;
}

static void open__takes_threads_where_io_uring_is_forbidden(void **state)
{
	struct scratch scratch;
	int status;
	pid_t child;

	(void)state;
	scratch_create(&scratch, SCRATCH_DISK);
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
		_exit(run_forbidden(&scratch));
	assert_int_equal(waitpid(child, &status, 0), child);
	scratch_remove(&scratch);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void open__a_bad_configuration_is_no_reason_for_threads(void **state)
{
	struct dps_file_disk_config bad = config;
	char sentence[DPS_FILE_DISK_SENTENCE_BYTES];
	struct dps_disk *disk;

	(void)state;
	bad.depth = 0;
	assert_int_equal(dps_file_disk_open(&bad, &disk, sentence), -EINVAL);
	assert_string_equal(sentence, "");
}

static void open__a_large_table_of_files_is_cut_to_what_may_be_open(void **state)
{
	struct dps_file_disk_config large = config;
	char sentence[DPS_FILE_DISK_SENTENCE_BYTES];
	struct rlimit before;
	struct rlimit low;
	struct dps_disk *disk;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	low = before;
	low.rlim_cur = 100;
	large.files_max = 4096;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	assert_int_equal(dps_file_disk_open(&large, &disk, sentence), 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_null(strstr(sentence, "table"));
	for (unsigned int i = 0; i < 100; i++)
		assert_int_equal(disk->ops->add_file(disk, 0, false), i);
	assert_int_equal(disk->ops->add_file(disk, 0, false), -ENFILE);
	disk->ops->close(disk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(open__takes_io_uring_where_it_may),
		cmocka_unit_test(open__takes_threads_where_io_uring_is_forbidden),
		cmocka_unit_test(open__a_large_table_of_files_is_cut_to_what_may_be_open),
		cmocka_unit_test(open__a_bad_configuration_is_no_reason_for_threads),
	};

	return cmocka_run_group_tests_name("file_disk", tests, NULL, NULL);
}
