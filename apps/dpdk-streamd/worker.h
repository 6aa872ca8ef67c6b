/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Worker: the store thread. Does what waits for a disk (open, sync, publish, digest a file), in
 * the order it was asked, so that the control core never waits for one.
 */
#pragma once
#include "drivers/control/loop.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

/* A piece of work; embedded in whatever it needs. Its memory is its maker's, before and after. */
struct dps_job {
	void (*run)(struct dps_job *job); /* on the worker; may wait for the disk */
	void (*done)(struct dps_job *job, uint64_t now_ns); /* on the control core, afterwards */
	struct dps_job *next;
};

struct dps_worker {
	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t has_job;
	struct dps_job *first; /* waiting to run */
	struct dps_job *last;
	struct dps_job *first_done; /* waiting for the control core */
	struct dps_job *last_done;
	unsigned int open_count; /* pushed and not yet done; control core only */
	bool is_stopping;
	bool is_started;
	atomic_bool is_hurried; /* jobs that take long look at it and give up */
	struct dps_loop *loop;	/* woken when a job is done */
};

/* Returns 0 or -errno. */
int dps_worker_start(struct dps_worker *worker, struct dps_loop *loop);

/* Waits for the jobs that were pushed, and for the thread. Their done is not called any more. */
void dps_worker_stop(struct dps_worker *worker);

/* Control core only. */
void dps_worker_push(struct dps_worker *worker, struct dps_job *job);

/* Calls done for what was finished. Control core only, when woken. */
void dps_worker_reap(struct dps_worker *worker, uint64_t now_ns);
