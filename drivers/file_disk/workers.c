/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/file_disk/workers.h"
#include "drivers/file_disk/progress.h"
#include <dps/assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#define NO_INDEX UINT32_MAX

struct named_file {
	int fd; /* our own */
	uint32_t in_flight;
	uint32_t next_free;
	bool is_direct;
	bool is_named;
};

/* Belongs to the lane, to one worker between taking it and putting it on the done list. */
struct operation {
	struct dps_progress progress;
	int64_t result;
	int fd;
	uint32_t calls;
	uint32_t next; /* in whichever list it is */
};

/* Operations by their index, first in, first out. */
struct list {
	uint32_t first;
	uint32_t last;
};

struct workers {
	struct dps_disk disk;
	struct dps_workers_config config;
	struct operation *operations;
	struct named_file *files;
	uint32_t free_operation;
	uint32_t free_file;
	uint32_t in_flight;

	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t is_asked;
	struct list asked;
	struct list done;
	atomic_uint done_count; /* writers: under the lock; the lane looks at it without */
	bool is_stopping;
	unsigned int threads_count;
	pthread_t threads[DPS_WORKERS_THREADS_MAX];
};

static struct workers *workers_of(const struct dps_disk *disk)
{
	return (struct workers *)disk;
}

static void put(struct workers *workers, struct list *list, uint32_t index)
{
	workers->operations[index].next = NO_INDEX;
	if (list->first == NO_INDEX)
		list->first = index;
	else
		workers->operations[list->last].next = index;
	list->last = index;
}

static uint32_t take(struct workers *workers, struct list *list)
{
	uint32_t index = list->first;

	if (index != NO_INDEX)
		list->first = workers->operations[index].next;
	return index;
}

/* Does all legs of a request. Waits for the disk. */
static void perform(struct operation *operation)
{
	struct dps_progress *progress = &operation->progress;
	const struct dps_disk_request *request = &progress->request;
	ssize_t answer;

	do {
		uint8_t *memory = (uint8_t *)request->memory + progress->leg_bytes;
		size_t bytes = progress->asked_bytes - progress->leg_bytes;
		off_t offset = (off_t)(request->file_offset + progress->leg_bytes);

		operation->calls++;
		answer = request->is_write ? pwrite(operation->fd, memory, bytes, offset)
					   : pread(operation->fd, memory, bytes, offset);
		if (answer < 0)
			answer = -errno;
	} while (!dps_progress_on_answer(progress, (int32_t)answer, &operation->result));
}

static void *work(void *context)
{
	struct workers *workers = context;

	pthread_mutex_lock(&workers->lock);
	for (;;) {
		uint32_t index = take(workers, &workers->asked);

		if (index == NO_INDEX) {
			if (workers->is_stopping)
				break;
			pthread_cond_wait(&workers->is_asked, &workers->lock);
			continue;
		}
		pthread_mutex_unlock(&workers->lock);
		perform(&workers->operations[index]);
		pthread_mutex_lock(&workers->lock);
		put(workers, &workers->done, index);
		/* relaxed: only a hint; what it hints at is read under the lock */
		atomic_fetch_add_explicit(&workers->done_count, 1, memory_order_relaxed);
	}
	pthread_mutex_unlock(&workers->lock);
	return NULL;
}

/* Everything but the list of the asked is the lane's alone. */
static uint32_t prepare(struct workers *workers, const struct dps_disk_request *request)
{
	uint32_t index = workers->free_operation;
	struct operation *operation = &workers->operations[index];
	struct named_file *file;

	DPS_ASSERT(request->file < workers->config.files_max);
	file = &workers->files[request->file];
	DPS_ASSERT(file->is_named);
	workers->free_operation = operation->next;
	workers->in_flight++;
	file->in_flight++;
	dps_progress_start(&operation->progress, request, file->is_direct);
	operation->fd = file->fd;
	operation->calls = 0;
	return index;
}

static unsigned int workers_submit(struct dps_disk *disk, const struct dps_disk_request *requests,
				   unsigned int count)
{
	struct workers *workers = workers_of(disk);
	unsigned int taken = 0;

	if (count == 0 || workers->free_operation == NO_INDEX)
		return 0;
	pthread_mutex_lock(&workers->lock);
	for (; taken < count && workers->free_operation != NO_INDEX; taken++)
		put(workers, &workers->asked, prepare(workers, &requests[taken]));
	pthread_cond_broadcast(&workers->is_asked);
	pthread_mutex_unlock(&workers->lock);
	return taken;
}

static void forget_file(struct workers *workers, uint32_t index)
{
	struct named_file *file = &workers->files[index];

	close(file->fd);
	file->next_free = workers->free_file;
	workers->free_file = index;
}

static void end_operation(struct workers *workers, uint32_t index)
{
	struct operation *operation = &workers->operations[index];
	const struct dps_disk_request *request = &operation->progress.request;
	struct named_file *file = &workers->files[request->file];
	struct dps_disk_counters *counters = &workers->disk.counters;
	uint64_t bytes = operation->result < 0 ? 0 : (uint64_t)operation->result;

	counters->syscalls += operation->calls;
	counters->errors += operation->result < 0;
	counters->writes += request->is_write;
	counters->reads += !request->is_write;
	if (request->is_write)
		counters->write_bytes += bytes;
	else
		counters->read_bytes += bytes;
	operation->next = workers->free_operation;
	workers->free_operation = index;
	workers->in_flight--;
	if (--file->in_flight == 0 && !file->is_named)
		forget_file(workers, request->file);
}

