/* Places: the data directory, files of jobs, and what a model's name stands for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/files.h"
#include "base/mem.h"
#include "jobs/job.h"
#include "jobs/places.h"
#include "jobs/rows.h"
#include "model_folder.h"

#define SHA "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

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
	assert_int_equal(files_make_dirs(f->models, &f->ei), OK);
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

static void write_file(const char *folder, const char *name, const char *text)
{
	char *path = mem_printf("%s/%s", folder, name);

	assert_int_equal(files_write(path, text, strlen(text), NULL), OK);
	free(path);
}

static bool there(struct fixture *f, const char *relative)
{
	char *path = mem_printf("%s/%s", f->data, relative);
	bool yes = files_exist(path);

	free(path);
	return yes;
}

/* A job of that name in the state: JOB_SUCCEEDED leaves a model with its folder. */
static void make_job(struct fixture *f, const char *name, enum job_state to, char *id, char *model)
{
	struct job_new n = { .name = name,
			     .spec = "{\"model\":\"tiny\"}",
			     .report = "{}",
			     .body_sha256 = "",
			     .max_queued = 99 };
	struct job j;
	bool repeated;

	assert_int_equal(job_create(f->db, &n, &j, &repeated, &f->ei), OK);
	strcpy(id, j.id);
	job_clear(&j);
	if (to == JOB_QUEUED)
		return;
	assert_int_equal(job_claim(f->db, &j, &f->ei), OK);
	job_clear(&j);
	assert_int_equal(job_move(f->db, id, JOB_RUNNING, NULL, &f->ei), OK);
	if (to == JOB_FAILED)
		assert_int_equal(job_move(f->db, id, to, NULL, &f->ei), OK);
	if (to != JOB_SUCCEEDED)
		return;
	ids_new("mdl_", model);
	struct job_result r = { .model_id = model, .labels = "[\"a\",\"b\"]", .sha256 = "00" };
	assert_int_equal(job_succeed(f->db, id, &r, &f->ei), OK);
	char *dir = places_model_dir(&f->p, model);
	assert_int_equal(files_make_dirs(dir, &f->ei), OK);
	free(dir);
}

static void opening_makes_the_folders_and_empties_tmp(void **state)
{
	struct fixture *f = *state;
	int second;

	assert_true(there(f, "datasets") && there(f, "jobs") && there(f, "models"));
	char *tmp = places_tmp(&f->p, "half");
	assert_int_equal(files_make_dirs(tmp, &f->ei), OK);
	write_file(tmp, "model.safetensors", "x");
	close(f->lock);
	assert_int_equal(places_open(&f->p, &second, &f->ei), OK);
	f->lock = second;
	assert_false(files_exist(tmp));
	assert_true(there(f, "tmp"));
	free(tmp);
}

static void a_second_daemon_is_refused(void **state)
{
	struct fixture *f = *state;
	int second;

	assert_int_equal(places_open(&f->p, &second, &f->ei), ERR_CONFLICT);
	assert_non_null(strstr(f->ei.msg, "another bertd"));
}

static void sweeping_removes_what_has_no_row_and_nothing_else(void **state)
{
	struct fixture *f = *state;
	char id[ID_SIZE], model[ID_SIZE], lost[ID_SIZE], *dir;
	int n;

	make_job(f, NULL, JOB_SUCCEEDED, id, model);
	ids_new("mdl_", lost);
	dir = places_model_dir(&f->p, lost);
	assert_int_equal(files_make_dirs(dir, &f->ei), OK);
	free(dir);
	dir = places_job_dir(&f->p, id);
	assert_int_equal(files_make_dirs(dir, &f->ei), OK);
	free(dir);
	write_file(f->data, "datasets/" SHA, "text,label\n");
	write_file(f->data, "models/README", "mine");
	assert_int_equal(places_sweep(&f->p, f->db, &n, &f->ei), OK);
	assert_int_equal(n, 2); /* the lost model and the data set */
	assert_false(there(f, "datasets/" SHA));
	assert_true(there(f, "models/README"));
	dir = places_model_dir(&f->p, model);
	assert_true(files_exist(dir));
	free(dir);
	dir = places_job_dir(&f->p, id);
	assert_true(files_exist(dir));
	free(dir);
}

