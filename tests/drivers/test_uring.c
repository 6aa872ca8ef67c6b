/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/file_disk/uring.h"
#include "tests/support/cmocka.h"
#include "tests/support/disk_trip.h"
#include "tests/support/scratch.h"
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	CHUNK_BYTES = 65536,
	SLOTS = 16,
	FILES_MAX = 8,
	SKIPPED = 77,
};

struct fixture {
	struct scratch disk;
	struct scratch tmpfs;
	struct disk_slots slots;
	struct dps_disk *uring;
};

static void open_uring(struct fixture *fixture, enum dps_uring_effort effort,
		       unsigned int files_max)
{
	struct dps_uring_config config = {
		.memory = fixture->slots.memory,
		.memory_bytes = SLOTS * CHUNK_BYTES,
		.depth = SLOTS,
		.files_max = files_max,
		.effort = effort,
	};

	assert_int_equal(dps_uring_open(&config, &fixture->uring), 0);
}

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	scratch_create(&fixture->disk, SCRATCH_DISK);
	scratch_create(&fixture->tmpfs, SCRATCH_TMPFS);
	fixture->slots.memory = mmap(NULL, SLOTS * CHUNK_BYTES, PROT_READ | PROT_WRITE,
				     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(fixture->slots.memory != MAP_FAILED);
	open_uring(fixture, DPS_URING_DEFERRED, FILES_MAX);
	fixture->slots.chunk_bytes = CHUNK_BYTES;
	fixture->slots.count = SLOTS;
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	if (fixture->uring != NULL)
		fixture->uring->ops->close(fixture->uring);
	munmap(fixture->slots.memory, SLOTS * CHUNK_BYTES);
	scratch_remove(&fixture->disk);
	scratch_remove(&fixture->tmpfs);
	free(fixture);
	return 0;
}

static int open_direct(const struct fixture *fixture, const char *name)
{
	int fd = openat(fixture->disk.fd, name, O_RDWR | O_CREAT | O_DIRECT, 0600);

	if (fd < 0 && errno == EINVAL) {
		print_message("skipped: the build folder's file system refuses O_DIRECT\n");
		skip();
	}
	assert_true(fd >= 0);
	return fd;
}

static void round_trip__direct(void **state)
{
	struct fixture *fixture = *state;

	close(open_direct(fixture, "probe"));
	disk_round_trip(fixture->uring, &fixture->slots, &fixture->disk, O_DIRECT);
}

static void round_trip__through_the_page_cache(void **state)
{
	struct fixture *fixture = *state;

	disk_round_trip(fixture->uring, &fixture->slots, &fixture->disk, 0);
}

static void round_trip__on_tmpfs(void **state)
{
	struct fixture *fixture = *state;

	disk_round_trip(fixture->uring, &fixture->slots, &fixture->tmpfs, 0);
}

static void round_trip__with_less_effort_and_without_a_file_table(void **state)
{
	struct fixture *fixture = *state;
	struct rlimit before;
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	limit = before;
	/* The kernel takes no larger table than the descriptors a process may have. */
	limit.rlim_cur = 512;
	for (unsigned int effort = DPS_URING_COOPERATIVE; effort <= DPS_URING_PLAIN; effort++) {
		char text[256];

		fixture->uring->ops->close(fixture->uring);
		open_uring(fixture, effort, FILES_MAX);
		assert_int_equal(dps_uring_modes(fixture->uring)->files_error, 0);
		disk_round_trip(fixture->uring, &fixture->slots, &fixture->disk, 0);
		fixture->uring->ops->close(fixture->uring);

		assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
		open_uring(fixture, effort, DPS_URING_FILES_MAX);
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
		assert_int_equal(dps_uring_modes(fixture->uring)->files_error, -EMFILE);
		assert_true(dps_uring_explain(fixture->uring, text, sizeof(text)));
		disk_round_trip(fixture->uring, &fixture->slots, &fixture->disk, 0);
	}
}

