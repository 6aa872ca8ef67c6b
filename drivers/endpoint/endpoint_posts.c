/* SPDX-License-Identifier: BSD-3-Clause */
/* Endpoint posts: what other threads want the polling one to do. */
#include "drivers/endpoint/endpoint_state.h"
#include <errno.h>
#include <string.h>

/* Who is seen to have posted touches the endpoint no more: what it posted may close it. */
int dps_endpoint_post(struct dps_endpoint *endpoint, void (*run)(void *argument), void *argument)
{
	struct dps_endpoint_posts *posts;
	int result = 0;

	if (endpoint == NULL || run == NULL)
		return -EINVAL;
	posts = &endpoint->posts;
	pthread_mutex_lock(&posts->lock);
	if (posts->is_closed)
		result = -DPS_ERROR_CLOSED;
	else if (posts->count == DPS_ENDPOINT_POSTS_MAX)
		result = -EAGAIN;
	else
		posts->waiting[posts->count++] = (struct dps_endpoint_post){ run, argument };
	if (result == 0)
		dps_loop_wake(&endpoint->loop);
	pthread_mutex_unlock(&posts->lock);
	return result;
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

/* What these post has nobody to run it: they are told so. */
void dps_endpoint_end_posts(struct dps_endpoint *endpoint)
{
	pthread_mutex_lock(&endpoint->posts.lock);
	endpoint->posts.is_closed = true;
	pthread_mutex_unlock(&endpoint->posts.lock);
	dps_endpoint_run_posts(endpoint);
}
