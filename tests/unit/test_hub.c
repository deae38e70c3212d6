/* The hub: who is woken by what. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "jobs/hub.h"

static void count(void *ctx)
{
	atomic_fetch_add((atomic_int *)ctx, 1);
}

static void only_subscribers_of_the_job_are_woken(void **state)
{
	struct hub *h = hub_new();
	atomic_int one = 0, two = 0;
	struct subscription *a = hub_subscribe(h, "job_1", count, &one);
	struct subscription *b = hub_subscribe(h, "job_2", count, &two);

	(void)state;
	hub_publish(h, "job_1");
	hub_publish(h, "job_1");
	hub_publish(h, "job_3");
	assert_int_equal(one, 2);
	assert_int_equal(two, 0);
	hub_publish_all(h);
	assert_int_equal(one, 3);
	assert_int_equal(two, 1);
	hub_unsubscribe(h, a);
	hub_unsubscribe(h, b);
	hub_free(h);
}

static void who_left_is_not_woken(void **state)
{
	struct hub *h = hub_new();
	atomic_int n[3] = { 0, 0, 0 };
	struct subscription *s[3];

	(void)state;
	for (int i = 0; i < 3; i++)
		s[i] = hub_subscribe(h, "job_1", count, &n[i]);
	hub_unsubscribe(h, s[1]); /* from the middle */
	assert_int_equal(hub_count(h), 2);
	hub_publish(h, "job_1");
	assert_true(n[0] == 1 && n[1] == 0 && n[2] == 1);
	hub_unsubscribe(h, s[2]);
	hub_unsubscribe(h, s[0]);
	assert_int_equal(hub_count(h), 0);
	hub_publish(h, "job_1");
	assert_true(n[0] == 1 && n[1] == 0 && n[2] == 1);
	hub_free(h);
}

struct crowd {
	struct hub *hub;
	atomic_int wakes;
	atomic_bool stop;
};

static void *publisher(void *arg)
{
	struct crowd *c = arg;

	while (!c->stop)
		hub_publish(c->hub, "job_1");
	return NULL;
}

static void subscribers_come_and_go_while_others_publish(void **state)
{
	struct crowd c = { .hub = hub_new() };
	pthread_t thread;

	(void)state;
	pthread_create(&thread, NULL, publisher, &c);
	for (int i = 0; i < 2000 || !c.wakes; i++) {
		struct subscription *s = hub_subscribe(c.hub, "job_1", count, &c.wakes);
		hub_unsubscribe(c.hub, s);
	}
	c.stop = true;
	pthread_join(thread, NULL);
	assert_int_equal(hub_count(c.hub), 0);
	hub_free(c.hub);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_subscribers_of_the_job_are_woken),
		cmocka_unit_test(who_left_is_not_woken),
		cmocka_unit_test(subscribers_come_and_go_while_others_publish),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