static void open__registers_what_it_can_and_says_the_rest(void **state)
{
	struct fixture *fixture = *state;
	const struct dps_uring_modes *modes = dps_uring_modes(fixture->uring);
	char text[256];

	assert_int_equal(modes->buffers_error, 0);
	assert_int_equal(modes->files_error, 0);
	assert_false(dps_uring_explain(fixture->uring, text, sizeof(text)));
	assert_string_equal(text, "");
	print_message("setup flags %#x\n", modes->setup_flags);
}

static void open__refuses_a_configuration_out_of_range(void **state)
{
	struct fixture *fixture = *state;
	struct dps_uring_config good = { fixture->slots.memory, CHUNK_BYTES, 1, 1,
					 DPS_URING_DEFERRED };
	struct dps_uring_config config;
	struct dps_disk *disk;

	config = good;
	config.memory = fixture->slots.memory + 512;
	assert_int_equal(dps_uring_open(&config, &disk), -EINVAL);
	config = good;
	config.depth = 0;
	assert_int_equal(dps_uring_open(&config, &disk), -EINVAL);
	config = good;
	config.depth = DPS_URING_DEPTH_MAX + 1;
	assert_int_equal(dps_uring_open(&config, &disk), -EINVAL);
	config = good;
	config.files_max = 0;
	assert_int_equal(dps_uring_open(&config, &disk), -EINVAL);
	assert_int_equal(dps_uring_open(&good, &disk), 0);
	disk->ops->close(disk);
}

static void submit__enters_the_kernel_once_a_burst_and_not_for_nothing(void **state)
{
	struct fixture *fixture = *state;
	struct dps_disk *disk = fixture->uring;
	struct dps_disk_request requests[SLOTS + 1] = { 0 };
	struct dps_disk_result results[SLOTS];
	int fd = openat(fixture->disk.fd, "file", O_RDWR | O_CREAT, 0600);
	int file = disk->ops->add_file(disk, fd, false);
	uint64_t syscalls = disk->counters.syscalls;

	for (unsigned int i = 0; i < SLOTS + 1; i++) {
		requests[i].memory = fixture->slots.memory + i % SLOTS * CHUNK_BYTES;
		requests[i].bytes = 4096;
		requests[i].file = (uint32_t)file;
	}
	assert_int_equal(disk->ops->submit(disk, requests, 0), 0);
	assert_int_equal(disk->ops->reap(disk, results, SLOTS), 0);
	assert_int_equal(disk->counters.syscalls, syscalls);
	assert_int_equal(disk->ops->submit(disk, requests, SLOTS + 1), SLOTS);
	assert_int_equal(disk->ops->in_flight(disk), SLOTS);
	assert_int_equal(disk->ops->submit(disk, &requests[SLOTS], 1), 0);
	assert_int_equal(disk->counters.syscalls, syscalls + 1);
	for (unsigned int reaped = 0; reaped < SLOTS;) {
		unsigned int count = disk->ops->reap(disk, results, SLOTS);

		for (unsigned int i = 0; i < count; i++)
			assert_int_equal(results[i].result, 0);
		reaped += count;
	}
	assert_int_equal(disk->ops->in_flight(disk), 0);
	syscalls = disk->counters.syscalls;
	assert_int_equal(disk->ops->submit(disk, NULL, 0), 0);
	assert_int_equal(disk->ops->reap(disk, results, SLOTS), 0);
	assert_int_equal(disk->counters.syscalls, syscalls);
	assert_int_equal(disk->counters.reads, SLOTS);
	assert_int_equal(disk->counters.errors, 0);
	close(fd);
}

static void submit__a_direct_tail_writes_zeros_up_to_the_page(void **state)
{
	struct fixture *fixture = *state;
	int fd = open_direct(fixture, "file");
	int file = fixture->uring->ops->add_file(fixture->uring, fd, true);
	uint8_t *bytes;
	size_t count;

	memset(fixture->slots.memory, 0xee, CHUNK_BYTES);
	assert_int_equal(
		disk_do(fixture->uring, (struct dps_disk_request){ .memory = fixture->slots.memory,
								   .bytes = 5,
								   .file = (uint32_t)file,
								   .is_write = true }),
		5);
	bytes = scratch_read(&fixture->disk, "file", &count);
	assert_int_equal(count, 4096);
	assert_int_equal(bytes[4], 0xee);
	for (unsigned int i = 5; i < 4096; i++)
		assert_int_equal(bytes[i], 0);
	free(bytes);
	close(fd);
}

