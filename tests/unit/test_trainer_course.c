/* The course of whole runs (what is logged, evaluated and saved at which step) beside that of
 * transformers.Trainer, from tests/golden/train.json. A learning rate of 0 makes metrics constant,
 * so that "never better" means the same on both sides; the numbers of the fake model are its own
 * and are not compared. */
#include "trainer_fixture.h"

#include <math.h>

static json_t *golden;

static void fail_course(const json_t *course, const struct fixture *f)
{
	char *args = json_dumps(json_object_get(course, "args"), JSON_COMPACT);

	print_message("%s gave %s\n", args, f->trace.data);
	free(args);
	fail();
}

/* Whether one of our records says what the Trainer's event says. */
static bool same(const json_t *pair, const json_t *event)
{
	const json_t *record = json_array_get(pair, 1);
	const json_t *rate = json_object_get(event, "learning_rate");

	return json_equal(json_array_get(pair, 0), json_object_get(event, "type")) &&
	       json_equal(json_object_get(record, "step"), json_object_get(event, "step")) &&
	       json_equal(json_object_get(record, "epoch"), json_object_get(event, "epoch")) &&
	       (!rate || fabs(json_number_value(json_object_get(record, "learning_rate")) -
			      json_number_value(rate)) < 1e-18);
}

static void compare_events(const struct fixture *f, const json_t *course)
{
	const json_t *events = json_object_get(course, "events");
	size_t n = json_array_size(events);

	if (json_array_size(f->records) != n)
		fail_course(course, f);
	for (size_t i = 0; i < n; i++)
		if (!same(json_array_get(f->records, i), json_array_get(events, i)))
			fail_course(course, f);
}

static void compare_kept(const struct fixture *f, const json_t *course)
{
	const json_t *kept = json_object_get(course, "kept");

	for (int64_t step = 1; step <= f->result.global_step; step++) {
		char *path = mem_printf("%s/checkpoint-%lld", f->job, (long long)step);
		bool expected = false;
		size_t i;
		json_t *k;

		json_array_foreach(kept, i, k)
			expected |= json_integer_value(k) == step;
		if (files_exist(path) != expected)
			fail_course(course, f);
		free(path);
	}
}

static void run_course(const json_t *course)
{
	struct fixture f;
	const json_t *best = json_object_get(course, "best_step");

	fixture_init(&f);
	f.splits[SPLIT_TEST].n = 0;
	assert_true(train_args_read(json_object_get(course, "args"), "#", true, &f.args,
				    &(struct faults){ 0 }));
	assert_int_equal(trainer_total_steps(&f.args, f.splits[SPLIT_TRAIN].n),
			 json_integer_value(json_object_get(course, "max_steps")));
	assert_int_equal(fixture_run(&f), OK);
	compare_events(&f, course);
	compare_kept(&f, course);
	if (json_is_integer(best))
		assert_int_equal(f.result.best_step, json_integer_value(best));
	fixture_clear(&f);
}

static void each_course_is_that_of_the_trainer(void **state)
{
	json_t *courses = json_object_get(golden, "courses");
	json_t *course;
	size_t i;

	(void)state;
	assert_true(json_array_size(courses) >= 10);
	json_array_foreach(courses, i, course)
		run_course(course);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_course_is_that_of_the_trainer),
	};

	golden = json_load_file("tests/golden/train.json", 0, NULL);
	int failed = golden ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
	json_decref(golden);
	return failed;
}