static unsigned int workers_reap(struct dps_disk *disk, struct dps_disk_result *results,
				 unsigned int room)
{
	struct workers *workers = workers_of(disk);
	unsigned int count = 0;

	if (atomic_load_explicit(&workers->done_count, memory_order_relaxed) == 0)
		return 0;
	pthread_mutex_lock(&workers->lock);
	while (count < room) {
		uint32_t index = take(workers, &workers->done);

		if (index == NO_INDEX)
			break;
		results[count].tag = workers->operations[index].progress.request.tag;
		results[count].result = workers->operations[index].result;
		count++;
		end_operation(workers, index);
	}
	atomic_fetch_sub_explicit(&workers->done_count, count, memory_order_relaxed);
	pthread_mutex_unlock(&workers->lock);
	return count;
}

static int workers_add_file(struct dps_disk *disk, int fd, bool is_direct)
{
	struct workers *workers = workers_of(disk);
	uint32_t index = workers->free_file;
	int own_fd;

	if (index == NO_INDEX)
		return -ENFILE;
	/* The caller may close its descriptor after remove_file, while a worker still uses it. */
	own_fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (own_fd < 0)
		return -errno;
	workers->free_file = workers->files[index].next_free;
	workers->files[index] =
		(struct named_file){ .fd = own_fd, .is_direct = is_direct, .is_named = true };
	return (int)index;
}

static void workers_remove_file(struct dps_disk *disk, uint32_t index)
{
	struct workers *workers = workers_of(disk);

	DPS_ASSERT(index < workers->config.files_max && workers->files[index].is_named);
	workers->files[index].is_named = false;
	if (workers->files[index].in_flight == 0)
		forget_file(workers, index);
}

static unsigned int workers_in_flight(const struct dps_disk *disk)
{
	return workers_of(disk)->in_flight;
}

static void destroy(struct workers *workers)
{
	pthread_cond_destroy(&workers->is_asked);
	pthread_mutex_destroy(&workers->lock);
	free(workers->files);
	free(workers->operations);
	free(workers);
}

/* Workers leave when nothing is asked any more, so all that was submitted is done by then. */
static void stop_threads(struct workers *workers)
{
	pthread_mutex_lock(&workers->lock);
	workers->is_stopping = true;
	pthread_cond_broadcast(&workers->is_asked);
	pthread_mutex_unlock(&workers->lock);
	for (unsigned int i = 0; i < workers->threads_count; i++)
		pthread_join(workers->threads[i], NULL);
}

static void workers_close(struct dps_disk *disk)
{
	struct workers *workers = workers_of(disk);

	stop_threads(workers);
	for (uint32_t i = 0; i < workers->config.files_max; i++)
		if (workers->files[i].is_named || workers->files[i].in_flight > 0)
			close(workers->files[i].fd);
	destroy(workers);
}

static const struct dps_disk_ops workers_ops = {
	.submit = workers_submit,
	.reap = workers_reap,
	.add_file = workers_add_file,
	.remove_file = workers_remove_file,
	.in_flight = workers_in_flight,
	.close = workers_close,
};

static bool is_valid(const struct dps_workers_config *config)
{
	return config->depth > 0 && config->depth <= DPS_WORKERS_DEPTH_MAX &&
	       config->files_max > 0 && config->files_max <= DPS_WORKERS_FILES_MAX &&
	       config->threads > 0 && config->threads <= DPS_WORKERS_THREADS_MAX;
}

static void link_free_lists(struct workers *workers)
{
	uint32_t depth = workers->config.depth;
	uint32_t files_max = workers->config.files_max;

	for (uint32_t i = 0; i < depth; i++)
		workers->operations[i].next = i + 1 < depth ? i + 1 : NO_INDEX;
	for (uint32_t i = 0; i < files_max; i++)
		workers->files[i].next_free = i + 1 < files_max ? i + 1 : NO_INDEX;
}

static int start_threads(struct workers *workers)
{
	sigset_t all;
	sigset_t before;
	int err = 0;

	/* Signals are the program's own business, not a worker's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	while (err == 0 && workers->threads_count < workers->config.threads) {
		err = pthread_create(&workers->threads[workers->threads_count], NULL, work,
				     workers);
		workers->threads_count += err == 0;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -err;
}

int dps_workers_open(const struct dps_workers_config *config, struct dps_disk **disk)
{
	struct workers *workers;
	int err = -ENOMEM;

	if (!is_valid(config))
		return -EINVAL;
	workers = calloc(1, sizeof(*workers));
	if (workers == NULL)
		return -ENOMEM;
	workers->disk = (struct dps_disk){ .ops = &workers_ops, .name = "threads" };
	workers->config = *config;
	workers->asked = workers->done = (struct list){ NO_INDEX, NO_INDEX };
	workers->operations = calloc(config->depth, sizeof(*workers->operations));
	workers->files = calloc(config->files_max, sizeof(*workers->files));
	pthread_mutex_init(&workers->lock, NULL);
	pthread_cond_init(&workers->is_asked, NULL);
	if (workers->operations == NULL || workers->files == NULL)
		goto err_destroy;
	link_free_lists(workers);
	err = start_threads(workers);
	if (err < 0)
		goto err_stop;
	*disk = &workers->disk;
	return 0;

err_stop:
	stop_threads(workers);
err_destroy:
	destroy(workers);
	return err;
}