static void files_are_opened_beneath_the_root_only(void **state)
{
	static const struct {
		const char *file;
		enum err want;
	} cases[] = {
		{ "a.csv", OK },
		{ "sub/b.csv", OK },
		{ "sub/../a.csv", OK },
		{ "missing.csv", ERR_NOT_FOUND },
		{ "sub", ERR_INVALID },
		{ "a.csv/b", ERR_INVALID },
		{ "../data/lock", ERR_INVALID },
		{ "sub/../../data/lock", ERR_INVALID },
		{ "/etc/passwd", ERR_INVALID },
		{ "out/passwd", ERR_INVALID },
		{ "pipe", ERR_INVALID },
		{ "hf://datasets/a/b/c.csv", ERR_UNSUPPORTED },
		{ "https://example.org/a.csv", ERR_UNSUPPORTED },
		{ "file:///etc/passwd", ERR_UNSUPPORTED },
		{ "ds_" SHA, ERR_NOT_FOUND },
	};
	struct fixture *f = *state;
	struct file_source source = { &f->p, f->db, NULL };
	char *path = mem_printf("%s/sub", f->root);

	assert_int_equal(files_make_dirs(path, &f->ei), OK);
	free(path);
	write_file(f->root, "a.csv", "text,label\n");
	write_file(f->root, "sub/b.csv", "text,label\n");
	path = mem_printf("%s/out", f->root);
	assert_int_equal(symlink("/etc", path), 0);
	free(path);
	path = mem_printf("%s/pipe", f->root);
	assert_int_equal(mkfifo(path, 0600), 0);
	free(path);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		int fd = -1;
		enum err e = places_open_file(&source, cases[i].file, &fd, &f->ei);
		if (e != cases[i].want)
			fail_msg("%s: %s", cases[i].file, err_name(e));
		if (e == OK)
			close(fd);
		else
			assert_null(strstr(f->ei.msg, f->dir));
	}
}

static void without_a_data_root_files_are_refused(void **state)
{
	struct fixture *f = *state;
	struct places p = { f->data, NULL, NULL, NULL };
	struct file_source source = { &p, f->db, NULL };
	int fd;

	assert_int_equal(places_open_file(&source, "a.csv", &fd, &f->ei), ERR_INVALID);
	assert_non_null(strstr(f->ei.msg, "POST /datasets"));
}

static void an_uploaded_data_set_is_opened_by_its_id(void **state)
{
	struct fixture *f = *state;
	struct file_source source = { &f->p, f->db, NULL };
	struct dataset_row d = {
		.id = "ds_" SHA, .format = "csv", .columns = "[]", .created_ms = 1
	};
	char byte;
	bool existed;
	int fd;

	write_file(f->data, "datasets/" SHA, "t");
	assert_int_equal(dataset_row_put(f->db, &d, &existed, &f->ei), OK);
	assert_int_equal(places_open_file(&source, d.id, &fd, &f->ei), OK);
	assert_int_equal(read(fd, &byte, 1), 1);
	close(fd);
}

