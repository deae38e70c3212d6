/* The body of POST /jobs, and its preparation with a small model and small files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/files.h"
#include "base/mem.h"
#include "jobs/spec.h"
#include "model_folder.h"

static json_t *parse(const char *text)
{
	json_t *v = json_loads(text, 0, NULL);

	assert_non_null(v);
	return v;
}

/* All faults as "pointer: detail" lines. */
static const char *list_of(struct faults *faults)
{
	static char out[4096];
	size_t i;
	json_t *fault;

	out[0] = '\0';
	json_array_foreach(faults->list, i, fault)
		snprintf(out + strlen(out), sizeof(out) - strlen(out), "%s: %s\n",
			 json_string_value(json_object_get(fault, "pointer")),
			 json_string_value(json_object_get(fault, "detail")));
	faults_clear(faults);
	return out;
}

static const char *faults_of(const char *text)
{
	struct faults faults = { 0 };
	struct job_spec spec;
	json_t *body = parse(text);
	bool ok = job_spec_read(body, &spec, &faults);

	assert_int_equal(ok, !faults_any(&faults));
	job_spec_clear(&spec);
	json_decref(body);
	return list_of(&faults);
}

static void a_minimal_job_gets_the_defaults(void **state)
{
	struct faults faults = { 0 };
	struct job_spec s;
	json_t *body = parse("{\"model\": \"tiny\", \"dataset\": {\"train\": \"a.csv\"}}");

	(void)state;
	assert_true(job_spec_read(body, &s, &faults));
	assert_string_equal(s.model, "tiny");
	assert_int_equal(s.max_length, 64);
	assert_string_equal(s.dataset.splits[SPLIT_TRAIN].file, "a.csv");
	assert_int_equal(s.args.eval_strategy, STRATEGY_NO); /* there is no validation split */
	assert_null(s.name);
	job_spec_clear(&s);
	json_decref(body);
}

static void what_is_written_reads_back_the_same(void **state)
{
	struct faults faults = { 0 };
	struct job_spec s, again;
	json_t *body = parse(
		"{\"model\": \"tiny\", \"max_length\": 32, \"name\": \"imdb-1\","
		"\"metadata\": {\"team\": \"x\"}, \"args\": {\"learning_rate\": 1e-4, \"seed\": 7},"
		"\"dataset\": {\"train\": {\"file\": \"a.csv\", \"sample\": 5},"
		" \"validation\": \"b.csv\", \"labels\": [\"no\", \"yes\"]}}");

	(void)state;
	assert_true(job_spec_read(body, &s, &faults));
	json_t *first = job_spec_write(&s);
	assert_true(job_spec_read(first, &again, &faults));
	assert_int_equal(again.dataset.seed, 7); /* of the validation_split, too */
	json_t *second = job_spec_write(&again);
	assert_true(json_equal(first, second));
	assert_string_equal(json_string_value(json_object_get(second, "name")), "imdb-1");
	assert_int_equal(json_object_size(json_object_get(second, "metadata")), 1);
	job_spec_clear(&s);
	job_spec_clear(&again);
	json_decref(first);
	json_decref(second);
	json_decref(body);
}

#define WITH(more) "{\"model\": \"tiny\", \"dataset\": {\"train\": \"a.csv\"}, " more "}"

