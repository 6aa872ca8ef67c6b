/* SPDX-License-Identifier: BSD-3-Clause */
/* Each story is a process of its own, for there is no way back; most need root. */
#include "drivers/privilege/rights.h"
#include "tests/support/cmocka.h"
#include "tests/support/must.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { RIGHT = 0, SKIPPED = 77 };

static void in_child(void (*story)(void))
{
	pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (child == 0) {
		story();
		_exit(RIGHT);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == SKIPPED)
		skip();
	assert_int_equal(WEXITSTATUS(status), RIGHT);
}

static void need_root(void)
{
	if (dps_rights_held() == 0 || geteuid() != 0)
		_exit(SKIPPED);
}

static sem_t is_there;

static void *sleep_for_ever(void *context)
{
	sem_post(&is_there);
	for (;;)
		pause(); /* a signal ends it */
	return context;
}

static void start_threads(unsigned int count)
{
	pthread_t thread;

	MUST(sem_init(&is_there, 0, 0) == 0);
	for (unsigned int i = 0; i < count; i++)
		MUST(pthread_create(&thread, NULL, sleep_for_ever, NULL) == 0);
	for (unsigned int i = 0; i < count; i++)
		sem_wait(&is_there);
}

/* The line of a thread's status, as a number of base; none is an error. */
static unsigned long long status_of(const char *thread, const char *field, int base)
{
	char path[320], line[256];
	size_t length = strlen(field);
	unsigned long long value = 0;
	bool is_found = false;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%s/status", thread);
	file = fopen(path, "r");
	MUST(file);
	while (!is_found && fgets(line, sizeof(line), file)) {
		is_found = strncmp(line, field, length) == 0 && line[length] == ':';
		if (is_found)
			value = strtoull(line + length + 1, NULL, base);
	}
	fclose(file);
	MUST(is_found);
	return value;
}

/* Returns how many threads there are. */
static unsigned int expect_of_each(const char *field, unsigned long long wanted, int base)
{
	DIR *folder = opendir("/proc/self/task");
	struct dirent *entry;
	unsigned int count = 0;

	MUST(folder);
	while ((entry = readdir(folder))) {
		if (entry->d_name[0] == '.')
			continue;
		MUST(status_of(entry->d_name, field, base) == wanted);
		count++;
	}
	closedir(folder);
	return count;
}

static void drop(dps_rights kept, const struct dps_rights_user *user)
{
	char sentence[DPS_RIGHTS_SENTENCE_BYTES];

	MUST(dps_rights_drop(kept, user, sentence) == 0);
	MUST(sentence[0] == '\0');
}

static void keep_two(void)
{
	const dps_rights kept = DPS_RIGHT(CAP_NET_RAW) | DPS_RIGHT(CAP_DAC_OVERRIDE);

	need_root();
	start_threads(3);
	drop(kept, NULL);
	MUST(expect_of_each("CapPrm", kept, 16) == 4);
	expect_of_each("CapEff", kept, 16);
	expect_of_each("CapBnd", kept, 16);
	expect_of_each("CapInh", 0, 16);
	expect_of_each("CapAmb", 0, 16);
	expect_of_each("NoNewPrivs", 1, 10);
	MUST(dps_rights_held() == kept);
}

static void drop__leaves_what_is_kept_on_every_thread(void **state)
{
	(void)state;
	in_child(keep_two);
}

static void use_what_is_kept(void)
{
	int fd;

	need_root();
	drop(DPS_RIGHT(CAP_NET_RAW), NULL);
	fd = socket(AF_PACKET, SOCK_RAW, 0);
	MUST(fd >= 0);
	close(fd);
	MUST(sethostname("never", 5) < 0 && errno == EPERM);
	drop(0, NULL);
	MUST(socket(AF_PACKET, SOCK_RAW, 0) < 0 && errno == EPERM);
	/* What was given up does not come back. */
	drop(DPS_RIGHT(CAP_NET_RAW), NULL);
	MUST(dps_rights_held() == 0);
}

