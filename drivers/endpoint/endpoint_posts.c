/* SPDX-License-Identifier: BSD-3-Clause */
/* Endpoint posts: what other threads want the polling one to do. */
#include "drivers/endpoint/endpoint_state.h"
#include <errno.h>
#include <string.h>

int dps_endpoint_post(struct dps_endpoint *endpoint, void (*run)(void *argument), void *argument)
{
	struct dps_endpoint_posts *posts;
	bool is_taken;

	if (endpoint == NULL || run == NULL)
		return -EINVAL;
	posts = &endpoint->posts;
	pthread_mutex_lock(&posts->lock);
	is_taken = posts->count < DPS_ENDPOINT_POSTS_MAX;
	if (is_taken)
		posts->waiting[posts->count++] = (struct dps_endpoint_post){ run, argument };
	pthread_mutex_unlock(&posts->lock);
	dps_loop_wake(&endpoint->loop);
	return is_taken ? 0 : -EAGAIN;
}

/* Those that are posted meanwhile wake the loop once more. */
void dps_endpoint_run_posts(struct dps_endpoint *endpoint)
{
	struct dps_endpoint_posts *posts = &endpoint->posts;
	struct dps_endpoint_post taken[DPS_ENDPOINT_POSTS_MAX];
	unsigned int count;

	pthread_mutex_lock(&posts->lock);
	count = posts->count;
	memcpy(taken, posts->waiting, count * sizeof(*taken));
	posts->count = 0;
	pthread_mutex_unlock(&posts->lock);
	for (unsigned int i = 0; i < count; i++) {
		endpoint->told++;
		taken[i].run(taken[i].argument);
	}
}