static void reap__a_read_is_short_only_at_the_end_of_the_file(void **state)
{
	struct fixture *fixture = *state;
	struct dps_disk *disk = fixture->uring;
	uint8_t content[10000];
	struct dps_disk_request request = { .memory = fixture->slots.memory, .bytes = CHUNK_BYTES };

	disk_fill(content, 0, sizeof(content));
	scratch_write(&fixture->disk, "file", content, sizeof(content));
	for (unsigned int is_direct = 0; is_direct < 2; is_direct++) {
		int fd = is_direct ? open_direct(fixture, "file")
				   : openat(fixture->disk.fd, "file", O_RDONLY);

		request.file = (uint32_t)disk->ops->add_file(disk, fd, is_direct);
		request.file_offset = 0;
		request.bytes = CHUNK_BYTES;
		assert_int_equal(disk_do(disk, request), 10000);
		assert_memory_equal(fixture->slots.memory, content, 10000);
		request.file_offset = 8192;
		assert_int_equal(disk_do(disk, request), 1808);
		request.bytes = 1000;
		assert_int_equal(disk_do(disk, request), 1000);
		assert_memory_equal(fixture->slots.memory, content + 8192, 1000);
		request.file_offset = 12288;
		assert_int_equal(disk_do(disk, request), 0);
		disk->ops->remove_file(disk, request.file);
		close(fd);
	}
}

static void reap__brings_the_errors_of_the_world(void **state)
{
	struct fixture *fixture = *state;
	struct dps_disk *disk = fixture->uring;
	struct dps_disk_request request = { .memory = fixture->slots.memory, .bytes = 5000 };
	int full = open("/dev/full", O_WRONLY);
	int broken = open("/proc/self/mem", O_RDONLY);
	int wrong = openat(fixture->disk.fd, "file", O_WRONLY | O_CREAT, 0600);

	request.file = (uint32_t)disk->ops->add_file(disk, full, false);
	request.is_write = true;
	assert_int_equal(disk_do(disk, request), -ENOSPC);
	request.is_write = false;
	request.file = (uint32_t)disk->ops->add_file(disk, broken, false);
	/* The first page is never mapped. */
	assert_int_equal(disk_do(disk, request), -EIO);
	request.file = (uint32_t)disk->ops->add_file(disk, wrong, false);
	assert_int_equal(disk_do(disk, request), -EBADF);
	assert_int_equal(disk->counters.errors, 3);
	close(full);
	close(broken);
	close(wrong);
}

static void reap__brings_a_full_disk_after_part_of_the_file(void **state)
{
	struct fixture *fixture = *state;
	struct dps_disk *disk = fixture->uring;
	struct dps_disk_request request = { .memory = fixture->slots.memory, .is_write = true };
	int64_t result = 0;
	int fd;

	if (mount("none", fixture->tmpfs.path, "tmpfs", 0, "size=256k") != 0) {
		print_message("skipped: mounting a small tmpfs: %s\n", strerror(errno));
		skip();
	}
	fd = open(fixture->tmpfs.path, O_RDWR | O_TMPFILE, 0600);
	if (fd < 0) {
		umount(fixture->tmpfs.path);
		fail_msg("open: %s", strerror(errno));
	}
	request.file = (uint32_t)disk->ops->add_file(disk, fd, false);
	request.bytes = CHUNK_BYTES;
	for (unsigned int i = 0; i < 8 && result >= 0; i++) {
		request.file_offset = i * CHUNK_BYTES;
		result = disk_do(disk, request);
	}
	disk->ops->remove_file(disk, request.file);
	close(fd);
	assert_int_equal(umount(fixture->tmpfs.path), 0);
	assert_int_equal(result, -ENOSPC);
	assert_in_range(disk->counters.write_bytes, CHUNK_BYTES, 4 * CHUNK_BYTES);
}

