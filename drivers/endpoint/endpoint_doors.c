/* SPDX-License-Identifier: BSD-3-Clause */
/* Endpoint doors: calls of other threads that sleep until the polling one has their answer. */
#include "drivers/endpoint/endpoint_state.h"
#include <dps/assert.h>
#include <dps/door.h>
#include <errno.h>
#include <semaphore.h>

/* On the stack of who sleeps: nobody touches it once it was told done. */
struct dps_endpoint_visit {
	struct dps_endpoint_visit *next;
	struct dps_handle peer;
	int (*run)(struct dps_streams *streams, void *argument, uint64_t now_ns);
	void *argument;
	uint64_t deadline_ns;
	int answer;
	sem_t done;
};

/* A variable of the thread has an address that no other one that lives has. */
static _Thread_local char here;

void dps_endpoint_take_poll(struct dps_endpoint *endpoint)
{
	atomic_store_explicit(&endpoint->doors.poller, &here, memory_order_relaxed);
}

bool dps_endpoint_is_poller(const struct dps_endpoint *endpoint)
{
	return atomic_load_explicit(&endpoint->doors.poller, memory_order_relaxed) == &here;
}

/* ---- whoever calls ---- */

/* Who is seen to have arrived touches the endpoint no more: it may be closed at once. */
static void arrive(struct dps_endpoint *endpoint, struct dps_endpoint_visit *visit)
{
	struct dps_endpoint_doors *doors = &endpoint->doors;

	pthread_mutex_lock(&doors->lock);
	visit->next = atomic_load_explicit(&doors->arrived, memory_order_relaxed);
	atomic_store_explicit(&doors->arrived, visit, memory_order_relaxed);
	dps_loop_wake(&endpoint->loop);
	pthread_mutex_unlock(&doors->lock);
}

int dps_door_call(const struct dps_door *door,
		  int (*run)(struct dps_streams *streams, void *argument, uint64_t now_ns),
		  void *argument, uint64_t deadline_ns)
{
	struct dps_endpoint_visit visit = { .run = run,
					    .argument = argument,
					    .deadline_ns = deadline_ns };

	if (door == NULL || door->endpoint == NULL || run == NULL)
		return -EINVAL;
	if (dps_endpoint_is_poller(door->endpoint))
		return -EDEADLK;
	visit.peer = door->peer;
	sem_init(&visit.done, 0, 0);
	arrive(door->endpoint, &visit);
	/* Interrupted, it is not done yet. */
	while (sem_wait(&visit.done) < 0)
		DPS_ASSERT(errno == EINTR);
	sem_destroy(&visit.done);
	return visit.answer;
}

/* ---- who polls ---- */

/* They arrive in front of each other: behind those that wait, the first one first. */
static bool take_arrived(struct dps_endpoint_doors *doors)
{
	struct dps_endpoint_visit *arrived, *first = NULL, **last = &doors->waiting;

	/* Every turn looks: who has arrived since is seen in the next, for which it woke us. */
	if (atomic_load_explicit(&doors->arrived, memory_order_relaxed) == NULL)
		return false;
	pthread_mutex_lock(&doors->lock);
	arrived = atomic_load_explicit(&doors->arrived, memory_order_relaxed);
	atomic_store_explicit(&doors->arrived, NULL, memory_order_relaxed);
	pthread_mutex_unlock(&doors->lock);
	while (arrived != NULL) {
		struct dps_endpoint_visit *next = arrived->next;

		arrived->next = first;
		first = arrived;
		arrived = next;
	}
	while (*last != NULL)
		last = &(*last)->next;
	*last = first;
	return true;
}

static void leave(struct dps_endpoint_visit *visit, int answer)
{
	visit->answer = answer;
	sem_post(&visit->done);
}

unsigned int dps_endpoint_run_doors(struct dps_endpoint *endpoint, uint64_t now_ns)
{
	unsigned int work = take_arrived(&endpoint->doors);
	struct dps_endpoint_visit **place = &endpoint->doors.waiting;

	while (*place != NULL) {
		struct dps_endpoint_visit *visit = *place;
		struct dps_streams *streams = dps_endpoint_streams(endpoint, visit->peer);
		uint64_t changes = streams != NULL ? dps_streams_changes(streams) : 0;
		int answer = visit->run(streams, visit->argument, now_ns);

		/* Something is to be sent, though it is not done. */
		if (streams != NULL && dps_streams_changes(streams) != changes)
			work++;
		if (answer == -DPS_ERROR_FULL && now_ns >= visit->deadline_ns)
			answer = -ETIMEDOUT;
		if (answer == -DPS_ERROR_FULL) {
			place = &visit->next;
			continue;
		}
		*place = visit->next;
		leave(visit, answer);
		work++;
	}
	return work;
}

uint64_t dps_endpoint_doors_deadline_ns(const struct dps_endpoint *endpoint)
{
	const struct dps_endpoint_doors *doors = &endpoint->doors;
	uint64_t at_ns = DPS_NEVER_NS;

	if (atomic_load_explicit(&doors->arrived, memory_order_relaxed) != NULL)
		return 0;
	for (const struct dps_endpoint_visit *visit = doors->waiting; visit; visit = visit->next)
		at_ns = visit->deadline_ns < at_ns ? visit->deadline_ns : at_ns;
	return at_ns;
}

void dps_endpoint_end_doors(struct dps_endpoint *endpoint)
{
	uint64_t now_ns = dps_endpoint_now_ns(endpoint);

	(void)take_arrived(&endpoint->doors);
	while (endpoint->doors.waiting != NULL) {
		struct dps_endpoint_visit *visit = endpoint->doors.waiting;
		int answer = visit->run(NULL, visit->argument, now_ns);

		endpoint->doors.waiting = visit->next;
		leave(visit, answer != -DPS_ERROR_FULL ? answer : -DPS_ERROR_CLOSED);
	}
}
