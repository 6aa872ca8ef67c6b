/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/privilege/each_thread.h"
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
	THREADS_MAX = 1024,
	LOOK_MS = 10,
	PATIENCE_MS = 500,
	WAIT_MS = 10000,
};

/* Nobody's: the last one is valgrind's own. */
#define SIGNAL (SIGRTMAX - 1)

/* writer: who called, before the first signal; readers: the handlers, ordered by the signal */
static struct {
	int (*run)(void *context);
	void *context;
	sem_t answer;
	/* Writers: the handlers. A thread's number comes after its error. */
	_Atomic int error; /* the first */
	_Atomic unsigned int answered_count;
	_Atomic pid_t answered[THREADS_MAX];
} call;

struct told {
	pid_t ids[THREADS_MAX];
	bool is_asked[THREADS_MAX]; /* has got the signal */
	unsigned int count;
};

struct thread {
	char name[DPS_EACH_THREAD_NAME_BYTES];
	bool is_kernels;
	bool takes_signals;
};

static void run_here(void)
{
	int none = 0, result = call.run(call.context);

	if (result < 0)
		atomic_compare_exchange_strong_explicit(&call.error, &none, result,
							memory_order_relaxed, memory_order_relaxed);
}

static void on_signal(int signal)
{
	int saved = errno;
	unsigned int index;

	(void)signal;
	run_here();
	index = atomic_fetch_add_explicit(&call.answered_count, 1, memory_order_relaxed);
	if (index < THREADS_MAX) /* pairs with the acquire in has_answered() */
		atomic_store_explicit(&call.answered[index], gettid(), memory_order_release);
	sem_post(&call.answer);
	errno = saved;
}

/* False: it has ended. */
static bool look_at(pid_t id, struct thread *thread)
{
	char path[64], line[128];
	uint64_t blocked = 0;
	FILE *file;

	*thread = (struct thread){ 0 };
	snprintf(path, sizeof(path), "/proc/self/task/%d/status", (int)id);
	file = fopen(path, "re");
	if (!file)
		return false;
	while (fgets(line, sizeof(line), file)) {
		sscanf(line, "Name: %15[^\n]", thread->name);
		sscanf(line, "SigBlk: %" SCNx64, &blocked);
	}
	fclose(file);
	thread->takes_signals = !(blocked >> (SIGNAL - 1) & 1);
	/* Workers of io_uring: they run nothing of a program, and have what their maker had. */
	thread->is_kernels = strncmp(thread->name, "iou-", 4) == 0 && !thread->takes_signals;
	return true;
}

static bool was_told(const struct told *told, pid_t id)
{
	unsigned int i = 0;

	while (i < told->count && told->ids[i] != id)
		i++;
	return i < told->count;
}

/* Returns 1 when it was asked, 0 when there is nobody to ask, or -errno. */
static int tell(struct told *told, struct dps_each_thread *each, pid_t id)
{
	struct thread thread;
	bool is_asked;

	if (told->count == THREADS_MAX)
		return -E2BIG;
	if (!look_at(id, &thread))
		return 0;
	if (!thread.takes_signals && !thread.is_kernels) {
		if (each->left_count < DPS_EACH_THREAD_LEFT_MAX)
			memcpy(each->left[each->left_count], thread.name, sizeof(thread.name));
		each->left_count++;
		return 0;
	}
	is_asked = thread.takes_signals && syscall(SYS_tgkill, getpid(), id, SIGNAL) == 0;
	told->is_asked[told->count] = is_asked;
	told->ids[told->count++] = id;
	return is_asked;
}

/* Returns how many were asked, or -errno. */
static int tell_new(struct told *told, struct dps_each_thread *each)
{
	DIR *folder = opendir("/proc/self/task");
	struct dirent *entry;
	int asked = 0, result = 0;

	if (!folder)
		return -errno;
	each->left_count = 0;
	while (result >= 0 && (entry = readdir(folder))) {
		pid_t id = (pid_t)atoi(entry->d_name);

		if (id <= 0 || id == gettid() || was_told(told, id))
			continue;
		result = tell(told, each, id);
		asked += result > 0;
	}
	closedir(folder);
	return result < 0 ? result : asked;
}

static bool has_answered(pid_t id)
{
	unsigned int count = atomic_load_explicit(&call.answered_count, memory_order_relaxed);
	unsigned int i = 0;

	while (i < count && atomic_load_explicit(&call.answered[i], memory_order_acquire) != id)
		i++;
	return i < count;
}

/* One that ends before its signal reaches it never answers. */
static bool is_any_owing(const struct told *told)
{
	struct thread thread;
	unsigned int i = 0;

	while (i < told->count && (!told->is_asked[i] || has_answered(told->ids[i]) ||
				   !look_at(told->ids[i], &thread)))
		i++;
	return i < told->count;
}

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* For an answer, or a moment. */
static void wait_a_moment(void)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += LOOK_MS * 1000000;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	while (sem_clockwait(&call.answer, CLOCK_MONOTONIC, &until) != 0 && errno == EINTR)
		;
}

static int wait_for(const struct told *told, uint64_t until_ms)
{
	while (is_any_owing(told)) {
		if (now_ms() >= until_ms)
			return -ETIMEDOUT;
		wait_a_moment();
	}
	return 0;
}

static int run_on_others(struct dps_each_thread *each)
{
	struct told told = { .count = 0 };
	uint64_t begun_ms = now_ms();
	int result;

	for (;;) {
		result = tell_new(&told, each);
		if (result < 0)
			return result;
		/* One that begins a thread takes no signals for a moment. */
		if (result == 0 && (each->left_count == 0 || now_ms() >= begun_ms + PATIENCE_MS))
			return 0;
		if (result == 0)
			wait_a_moment();
		result = wait_for(&told, begun_ms + WAIT_MS);
		if (result < 0)
			return result;
	}
}

int dps_each_thread_run(struct dps_each_thread *each)
{
	struct sigaction ours = { .sa_handler = on_signal, .sa_flags = SA_RESTART }, before;
	int result;

	memset(each->left, 0, sizeof(each->left));
	call.run = each->run;
	call.context = each->context;
	atomic_store_explicit(&call.error, 0, memory_order_relaxed);
	atomic_store_explicit(&call.answered_count, 0, memory_order_relaxed);
	for (unsigned int i = 0; i < THREADS_MAX; i++)
		atomic_store_explicit(&call.answered[i], 0, memory_order_relaxed);
	sigfillset(&ours.sa_mask);
	if (sem_init(&call.answer, 0, 0) != 0 || sigaction(SIGNAL, &ours, &before) != 0)
		return -errno;
	/* Here first: who is begun from here on has what this thread has. */
	run_here();
	result = run_on_others(each);
	/* One that comes too late would otherwise end the process, or use what is gone. */
	if (result != -ETIMEDOUT) {
		sigaction(SIGNAL, &before, NULL);
		sem_destroy(&call.answer);
	}
	return result < 0 ? result : atomic_load_explicit(&call.error, memory_order_relaxed);
}
