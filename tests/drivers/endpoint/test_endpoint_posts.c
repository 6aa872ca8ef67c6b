/* SPDX-License-Identifier: BSD-3-Clause */
/* What other threads post to an endpoint is run once, in order, and may be what closes it. */
#include "drivers/endpoint/endpoint_state.h"
#include "tests/support/endpoint_pair.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <unistd.h>

static int setup(void **state)
{
	struct endpoint_pair *pair;

	if (pair_setup(state) != 0)
		return -1;
	pair = *state;
	pair_open(&pair->near);
	return 0;
}

enum { POSTS = 5000 };

struct posting {
	struct dps_endpoint *endpoint;
	pthread_t poller;
	unsigned int run;
	struct post {
		struct posting *posting;
		unsigned int number;
	} posts[POSTS];
};

static void run_post(void *argument)
{
	struct post *post = argument;
	struct posting *posting = post->posting;

	assert_true(pthread_equal(pthread_self(), posting->poller));
	assert_int_equal(post->number, posting->run);
	posting->run++;
}

static void *post_all(void *argument)
{
	struct posting *posting = argument;

	for (unsigned int i = 0; i < POSTS; i++) {
		posting->posts[i] = (struct post){ posting, i };
		while (dps_endpoint_post(posting->endpoint, run_post, &posting->posts[i]) != 0)
			sched_yield();
	}
	return NULL;
}

static void post__is_run_by_who_polls_and_in_order(void **state)
{
	static struct posting posting;
	struct endpoint_pair *pair = *state;
	pthread_t thread;

	posting = (struct posting){ .endpoint = pair->near.endpoint, .poller = pthread_self() };
	assert_int_equal(pthread_create(&thread, NULL, post_all, &posting), 0);
	while (posting.run < POSTS)
		assert_true(dps_endpoint_poll(pair->near.endpoint, DPS_NEVER_NS) >= 0);
	pthread_join(thread, NULL);
}

static void post__is_run_at_the_latest_when_it_is_closed(void **state)
{
	static struct posting posting;
	struct endpoint_pair *pair = *state;
	struct post post = { &posting, 0 };

	posting = (struct posting){ .poller = pthread_self() };
	for (unsigned int i = 0; i < DPS_ENDPOINT_POSTS_MAX; i++) {
		posting.posts[i] = (struct post){ &posting, i };
		assert_int_equal(
			dps_endpoint_post(pair->near.endpoint, run_post, &posting.posts[i]), 0);
	}
	assert_int_equal(dps_endpoint_post(pair->near.endpoint, run_post, &post), -EAGAIN);
	pair_close(&pair->near);
	assert_int_equal(posting.run, DPS_ENDPOINT_POSTS_MAX);
}

static void note_run(void *argument)
{
	*(bool *)argument = true;
}

struct posting_at_last {
	struct dps_endpoint *endpoint;
	unsigned int run;
	int result, released, polled;
	bool is_run;
};

static void post_at_last(void *argument)
{
	struct posting_at_last *posting = argument;

	posting->run++;
	posting->released = dps_endpoint_release(posting->endpoint, (struct dps_handle){ 0 });
	posting->polled = dps_endpoint_poll(posting->endpoint, 0);
	posting->result = dps_endpoint_post(posting->endpoint, note_run, &posting->is_run);
}

/* Nobody would run it: what it was given stays with who posts. And a callback is one then, too. */
static void post__while_it_is_closed_is_refused(void **state)
{
	struct endpoint_pair *pair = *state;
	struct posting_at_last posting = { .endpoint = pair->near.endpoint };

	assert_int_equal(dps_endpoint_post(pair->near.endpoint, post_at_last, &posting), 0);
	pair_close(&pair->near);
	assert_int_equal(posting.run, 1);
	assert_int_equal(posting.result, -DPS_ERROR_CLOSED);
	assert_false(posting.is_run);
	assert_int_equal(posting.polled, -EDEADLK);
	assert_true(posting.released == -EDEADLK || posting.released == -DPS_ERROR_CLOSED);
}

struct last_word {
	struct dps_endpoint *endpoint;
	bool is_run;
};

static void *post_last_word(void *argument)
{
	struct last_word *word = argument;

	assert_int_equal(dps_endpoint_post(word->endpoint, note_run, &word->is_run), 0);
	return NULL;
}

static void set_blocking(int fd, bool is_blocking)
{
	assert_int_equal(fcntl(fd, F_SETFL, is_blocking ? 0 : O_NONBLOCK), 0);
}

/*
 * Who posts is held up as it wakes the endpoint. Until it is through with that, nobody sees what it
 * has posted.
 */
static void post__is_seen_when_who_posted_is_through(void **state)
{
	enum { LOOKS = 2000 };
	const uint64_t most = UINT64_MAX - 1;
	struct endpoint_pair *pair = *state;
	struct dps_endpoint *endpoint = pair->near.endpoint;
	struct last_word word = { .endpoint = endpoint };
	int wake_fd = endpoint->loop.wake_fd;
	unsigned int kept_out = 0;
	uint64_t count;
	pthread_t thread;

	assert_int_equal(write(wake_fd, &most, sizeof(most)), sizeof(most));
	set_blocking(wake_fd, true);
	assert_int_equal(pthread_create(&thread, NULL, post_last_word, &word), 0);
	while (kept_out < LOOKS) {
		if (pthread_mutex_trylock(&endpoint->posts.lock) != 0) {
			kept_out++;
		} else {
			unsigned int seen = endpoint->posts.count;

			pthread_mutex_unlock(&endpoint->posts.lock);
			assert_int_equal(seen, 0);
			kept_out = 0;
		}
		sched_yield();
	}
	assert_int_equal(read(wake_fd, &count, sizeof(count)), sizeof(count));
	assert_int_equal(pthread_join(thread, NULL), 0);
	set_blocking(wake_fd, false);
	assert_true(dps_endpoint_poll(endpoint, DPS_NEVER_NS) > 0);
	assert_true(word.is_run);
}

/* As a program does whose thread says that it is done. */
static void post__may_say_that_the_endpoint_can_be_closed(void **state)
{
	enum { ROUNDS = 20 };
	struct endpoint_pair *pair = *state;
	struct dps_endpoint_config config = pair->near.config;

	for (int i = 0; i < ROUNDS; i++) {
		struct last_word word = { .endpoint = pair->near.endpoint };
		pthread_t thread;

		assert_int_equal(pthread_create(&thread, NULL, post_last_word, &word), 0);
		while (!word.is_run)
			assert_true(dps_endpoint_poll(pair->near.endpoint, DPS_NEVER_NS) >= 0);
		pair_close(&pair->near);
		assert_int_equal(pthread_join(thread, NULL), 0);
		pair->near.config = config;
		pair_open(&pair->near);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, pair_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(post__is_run_by_who_polls_and_in_order),
		TEST(post__is_run_at_the_latest_when_it_is_closed),
		TEST(post__while_it_is_closed_is_refused),
		TEST(post__is_seen_when_who_posted_is_through),
		TEST(post__may_say_that_the_endpoint_can_be_closed),
	};

	return cmocka_run_group_tests_name("endpoint_posts", tests, NULL, NULL);
}