static void models_are_found_by_every_name(void **state)
{
	struct fixture *f = *state;
	char id[ID_SIZE], model[ID_SIZE], other[ID_SIZE], *checkpoint, *dir;

	make_job(f, "imdb", JOB_SUCCEEDED, id, model);
	make_job(f, NULL, JOB_RUNNING, other, NULL);
	free(model_folder_new(f->models, "tiny"));
	free(model_folder_new(f->models, "owner/tiny"));
	checkpoint = mem_printf("%s/checkpoint-79", other);
	dir = mem_printf("%s/jobs", f->data);
	free(model_folder_new(dir, checkpoint));
	free(dir);
	assert_int_equal(checkpoint_row_put(f->db, other, 79, 1, NULL, "00", 1, &f->ei), OK);
	const struct {
		const char *name, *id;
		bool base;
	} cases[] = {
		{ model, model, false },
		{ id, model, false },
		{ "imdb", model, false },
		{ "tiny", "tiny", true },
		{ "owner/tiny", "owner/tiny", true },
		{ checkpoint, checkpoint, false },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct model_place m;
		assert_int_equal(places_find_model(&f->p, f->db, cases[i].name, &m, &f->ei), OK);
		assert_string_equal(m.id, cases[i].id);
		assert_int_equal(m.base, cases[i].base);
		assert_true(files_exist(m.dir));
		assert_int_equal(!m.labels, cases[i].base);
		model_place_clear(&m);
	}
	free(checkpoint);
}