static void reap__brings_the_file_size_limit(void **state)
{
	struct fixture *fixture = *state;
	struct rlimit before;
	struct rlimit limit;
	int fd = openat(fixture->disk.fd, "file", O_WRONLY | O_CREAT, 0600);
	int64_t result;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	limit = before;
	limit.rlim_cur = 4096;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	result = disk_do(fixture->uring,
			 (struct dps_disk_request){ .memory = fixture->slots.memory,
						    .bytes = CHUNK_BYTES,
						    .file = (uint32_t)fixture->uring->ops->add_file(
							    fixture->uring, fd, false),
						    .is_write = true });
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(result, -EFBIG);
	close(fd);
}

static void add_file__says_when_the_table_is_full(void **state)
{
	struct fixture *fixture = *state;
	struct dps_disk *disk = fixture->uring;
	int fd = openat(fixture->disk.fd, "file", O_RDWR | O_CREAT, 0600);

	for (unsigned int i = 0; i < FILES_MAX; i++)
		assert_in_range(disk->ops->add_file(disk, fd, false), 0, FILES_MAX - 1);
	assert_int_equal(disk->ops->add_file(disk, fd, false), -ENFILE);
	disk->ops->remove_file(disk, 3);
	assert_int_equal(disk->ops->add_file(disk, fd, false), 3);
	disk->ops->remove_file(disk, 3);
	assert_int_equal(disk->ops->add_file(disk, -1, false), -EBADF);
	assert_int_equal(disk->ops->add_file(disk, fd, false), 3);
	close(fd);
}

static void submit_writes(struct fixture *fixture, int fd, bool is_direct)
{
	struct dps_disk *disk = fixture->uring;
	struct dps_disk_request requests[SLOTS] = { 0 };
	int file = disk->ops->add_file(disk, fd, is_direct);

	for (unsigned int i = 0; i < SLOTS; i++) {
		requests[i].memory = fixture->slots.memory + i * CHUNK_BYTES;
		requests[i].file_offset = i * CHUNK_BYTES;
		requests[i].bytes = CHUNK_BYTES;
		requests[i].file = (uint32_t)file;
		requests[i].is_write = true;
		disk_fill(requests[i].memory, i * CHUNK_BYTES, CHUNK_BYTES);
	}
	assert_int_equal(disk->ops->submit(disk, requests, SLOTS), SLOTS);
}

static void assert_written(const struct fixture *fixture)
{
	size_t count;
	uint8_t *bytes = scratch_read(&fixture->disk, "file", &count);

	assert_int_equal(count, SLOTS * CHUNK_BYTES);
	assert_memory_equal(bytes, fixture->slots.memory, count);
	free(bytes);
}

static void remove_file__leaves_what_is_in_flight_its_file(void **state)
{
	struct fixture *fixture = *state;
	struct dps_disk *disk = fixture->uring;
	struct dps_disk_result results[SLOTS];
	int fd = openat(fixture->disk.fd, "file", O_RDWR | O_CREAT, 0600);

	submit_writes(fixture, fd, false);
	disk->ops->remove_file(disk, 0);
	close(fd);
	while (disk->ops->in_flight(disk) > 0) {
		unsigned int count = disk->ops->reap(disk, results, SLOTS);

		for (unsigned int i = 0; i < count; i++)
			assert_int_equal(results[i].result, CHUNK_BYTES);
	}
	assert_written(fixture);
}

static void close__waits_for_what_is_in_flight(void **state)
{
	struct fixture *fixture = *state;
	int fd = open_direct(fixture, "file");

	submit_writes(fixture, fd, true);
	fixture->uring->ops->close(fixture->uring);
	fixture->uring = NULL;
	assert_written(fixture);
	close(fd);
}

