/* The thread that works ahead: models by name, with a Hub that is out of reach. */
#include "worker_fixture.h"

#include "hub/fetch.h"
#include "jobs/ahead.h"

static struct ahead *ahead;
static struct fetch *hub;

/* No network: what is not in the cache cannot be had. */
static int setup_ahead(void **state)
{
	char dir[128];

	setup(state);
	snprintf(dir, sizeof(dir), "%s/hub", f.data);
	struct fetch_config c = { .dir = dir,
				  .endpoint = "https://hub.example",
				  .offline = true,
				  .max_file_bytes = 1 << 20,
				  .max_cache_bytes = 1 << 20 };
	assert_int_equal(fetch_open(&c, &hub, &f.ei), OK);
	f.p.fetch = hub;
	struct ahead_config a = { f.db, f.hub, &f.p, f.downloads };
	assert_int_equal(ahead_start(&a, &ahead, &f.ei), OK);
	return 0;
}

static int teardown_ahead(void **state)
{
	ahead_stop(ahead);
	fetch_close(hub);
	f.p.fetch = NULL;
	return teardown(state);
}

static bool has_status(const char *name, const char *status)
{
	json_t *o = ahead_model_json(ahead, name);
	const char *is = json_string_value(json_object_get(o, "status"));
	bool same = is && strcmp(is, status) == 0;

	json_decref(o);
	return same;
}

static void wait_until_failed(const char *name)
{
	for (int i = 0; i < PATIENCE * 200 && !has_status(name, "failed"); i++)
		usleep(5000);
	assert_true(has_status(name, "failed"));
}

static void a_model_nobody_asked_for_has_no_status(void **state)
{
	(void)state;
	assert_null(ahead_model_json(ahead, "org/model"));
}

static void a_model_that_cannot_be_had_says_why(void **state)
{
	(void)state;
	assert_int_equal(ahead_fetch(ahead, "org/model", &f.ei), OK);
	wait_until_failed("org/model");
	json_t *o = ahead_model_json(ahead, "org/model");
	const json_t *error = json_object_get(o, "error");
	assert_string_equal(json_string_value(json_object_get(error, "code")), "model_invalid");
	assert_non_null(strstr(json_string_value(json_object_get(error, "message")), "offline"));
	assert_true(json_is_null(json_object_get(o, "download")));
	json_decref(o);
}

static void asking_again_tries_again(void **state)
{
	(void)state;
	assert_int_equal(ahead_fetch(ahead, "org/model", &f.ei), OK);
	wait_until_failed("org/model");
	assert_int_equal(ahead_fetch(ahead, "org/model", &f.ei), OK);
	wait_until_failed("org/model");
}

static void failed_ones_make_room_for_new_ones(void **state)
{
	char name[32];
	(void)state;

	for (int i = 0; i < 2 * AHEAD_MAX_MODELS; i++) {
		snprintf(name, sizeof(name), "org/model-%d", i);
		assert_int_equal(ahead_fetch(ahead, name, &f.ei), OK);
		wait_until_failed(name);
	}
	assert_null(ahead_model_json(ahead, "org/model-0"));
}

static void a_stop_comes_back_with_models_waiting(void **state)
{
	char name[32];
	(void)state;

	for (int i = 0; i < AHEAD_MAX_MODELS; i++) {
		snprintf(name, sizeof(name), "org/model-%d", i);
		assert_int_equal(ahead_fetch(ahead, name, &f.ei), OK);
	}
	ahead_end(ahead);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup_ahead, teardown_ahead)
		T(a_model_nobody_asked_for_has_no_status),
		T(a_model_that_cannot_be_had_says_why),
		T(asking_again_tries_again),
		T(failed_ones_make_room_for_new_ones),
		T(a_stop_comes_back_with_models_waiting),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
