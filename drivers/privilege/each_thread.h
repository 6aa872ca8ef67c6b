/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Each thread: runs a function once on every thread of the process, also on those that a library
 * has made. The kernel keeps what a process may do for each thread by itself, and a library's
 * threads have no other place where something of ours could be called: they get a signal.
 */
#pragma once

enum {
	DPS_EACH_THREAD_NAME_BYTES = 16,
	DPS_EACH_THREAD_LEFT_MAX = 8,
};

struct dps_each_thread {
	/* In a signal's handler: what is not async-signal-safe may not be called. 0 or -errno. */
	int (*run)(void *context);
	void *context;
	/* Filled: threads that take no signals for half a second. The kernel's own (io_uring's) are
	 * never among them.
	 */
	unsigned int left_count;
	char left[DPS_EACH_THREAD_LEFT_MAX][DPS_EACH_THREAD_NAME_BYTES];
};

/*
 * Threads that begin meanwhile are counted in. What they sleep in goes on, or ends with EINTR where
 * the kernel has it so (poll, epoll_wait). One thread at a time; takes SIGRTMAX - 1 for the time.
 * Returns 0 when it ran on all but the ones left, else the first -errno of a run, or: -ETIMEDOUT a
 * thread does not come to it in 10 seconds; -E2BIG more than 1024 threads; -errno of /proc.
 */
int dps_each_thread_run(struct dps_each_thread *each);
