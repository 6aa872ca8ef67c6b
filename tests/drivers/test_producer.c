/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/live/producer.h"
#include "tests/support/cmocka.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WAIT_MS = 10000 };

/* All it writes until its end of file. */
static size_t read_all(int fd, char *text, size_t room)
{
	size_t bytes = 0;
	ssize_t got;

	while (bytes < room - 1 && (got = read(fd, text + bytes, room - 1 - bytes)) > 0)
		bytes += (size_t)got;
	text[bytes] = '\0';
	return bytes;
}

static void wait_until_reaped(struct dps_producer *producer)
{
	struct pollfd ended = { .fd = producer->ended_fd, .events = POLLIN };

	assert_int_equal(poll(&ended, 1, WAIT_MS), 1);
	assert_true(dps_producer_reap(producer));
}

static void start(struct dps_producer *producer, const char *command, int *fd)
{
	assert_int_equal(dps_producer_start(producer, command, fd), 0);
}

static void start__gives_what_it_writes(void **state)
{
	struct dps_producer producer;
	char text[64];
	int fd;

	(void)state;
	start(&producer, "printf one; printf ' two' | cat; cat", &fd);
	read_all(fd, text, sizeof(text));
	assert_string_equal(text, "one two");
	wait_until_reaped(&producer);
	assert_true(dps_producer_has_succeeded(&producer));
	dps_producer_stop(&producer);
	close(fd);
}

static void exit__is_told_apart(void **state)
{
	static const struct {
		const char *command, *words;
	} cases[] = {
		{ "exit 3", "`exit 3` exited with status 3" },
		{ "kill -9 $$", "`kill -9 $$` was ended by signal 9" },
		{ "/nonexistent/tcpdump -w -", "exited with status 127" },
	};
	char text[DPS_PRODUCER_TEXT_BYTES];
	struct dps_producer producer;
	int fd;

	(void)state;
	for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		start(&producer, cases[i].command, &fd);
		wait_until_reaped(&producer);
		assert_false(dps_producer_has_succeeded(&producer));
		dps_producer_explain(&producer, text);
		assert_non_null(strstr(text, cases[i].words));
		dps_producer_stop(&producer);
		close(fd);
	}
}

static void explain__cuts_a_long_command(void **state)
{
	char command[4096], text[DPS_PRODUCER_TEXT_BYTES];
	struct dps_producer producer;
	int fd;

	(void)state;
	memset(command, ' ', sizeof(command));
	memcpy(command, "exit 7;", 7);
	command[sizeof(command) - 1] = '\0';
	start(&producer, command, &fd);
	wait_until_reaped(&producer);
	dps_producer_explain(&producer, text);
	assert_non_null(strstr(text, "exited with status 7"));
	dps_producer_stop(&producer);
	close(fd);
}

/* We ignore SIGPIPE and block others; a program that writes into a pipe expects neither. */
static void start__gives_signals_their_defaults(void **state)
{
	struct dps_producer producer;
	char text[256];
	sigset_t set, old;
	char *blocked;
	int fd;

	(void)state;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	assert_int_equal(sigprocmask(SIG_BLOCK, &set, &old), 0);
	signal(SIGPIPE, SIG_IGN);
	start(&producer, "exec grep -E '^Sig(Blk|Ign)' /proc/self/status", &fd);
	read_all(fd, text, sizeof(text));
	blocked = strstr(text, "SigBlk:");
	assert_non_null(blocked);
	assert_int_equal(strtoull(blocked + 7, NULL, 16), 0);
	assert_non_null(strstr(text, "SigIgn:"));
	assert_int_equal(strtoull(strstr(text, "SigIgn:") + 7, NULL, 16) & 1u << (SIGPIPE - 1), 0);
	wait_until_reaped(&producer);
	dps_producer_stop(&producer);
	close(fd);
	signal(SIGPIPE, SIG_DFL);
	assert_int_equal(sigprocmask(SIG_SETMASK, &old, NULL), 0);
}

/* All that it started, too: they hold the pipe. */
static void stop__ends_its_process_group(void **state)
{
	struct dps_producer producer;
	char text[64];
	int fd;

	(void)state;
	start(&producer, "sleep 1000 & sleep 1000; echo late", &fd);
	assert_false(dps_producer_reap(&producer));
	dps_producer_stop(&producer);
	assert_null(producer.command);
	assert_int_equal(read_all(fd, text, sizeof(text)), 0);
	dps_producer_stop(&producer);
	close(fd);
}

static void stop__ends_who_does_not_listen(void **state)
{
	struct dps_producer producer;
	char text[64];
	int fd;

	(void)state;
	start(&producer, "trap '' TERM; echo ready; while :; do read line || :; done", &fd);
	assert_int_equal(read(fd, text, sizeof(text)), 6);
	dps_producer_stop(&producer);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(start__gives_what_it_writes),
		cmocka_unit_test(exit__is_told_apart),
		cmocka_unit_test(explain__cuts_a_long_command),
		cmocka_unit_test(start__gives_signals_their_defaults),
		cmocka_unit_test(stop__ends_its_process_group),
		cmocka_unit_test(stop__ends_who_does_not_listen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