static void *submit_and_end(void *context)
{
	struct fixture *fixture = context;
	int fd = openat(fixture->disk.fd, "file", O_RDWR | O_DIRECT, 0600);

	assert_true(fd >= 0);
	submit_writes(fixture, fd, true);
	close(fd);
	return NULL;
}

static void close__works_after_the_lanes_thread_has_ended(void **state)
{
	struct fixture *fixture = *state;
	pthread_t lane;

	for (unsigned int effort = DPS_URING_COOPERATIVE; effort <= DPS_URING_PLAIN; effort++) {
		close(open_direct(fixture, "file"));
		fixture->uring->ops->close(fixture->uring);
		open_uring(fixture, effort, FILES_MAX);
		assert_int_equal(pthread_create(&lane, NULL, submit_and_end, fixture), 0);
		assert_int_equal(pthread_join(lane, NULL), 0);
		assert_int_equal(fixture->uring->ops->in_flight(fixture->uring), SLOTS);
		fixture->uring->ops->close(fixture->uring);
		assert_written(fixture);
		assert_int_equal(unlinkat(fixture->disk.fd, "file", 0), 0);
		open_uring(fixture, DPS_URING_DEFERRED, FILES_MAX);
	}
	/* Deferred, it cannot wait, but ends. */
	close(open_direct(fixture, "file"));
	assert_int_equal(pthread_create(&lane, NULL, submit_and_end, fixture), 0);
	assert_int_equal(pthread_join(lane, NULL), 0);
	fixture->uring->ops->close(fixture->uring);
	fixture->uring = NULL;
}

static void *use_and_close(void *context)
{
	struct fixture *fixture = context;

	disk_round_trip(fixture->uring, &fixture->slots, &fixture->disk, 0);
	fixture->uring->ops->close(fixture->uring);
	fixture->uring = NULL;
	return NULL;
}

static void open__the_lane_may_be_another_thread(void **state)
{
	struct fixture *fixture = *state;
	pthread_t lane;

	assert_int_equal(pthread_create(&lane, NULL, use_and_close, fixture), 0);
	assert_int_equal(pthread_join(lane, NULL), 0);
	assert_null(fixture->uring);
}

/* In a child: 0 when everything works without registered buffers and the log is told. */
static int run_with_low_memlock(struct fixture *fixture, int fd)
{
	/* Enough for the ring itself, which newer kernels count too, not for the slots. */
	struct rlimit low = { 128 << 10, 128 << 10 };
	struct dps_uring_config config = { fixture->slots.memory, SLOTS * CHUNK_BYTES, SLOTS,
					   FILES_MAX, DPS_URING_DEFERRED };
	struct dps_disk_request request = { .memory = fixture->slots.memory, .bytes = 5000 };
	char text[256];

	if (setrlimit(RLIMIT_MEMLOCK, &low) != 0)
		return 1;
	if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
		return 2;
	/* The limit is the user's: other programs may have left no room for a ring either. */
	if (dps_uring_open(&config, &fixture->uring) == -ENOMEM)
		return SKIPPED;
	if (dps_uring_modes(fixture->uring)->buffers_error != -ENOMEM)
		return 3;
	if (!dps_uring_explain(fixture->uring, text, sizeof(text)) ||
	    strstr(text, "memlock") == NULL)
		return 4;
	request.file = (uint32_t)fixture->uring->ops->add_file(fixture->uring, fd, false);
	request.is_write = true;
	disk_fill(fixture->slots.memory, 0, 5000);
	if (disk_do(fixture->uring, request) != 5000)
		return 5;
	memset(fixture->slots.memory, 0, 5000);
	request.is_write = false;
	if (disk_do(fixture->uring, request) != 5000)
		return 6;
	for (unsigned int i = 0; i < 5000; i++)
		if (fixture->slots.memory[i] != disk_byte_at(i))
			return 7;
	fixture->uring->ops->close(fixture->uring);
	return 0;
}

