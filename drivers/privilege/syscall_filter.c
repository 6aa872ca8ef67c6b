/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/privilege/syscall_filter.h"
#include "drivers/privilege/syscall_lists.h"
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
	NUMBERS = 512, /* the kernel's highest is below 500 */
	NAME_BYTES = 32,
	THREAD_BYTES = 16,
};

/* writer: dps_syscall_filter_init(), before any filter is loaded; reader: the handler */
static char names[NUMBERS][NAME_BYTES];

static void append(char **at, const char *text)
{
	while (*text)
		*(*at)++ = *text++;
}

static void append_number(char **at, unsigned int number)
{
	char digits[12];
	char *digit = digits + sizeof(digits) - 1;

	*digit = '\0';
	do
		*--digit = (char)('0' + number % 10);
	while ((number /= 10) > 0);
	append(at, digit);
}

/* The call was not made. By hand, for printf() is not for a handler. */
static void on_forbidden(int signal, siginfo_t *info, void *context)
{
	unsigned int number = (unsigned int)info->si_syscall;
	char line[512], *at = line;
	ssize_t written;

	(void)context;
	append(&at, "dpdk-streamd: ended, for a thread was about to make the system call ");
	append(&at, number < NUMBERS && names[number][0] ? names[number] : "number");
	append(&at, " (");
	append_number(&at, number);
	append(&at, "), which this program never makes: somebody may have broken in, or a library "
		    "is newer than the program knows; please report this line. The same command "
		    "goes on with what was not finished\n");
	written = write(STDERR_FILENO, line, (size_t)(at - line));
	(void)written;
	/* SA_RESETHAND: this time nobody handles it. */
	syscall(SYS_tgkill, getpid(), gettid(), signal);
}

static void *wait_for_end(void *context)
{
	for (;;)
		pause();
	return context;
}

/*
 * EAL cancels threads when it ends. For the first time the C library then sets a handler and loads
 * a library, which the filter would not let it: so it does that now.
 */
static int prepare_cancel(void)
{
	pthread_t thread;
	int err = -pthread_create(&thread, NULL, wait_for_end, NULL);

	if (err == 0) {
		pthread_cancel(thread);
		pthread_join(thread, NULL);
	}
	return err;
}

int dps_syscall_filter_init(void)
{
	struct sigaction action = {
		.sa_sigaction = on_forbidden,
		.sa_flags = SA_SIGINFO | SA_RESETHAND | SA_NODEFER,
	};

	for (int number = 0; number < NUMBERS; number++) {
		char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, number);

		snprintf(names[number], NAME_BYTES, "%s", name ? name : "");
		free(name);
	}
	if (sigaction(SIGSYS, &action, NULL) != 0)
		return -errno;
	return prepare_cancel();
}

/* Names that libseccomp is too old for, and calls that this processor does not have, are left out.
 */
static int allow_names(scmp_filter_ctx filter, const char *names_of)
{
	char name[NAME_BYTES];
	int err = 0, number, length;

	for (; err == 0 && sscanf(names_of, " %31s%n", name, &length) == 1; names_of += length) {
		number = seccomp_syscall_resolve_name(name);
		if (number >= 0)
			err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, number, 0);
	}
	return err;
}

static int allow(scmp_filter_ctx filter, const struct dps_syscall_list *list)
{
	int err = allow_names(filter, list->names);

	for (unsigned int i = 0; i < list->rules_count && err == 0; i++)
		if (list->rules[i].number >= 0)
			err = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, list->rules[i].number,
						     list->rules[i].count,
						     list->rules[i].arguments);
	return err;
}

/* A library that tries a call which is newer than our list falls back, as on an older kernel. */
static int deny_newer(scmp_filter_ctx filter)
{
	int err = 0;

	for (int number = NUMBERS - 1; number >= 0 && !names[number][0] && err == 0; number--)
		err = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), number, 0);
	return err;
}

static int allow_own_end(scmp_filter_ctx filter)
{
	const struct scmp_arg_cmp to_us = {
		.arg = 0,
		.op = SCMP_CMP_EQ,
		.datum_a = (scmp_datum_t)getpid(),
	};

	return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1, &to_us);
}

int dps_syscall_filter_load(unsigned int syscalls)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_TRAP);
	int err;

	if (!filter)
		return -ENOMEM;
	err = allow(filter, &dps_syscalls_store);
	if (err == 0 && syscalls & DPS_SYSCALLS_CONTROL)
		err = allow(filter, &dps_syscalls_control);
	if (err == 0 && syscalls & DPS_SYSCALLS_CHILD)
		err = allow(filter, &dps_syscalls_child);
	if (err == 0 && syscalls & DPS_SYSCALLS_DEVICE)
		err = allow(filter, &dps_syscalls_device);
	if (err == 0)
		err = allow_own_end(filter);
	if (err == 0)
		err = deny_newer(filter);
	if (err == 0)
		err = seccomp_load(filter);
	seccomp_release(filter);
	return err;
}