static void drop__is_for_good(void **state)
{
	(void)state;
	in_child(use_what_is_kept);
}

static void execute(void)
{
	need_root();
	drop(0, NULL);
	execl("/bin/sh", "sh", "-c", "grep -q '^CapEff:[[:space:]]*0*$' /proc/self/status", NULL);
	_exit(1);
}

static void drop__gives_nothing_to_what_root_executes(void **state)
{
	(void)state;
	in_child(execute);
}

static void become_nobody(void)
{
	const gid_t groups[] = { NOBODY, 12345 };
	const struct dps_rights_user nobody = {
		.user = NOBODY, .group = NOBODY, .groups = groups, .groups_count = 2
	};
	gid_t now[8];

	need_root();
	start_threads(2);
	drop(DPS_RIGHT(CAP_NET_RAW), &nobody);
	MUST(expect_of_each("Uid", NOBODY, 10) == 3);
	expect_of_each("Gid", NOBODY, 10);
	expect_of_each("CapEff", DPS_RIGHT(CAP_NET_RAW), 16);
	expect_of_each("CapBnd", DPS_RIGHT(CAP_NET_RAW), 16);
	MUST(getgroups(8, now) == 2);
	MUST(setuid(0) < 0 && errno == EPERM);
	MUST(prctl(PR_GET_DUMPABLE) == 0);
	/* What is root's alone is out of reach. */
	MUST(open("/etc/shadow", O_RDONLY) < 0 && errno == EACCES);
}

static void drop__becomes_another_user_with_what_is_kept(void **state)
{
	(void)state;
	in_child(become_nobody);
}

static void become_without_right(void)
{
	const struct dps_rights_user other = { .user = 12345, .group = 12345 };
	const struct dps_rights_user nobody = { .user = NOBODY, .group = NOBODY };
	char sentence[DPS_RIGHTS_SENTENCE_BYTES];

	if (geteuid() == 0)
		drop(0, &nobody);
	MUST(dps_rights_drop(0, &other, sentence) == -EPERM);
	MUST(strstr(sentence, "Operation not permitted"));
}

static void drop__tells_that_another_user_is_out_of_reach(void **state)
{
	(void)state;
	in_child(become_without_right);
}

static void be_ordinary(void)
{
	const struct dps_rights_user nobody = { .user = NOBODY, .group = NOBODY };

	if (geteuid() == 0)
		drop(0, &nobody);
	start_threads(1);
	drop(DPS_RIGHT(CAP_NET_RAW), NULL);
	MUST(expect_of_each("NoNewPrivs", 1, 10) == 2);
	expect_of_each("CapPrm", 0, 16);
}

static void drop__is_no_trouble_to_an_ordinary_user(void **state)
{
	(void)state;
	in_child(be_ordinary);
}

static void format__names_them(void **state)
{
	char text[DPS_RIGHTS_TEXT_BYTES];

	(void)state;
	dps_rights_format(DPS_RIGHT(CAP_NET_RAW) | DPS_RIGHT(CAP_CHOWN), text);
	assert_string_equal(text, "chown, net_raw");
	dps_rights_format(0, text);
	assert_string_equal(text, "none");
	dps_rights_format(UINT64_MAX, text);
	assert_non_null(strstr(text, "sys_admin"));
	assert_true(dps_rights_are_known(CAP_NET_RAW));
	assert_false(dps_rights_are_known(63));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(drop__leaves_what_is_kept_on_every_thread),
		cmocka_unit_test(drop__is_for_good),
		cmocka_unit_test(drop__gives_nothing_to_what_root_executes),
		cmocka_unit_test(drop__becomes_another_user_with_what_is_kept),
		cmocka_unit_test(drop__tells_that_another_user_is_out_of_reach),
		cmocka_unit_test(drop__is_no_trouble_to_an_ordinary_user),
		cmocka_unit_test(format__names_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
