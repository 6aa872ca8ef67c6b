/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/privilege/dump.h"
#include "tests/support/cmocka.h"
#include "tests/support/must.h"
#include "tests/support/scratch.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static void die(bool is_forbidden)
{
	const struct rlimit much = { RLIM_INFINITY, RLIM_INFINITY };

	setrlimit(RLIMIT_CORE, &much);
	if (is_forbidden)
		MUST(dps_dump_forbid() == 0);
	abort();
}

/* What abort() comes to in folder, where a core would be written. */
static bool has_core(const char *folder, bool is_forbidden)
{
	pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (child == 0) {
		MUST(chdir(folder) == 0);
		die(is_forbidden);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	return WCOREDUMP(status);
}

static void forbid__leaves_no_core(void **state)
{
	struct scratch scratch;
	bool is_usual;

	(void)state;
	scratch_create(&scratch, SCRATCH_DISK);
	is_usual = has_core(scratch.path, false);
	assert_false(has_core(scratch.path, true));
	scratch_remove(&scratch);
	if (!is_usual) /* where nobody leaves one, this says nothing */
		skip();
}

/* Whether another process of the same ordinary user can read the memory of one that waits. */
static bool is_seen(pid_t waiting)
{
	pid_t child = fork();
	char path[64];
	int fd, status;

	assert_true(child >= 0);
	if (child == 0) {
		MUST(setresgid(NOBODY, NOBODY, NOBODY) == 0 || getuid() != 0);
		MUST(setresuid(NOBODY, NOBODY, NOBODY) == 0 || getuid() != 0);
		snprintf(path, sizeof(path), "/proc/%d/mem", (int)waiting);
		fd = open(path, O_RDONLY);
		MUST(fd >= 0 || errno == EACCES);
		_exit(fd >= 0 ? 2 : 3);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) >= 2);
	return WEXITSTATUS(status) == 2;
}

static pid_t start_waiting(bool is_forbidden)
{
	pid_t child;
	char byte;
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		if (getuid() == 0)
			MUST(setresgid(NOBODY, NOBODY, NOBODY) == 0 &&
			     setresuid(NOBODY, NOBODY, NOBODY) == 0);
		/* A change of user has forbidden it already. */
		MUST(prctl(PR_SET_DUMPABLE, 1) == 0);
		MUST(!is_forbidden || dps_dump_forbid() == 0);
		MUST(write(ends[1], "", 1) == 1);
		pause();
	}
	assert_int_equal(read(ends[0], &byte, 1), 1);
	close(ends[0]);
	close(ends[1]);
	return child;
}

static void forbid__hides_memory_from_the_same_user(void **state)
{
	pid_t usual = start_waiting(false), forbidden = start_waiting(true);
	bool is_usual_seen = is_seen(usual), is_forbidden_seen = is_seen(forbidden);

	(void)state;
	kill(usual, SIGKILL);
	kill(forbidden, SIGKILL);
	assert_int_equal(waitpid(usual, NULL, 0), usual);
	assert_int_equal(waitpid(forbidden, NULL, 0), forbidden);
	assert_false(is_forbidden_seen);
	if (!is_usual_seen) /* where a kernel shows it to nobody, this says nothing */
		skip();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forbid__leaves_no_core),
		cmocka_unit_test(forbid__hides_memory_from_the_same_user),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