static void faults_have_pointers_and_all_are_told(void **state)
{
	static const struct {
		const char *body, *want;
	} cases[] = {
		{ "{}", "#/model: is required\n#/dataset: is required\n" },
		{ "{\"model\": \"\", \"dataset\": []}",
		  "#/model: its length must be at least 1 and at most 160\n"
		  "#/dataset: must be an object\n" },
		{ WITH("\"max_length\": 1"),
		  "#/max_length: must be at least 2 and at most 32768\n" },
		{ WITH("\"max_lenght\": 64"),
		  "#/max_lenght: unknown field; did you mean \"max_length\"?\n" },
		{ WITH("\"name\": \"a b\""),
		  "#/name: may hold letters, digits, \".\", \"_\" and \"-\" only\n" },
		{ WITH("\"name\": \"job_x\""),
		  "#/name: must not start like an id (job_, mdl_, ds_)\n" },
		{ WITH("\"name\": null, \"metadata\": null, \"args\": null"), "" },
		{ WITH("\"metadata\": {\"a\": 1, \"\": \"x\"}"),
		  "#/metadata/a: must be a string\n"
		  "#/metadata/: its name must be 1 to 64 bytes long\n" },
		{ WITH("\"args\": {\"learning_rate\": 2, \"sead\": 1}"),
		  "#/args/learning_rate: must be at least 0 and at most 1\n"
		  "#/args/sead: unknown field; did you mean \"seed\"?\n" },
		{ WITH("\"args\": {\"eval_strategy\": \"epoch\"}"),
		  "#/args/eval_strategy: needs a validation split in the data set, or \"no\"\n" },
		{ "{\"model\": \"tiny\", \"max_length\": 2, \"dataset\": {\"train\": \"a\", "
		  "\"text_pair_column\": \"b\"}}",
		  "#/max_length: must be at least 3 for pairs of texts\n" },
		{ "{\"model\": \"tiny\", \"dataset\": {\"train\": \"a\", \"validation\": null}}",
		  "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_string_equal(faults_of(cases[i].body), cases[i].want);
}

static void seventeen_strings_of_metadata_are_too_many(void **state)
{
	char body[1024] = "{\"model\": \"t\", \"dataset\": {\"train\": \"a\"}, \"metadata\": {";

	(void)state;
	for (int i = 0; i < 17; i++)
		sprintf(body + strlen(body), "%s\"k%d\": \"\"", i ? ", " : "", i);
	assert_string_equal(faults_of(strcat(body, "}}")),
			    "#/metadata: must have at most 16 members\n");
}

struct fixture {
	char dir[64];
	char *data, *root, *models;
	struct places p;
	struct db *db;
	int lock;
	struct errinfo ei;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	strcpy(f->dir, "/tmp/bertd-test-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	f->data = mem_printf("%s/data", f->dir);
	f->root = mem_printf("%s/root", f->dir);
	f->models = mem_printf("%s/base", f->dir);
	f->p = (struct places){ f->data, f->root, f->models, NULL };
	assert_int_equal(files_make_dirs(f->root, &f->ei), OK);
	free(model_folder_new(f->models, "tiny"));
	assert_int_equal(places_open(&f->p, &f->lock, &f->ei), OK);
	assert_int_equal(db_open(":memory:", &f->db, &f->ei), OK);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	db_close(f->db);
	close(f->lock);
	assert_int_equal(files_remove(f->dir, &f->ei), OK);
	free(f->data);
	free(f->root);
	free(f->models);
	free(f);
	return 0;
}

/* Prepares the job of that body. */
static enum err prepare(struct fixture *f, const char *text, struct prepared *out,
			struct faults *faults)
{
	struct job_spec s;
	json_t *body = parse(text);

	assert_true(job_spec_read(body, &s, faults));
	struct fetch_how how = { 0 };
	struct prepare_env env = { &f->p, f->db, &how, "cpu" };
	enum err e = job_prepare(&s, &env, out, faults, &f->ei);
	job_spec_clear(&s);
	json_decref(body);
	return e;
}

#define ROWS "text,label\na b c,good\nd e,bad\nf,good\n"

static void a_good_job_is_encoded_and_reported(void **state)
{
	struct fixture *f = *state;
	struct faults faults = { 0 };
	struct prepared p;

	model_folder_file(f->root, "a.csv", ROWS);
	assert_int_equal(prepare(f,
				 "{\"model\": \"tiny\", \"max_length\": 4, \"dataset\": "
				 "{\"train\": \"a.csv\", \"test\": \"a.csv\"}}",
				 &p, &faults),
			 OK);
	assert_false(faults_any(&faults));
	assert_string_equal(p.base.id, "tiny");
	assert_int_equal(p.tokens.n_labels, 2);
	assert_int_equal(p.tokens.splits[SPLIT_TRAIN].n, 3);
	assert_int_equal(p.tokens.splits[SPLIT_VALIDATION].n, 0);
	assert_memory_equal(p.tokens.splits[SPLIT_TEST].lengths, ((int32_t[]){ 4, 4, 3 }),
			    3 * sizeof(int32_t));
	json_t *rows = json_object_get(p.report, "rows");
	assert_int_equal(json_integer_value(json_object_get(rows, "train")), 3);
	const json_t *estimate = json_object_get(p.report, "estimate");
	assert_true(json_number_value(json_object_get(estimate, "seconds")) > 0);
	prepared_clear(&p);
}

static void what_the_user_can_mend_is_a_fault(void **state)
{
	static const struct {
		const char *body, *pointer;
	} cases[] = {
		{ "{\"model\": \"nobody\", \"dataset\": {\"train\": \"a.csv\"}}",
		  "#/model: there is no" },
		{ "{\"model\": \"tiny\", \"max_length\": 33, \"dataset\": {\"train\": \"a.csv\"}}",
		  "#/max_length: must be at most 32, the positions of the model\n" },
		{ "{\"model\": \"tiny\", \"max_length\": 8, \"dataset\": {\"train\": "
		  "\"none.csv\"}}",
		  "#/dataset/train" },
		{ "{\"model\": \"tiny\", \"max_length\": 8, \"dataset\": {\"train\": \"../x\"}}",
		  "#/dataset/train" },
		{ "{\"model\": \"tiny\", \"max_length\": 8, \"dataset\": {\"train\": \"a.csv\", "
		  "\"text_column\": \"body\"}}",
		  "#/dataset" },
		{ "{\"model\": \"onlyconfig\", \"max_length\": 8, \"dataset\": {\"train\": "
		  "\"a.csv\"}}",
		  "#/model: " },
		{ "{\"model\": \"broken\", \"max_length\": 8, \"dataset\": {\"train\": \"a.csv\"}}",
		  "#/model: " },
	};
	struct fixture *f = *state;
	char *broken = mem_printf("%s/broken", f->models),
	     *only = mem_printf("%s/onlyconfig", f->models);

	model_folder_file(f->root, "a.csv", ROWS);
	assert_int_equal(files_make_dirs(broken, &f->ei), OK);
	model_folder_file(broken, "config.json", "{\"model_type\": \"bert\"");
	assert_int_equal(files_make_dirs(only, &f->ei), OK);
	model_folder_config(only, "");
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct faults faults = { 0 };
		struct prepared p = { 0 };
		assert_int_equal(prepare(f, cases[i].body, &p, &faults), ERR_INVALID);
		const char *list = list_of(&faults);
		if (strncmp(list, cases[i].pointer, strlen(cases[i].pointer)) != 0)
			fail_msg("%s gives %s", cases[i].body, list);
		assert_null(strstr(list, f->dir));
		assert_null(p.tokenizer);
	}
	free(broken);
	free(only);
}

static void faults_of_model_and_data_come_together(void **state)
{
	struct fixture *f = *state;
	struct faults faults = { 0 };
	struct prepared p;

	assert_int_equal(prepare(f,
				 "{\"model\": \"nobody\", \"dataset\": {\"train\": \"none.csv\"}}",
				 &p, &faults),
			 ERR_INVALID);
	const char *list = list_of(&faults);
	assert_non_null(strstr(list, "#/model: "));
	assert_non_null(strstr(list, "#/dataset/train"));
	assert_int_equal(strncmp(f->ei.msg, "#/model: ", 9), 0);
}

static void pairs_need_a_model_with_two_token_types(void **state)
{
	struct fixture *f = *state;
	struct faults faults = { 0 };
	struct prepared p;
	char *dir = mem_printf("%s/tiny", f->models);

	model_folder_config(dir, "\"type_vocab_size\": 1");
	free(dir);
	model_folder_file(f->root, "a.csv", "text,more,label\na,b,x\nc,d,y\n");
	assert_int_equal(prepare(f,
				 "{\"model\": \"tiny\", \"max_length\": 8, \"dataset\": "
				 "{\"train\": \"a.csv\", \"text_pair_column\": \"more\"}}",
				 &p, &faults),
			 ERR_INVALID);
	assert_string_equal(list_of(&faults), "#/dataset/text_pair_column: the model has no token "
					      "types for pairs of texts\n");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_minimal_job_gets_the_defaults),
		cmocka_unit_test(what_is_written_reads_back_the_same),
		cmocka_unit_test(faults_have_pointers_and_all_are_told),
		cmocka_unit_test(seventeen_strings_of_metadata_are_too_many),
		TEST(a_good_job_is_encoded_and_reported),
		TEST(what_the_user_can_mend_is_a_fault),
		TEST(faults_of_model_and_data_come_together),
		TEST(pairs_need_a_model_with_two_token_types),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
