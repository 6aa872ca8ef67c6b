/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/dpdk-streamd/worker.h"
#include <stddef.h>

static void append(struct dps_job **first, struct dps_job **last, struct dps_job *job)
{
	job->next = NULL;
	if (*last)
		(*last)->next = job;
	else
		*first = job;
	*last = job;
}

static struct dps_job *take(struct dps_job **first, struct dps_job **last)
{
	struct dps_job *job = *first;

	*first = job->next;
	if (!*first)
		*last = NULL;
	return job;
}

static void *work(void *context)
{
	struct dps_worker *worker = context;

	pthread_mutex_lock(&worker->mutex);
	for (;;) {
		struct dps_job *job;

		while (!worker->first && !worker->is_stopping)
			pthread_cond_wait(&worker->has_job, &worker->mutex);
		if (!worker->first)
			break;
		job = take(&worker->first, &worker->last);
		pthread_mutex_unlock(&worker->mutex);
		job->run(job);
		pthread_mutex_lock(&worker->mutex);
		append(&worker->first_done, &worker->last_done, job);
		if (worker->first_done == job)
			dps_loop_wake(worker->loop);
	}
	pthread_mutex_unlock(&worker->mutex);
	return NULL;
}

int dps_worker_start(struct dps_worker *worker, struct dps_loop *loop)
{
	int result;

	*worker = (struct dps_worker){ .loop = loop };
	pthread_mutex_init(&worker->mutex, NULL);
	pthread_cond_init(&worker->has_job, NULL);
	result = pthread_create(&worker->thread, NULL, work, worker);
	worker->is_started = result == 0;
	return -result;
}

void dps_worker_stop(struct dps_worker *worker)
{
	if (!worker->is_started)
		return;
	atomic_store_explicit(&worker->is_hurried, true, memory_order_relaxed);
	pthread_mutex_lock(&worker->mutex);
	worker->is_stopping = true;
	pthread_cond_signal(&worker->has_job);
	pthread_mutex_unlock(&worker->mutex);
	pthread_join(worker->thread, NULL);
	pthread_cond_destroy(&worker->has_job);
	pthread_mutex_destroy(&worker->mutex);
	worker->is_started = false;
}

void dps_worker_push(struct dps_worker *worker, struct dps_job *job)
{
	worker->open_count++;
	pthread_mutex_lock(&worker->mutex);
	append(&worker->first, &worker->last, job);
	pthread_cond_signal(&worker->has_job);
	pthread_mutex_unlock(&worker->mutex);
}

void dps_worker_reap(struct dps_worker *worker, uint64_t now_ns)
{
	struct dps_job *job;

	pthread_mutex_lock(&worker->mutex);
	job = worker->first_done;
	worker->first_done = worker->last_done = NULL;
	pthread_mutex_unlock(&worker->mutex);
	while (job) {
		struct dps_job *next = job->next; /* done may free the job */

		worker->open_count--;
		job->done(job, now_ns);
		job = next;
	}
}