static void open__works_when_memlock_is_too_small_for_the_slots(void **state)
{
	struct fixture *fixture = *state;
	int fd = openat(fixture->disk.fd, "file", O_RDWR | O_CREAT, 0600);
	int status;
	pid_t child;

	fixture->uring->ops->close(fixture->uring);
	fixture->uring = NULL;
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
		_exit(run_with_low_memlock(fixture, fd));
	assert_int_equal(waitpid(child, &status, 0), child);
	close(fd);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == SKIPPED) {
		print_message("skipped: this user's memlock has no room for a ring\n");
		skip();
	}
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* A little more than 1 GiB of addresses over 1 MiB of memory. */
static uint8_t *map_repeated(size_t bytes)
{
	const size_t part = (size_t)1 << 20;
	int fd = memfd_create("slots", MFD_CLOEXEC);
	uint8_t *memory = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_true(fd >= 0 && memory != MAP_FAILED && ftruncate(fd, (off_t)part) == 0);
	for (size_t start = 0; start < bytes; start += part)
		assert_true(mmap(memory + start, part, PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_FIXED, fd, 0) != MAP_FAILED);
	close(fd);
	return memory;
}

static void submit__memory_past_one_gib_and_across_it(void **state)
{
	struct fixture *fixture = *state;
	const size_t gib = (size_t)1 << 30;
	const size_t bytes = gib + ((size_t)1 << 20);
	struct dps_uring_config config = { map_repeated(bytes), bytes, 4, 1, DPS_URING_DEFERRED };
	struct dps_disk_request request = { .bytes = CHUNK_BYTES };
	int fd = openat(fixture->disk.fd, "file", O_RDWR | O_CREAT, 0600);
	struct dps_disk *disk;

	assert_int_equal(dps_uring_open(&config, &disk), 0);
	if (dps_uring_modes(disk)->buffers_error == -ENOMEM) {
		disk->ops->close(disk);
		munmap(config.memory, bytes);
		close(fd);
		print_message("skipped: memlock is limited to less than 1 GiB\n");
		skip();
	}
	assert_int_equal(dps_uring_modes(disk)->buffers_error, 0);
	request.file = (uint32_t)disk->ops->add_file(disk, fd, false);
	for (unsigned int i = 0; i < 2; i++) {
		request.memory = (uint8_t *)config.memory + gib - i * (CHUNK_BYTES / 2);
		disk_fill(request.memory, i, CHUNK_BYTES);
		request.is_write = true;
		assert_int_equal(disk_do(disk, request), CHUNK_BYTES);
		memset(request.memory, 0, CHUNK_BYTES);
		request.is_write = false;
		assert_int_equal(disk_do(disk, request), CHUNK_BYTES);
		disk_fill(fixture->slots.memory, i, CHUNK_BYTES);
		assert_memory_equal(request.memory, fixture->slots.memory, CHUNK_BYTES);
	}
	disk->ops->close(disk);
	munmap(config.memory, bytes);
	close(fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(open__registers_what_it_can_and_says_the_rest),
		TEST(open__refuses_a_configuration_out_of_range),
		TEST(open__the_lane_may_be_another_thread),
		TEST(open__works_when_memlock_is_too_small_for_the_slots),
		TEST(round_trip__direct),
		TEST(round_trip__through_the_page_cache),
		TEST(round_trip__on_tmpfs),
		TEST(round_trip__with_less_effort_and_without_a_file_table),
		TEST(submit__enters_the_kernel_once_a_burst_and_not_for_nothing),
		TEST(submit__a_direct_tail_writes_zeros_up_to_the_page),
		TEST(submit__memory_past_one_gib_and_across_it),
		TEST(reap__a_read_is_short_only_at_the_end_of_the_file),
		TEST(reap__brings_the_errors_of_the_world),
		TEST(reap__brings_a_full_disk_after_part_of_the_file),
		TEST(reap__brings_the_file_size_limit),
		TEST(add_file__says_when_the_table_is_full),
		TEST(remove_file__leaves_what_is_in_flight_its_file),
		TEST(close__waits_for_what_is_in_flight),
		TEST(close__works_after_the_lanes_thread_has_ended),
	};

	return cmocka_run_group_tests_name("uring", tests, NULL, NULL);
}