static void what_names_no_model_is_told_why(void **state)
{
	struct fixture *f = *state;
	char running[ID_SIZE], failed[ID_SIZE], done[ID_SIZE], model[ID_SIZE], *missing;
	struct model_place m;

	make_job(f, NULL, JOB_RUNNING, running, NULL);
	make_job(f, NULL, JOB_FAILED, failed, NULL);
	make_job(f, NULL, JOB_SUCCEEDED, done, model);
	assert_int_equal(model_row_delete(f->db, model, &f->ei), OK);
	missing = mem_printf("%s/checkpoint-5", running);
	free(model_folder_new(f->dir, "outside"));
	const struct {
		const char *name;
		enum err want;
		const char *words;
	} cases[] = {
		{ running, ERR_CONFLICT, "is running" },
		{ failed, ERR_CONFLICT, "failed and left no model" },
		{ done, ERR_NOT_FOUND, "" },
		{ model, ERR_NOT_FOUND, "" },
		{ missing, ERR_NOT_FOUND, "" },
		{ "nobody", ERR_NOT_FOUND, "there is no model \"nobody\"" },
		{ "../outside", ERR_NOT_FOUND, "" },
		{ "a/../outside", ERR_NOT_FOUND, "" },
		{ "a/b/c", ERR_NOT_FOUND, "" },
		{ ".", ERR_NOT_FOUND, "" },
		{ "", ERR_NOT_FOUND, "" },
		{ "/", ERR_NOT_FOUND, "" },
		{ "t\xc3\xadny", ERR_NOT_FOUND, "not a possible name" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		enum err e = places_find_model(&f->p, f->db, cases[i].name, &m, &f->ei);
		if (e != cases[i].want)
			fail_msg("%s: %s", cases[i].name, err_name(e));
		assert_non_null(strstr(f->ei.msg, cases[i].words));
		assert_null(strstr(f->ei.msg, f->dir));
	}
	free(missing);
}

static void a_job_named_like_a_base_model_does_not_take_its_place_as_a_base(void **state)
{
	struct fixture *f = *state;
	char id[ID_SIZE], model[ID_SIZE];
	struct model_place m;

	make_job(f, "tiny", JOB_SUCCEEDED, id, model);
	free(model_folder_new(f->models, "tiny"));
	assert_int_equal(places_find_base(&f->p, f->db, NULL, "tiny", &m, &f->ei), OK);
	assert_true(m.base);
	model_place_clear(&m);
	assert_int_equal(places_find_model(&f->p, f->db, "tiny", &m, &f->ei), OK);
	assert_string_equal(m.id, model);
	model_place_clear(&m);
}

static void messages_lose_the_folders_of_the_machine(void **state)
{
	const struct places nested = { "/srv/x", "/srv/x/root", "/srv/x/root/models", NULL };
	struct errinfo ei;

	(void)state;
	snprintf(ei.msg, sizeof(ei.msg),
		 "/srv/x/root/models/tiny/config.json: no /srv/x/root/a.csv in /srv/x");
	places_redact(&nested, &ei);
	assert_string_equal(ei.msg, "tiny/config.json: no a.csv in ");
}

static void a_data_set_in_use_is_not_deleted(void **state)
{
	struct fixture *f = *state;
	struct job_new n = {
		.spec = "{\"dataset\":{\"train\":{\"file\":\"a.csv\"},\"validation\":null,"
			"\"test\":{\"file\":\"ds_1\"},\"text_column\":\"ds_2\"}}",
		.report = "{}",
		.body_sha256 = "",
		.max_queued = 9
	};
	struct dataset_row one = {
		.id = "ds_1", .format = "csv", .columns = "[]", .created_ms = 1
	};
	struct dataset_row two = {
		.id = "ds_2", .format = "csv", .columns = "[]", .created_ms = 2
	};
	struct job j;
	bool flag;

	assert_int_equal(dataset_row_put(f->db, &one, &flag, &f->ei), OK);
	assert_int_equal(dataset_row_put(f->db, &two, &flag, &f->ei), OK);
	assert_int_equal(job_create(f->db, &n, &j, &flag, &f->ei), OK);
	assert_int_equal(dataset_row_delete(f->db, "ds_1", &f->ei), ERR_CONFLICT);
	assert_non_null(strstr(f->ei.msg, j.id));
	assert_int_equal(dataset_row_delete(f->db, "ds_2", &f->ei), OK);
	assert_int_equal(dataset_row_delete(f->db, "ds_2", &f->ei), ERR_NOT_FOUND);
	struct job after;
	assert_int_equal(job_cancel(f->db, j.id, &after, &f->ei), OK);
	assert_int_equal(dataset_row_delete(f->db, "ds_1", &f->ei), OK);
	job_clear(&j);
	job_clear(&after);
}

static void a_data_set_is_stored_once_and_listed_newest_first(void **state)
{
	struct fixture *f = *state;
	struct dataset_row d = { .format = "csv", .columns = "[\"text\"]", .bytes = 3, .rows = 2 };
	struct dataset_row *list;
	bool existed, more;
	int n;

	for (int i = 0; i < 3; i++) {
		sprintf(d.id, "ds_%d", 3 - i);
		d.created_ms = 5 + i / 2;
		assert_int_equal(dataset_row_put(f->db, &d, &existed, &f->ei), OK);
		assert_false(existed);
	}
	assert_int_equal(dataset_row_put(f->db, &d, &existed, &f->ei), OK);
	assert_true(existed);
	assert_int_equal(dataset_row_list(f->db, NULL, 2, &list, &n, &more, &f->ei), OK);
	assert_true(n == 2 && more);
	assert_string_equal(list[0].id, "ds_1");
	assert_string_equal(list[1].id, "ds_3");
	for (int i = 0; i < n; i++)
		dataset_row_clear(&list[i]);
	free(list);
	assert_int_equal(dataset_row_list(f->db, "ds_3", 2, &list, &n, &more, &f->ei), OK);
	assert_true(n == 1 && !more);
	assert_string_equal(list[0].id, "ds_2");
	dataset_row_clear(&list[0]);
	free(list);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(opening_makes_the_folders_and_empties_tmp),
		TEST(a_second_daemon_is_refused),
		TEST(sweeping_removes_what_has_no_row_and_nothing_else),
		TEST(files_are_opened_beneath_the_root_only),
		TEST(without_a_data_root_files_are_refused),
		TEST(an_uploaded_data_set_is_opened_by_its_id),
		TEST(models_are_found_by_every_name),
		TEST(what_names_no_model_is_told_why),
		TEST(a_job_named_like_a_base_model_does_not_take_its_place_as_a_base),
		TEST(messages_lose_the_folders_of_the_machine),
		TEST(a_data_set_in_use_is_not_deleted),
		TEST(a_data_set_is_stored_once_and_listed_newest_first),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
