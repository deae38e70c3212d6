/* The cache of encoded data sets, with small files that live in memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/files.h"
#include "base/mem.h"
#include "jobs/token_build.h"
#include "jobs/token_cache.h"
#include "memfile.h"
#include "model_folder.h"

#define CSV    "text,label\na b c,good\nd e,bad\nf,good\n"
#define UPLOAD "ds_" NAME64
#define NAME64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

struct fixture {
	char dir[64];
	char *data, *model, *tokens;
	struct places p;
	const char *csv; /* what every file holds */
	struct dataset_spec spec;
	struct tokenizer *tokenizer;
	struct token_request request;
	struct errinfo ei;
};

static enum err open_file(void *ctx, const char *name, int *fd, struct errinfo *ei)
{
	const struct fixture *f = ctx;

	if (strcmp(name, "none") == 0)
		return err_set(ei, ERR_NOT_FOUND, "there is no such file");
	*fd = memfile_text(f->csv);
	return OK;
}

static void read_spec(struct fixture *f, const char *object)
{
	struct faults faults = { 0 };
	json_t *v = json_loads(object, 0, NULL);

	assert_non_null(v);
	dataset_spec_clear(&f->spec);
	assert_true(dataset_spec_read(v, "#", &f->spec, &faults));
	json_decref(v);
}

static void open_cache(struct fixture *f, int64_t max_bytes)
{
	token_cache_free(f->p.tokens);
	f->p.tokens = token_cache_new(&(struct token_cache_config){
		.dir = f->tokens, .max_bytes = max_bytes, .threads = 2 });
}

static int set_up(void **state)
{
	struct fixture *f = mem_zalloc(1, sizeof(*f));

	strcpy(f->dir, "/tmp/bertd-cache-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	f->p.data_dir = f->data = mem_printf("%s/data", f->dir);
	f->tokens = places_tokens(&f->p);
	f->model = model_folder_new(f->dir, "tiny");
	char *tmp = mem_printf("%s/tmp", f->data);
	assert_int_equal(files_make_dirs(tmp, &f->ei), OK);
	assert_int_equal(files_make_dirs(f->tokens, &f->ei), OK);
	free(tmp);
	open_cache(f, 1 << 20);
	f->csv = CSV;
	read_spec(f, "{\"train\": \"a.csv\", \"test\": \"b.csv\"}");
	assert_int_equal(tokenizer_open(f->model, &f->tokenizer, &f->ei), OK);
	f->request = (struct token_request){ .data = &f->spec,
					     .open = open_file,
					     .open_ctx = f,
					     .tokenizer = f->tokenizer,
					     .tokenizer_dir = f->model,
					     .max_length = 8,
					     .model_max_length = 32 };
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	token_cache_free(f->p.tokens);
	tokenizer_free(f->tokenizer);
	dataset_spec_clear(&f->spec);
	assert_int_equal(files_remove(f->dir, &f->ei), OK);
	free(f->data);
	free(f->tokens);
	free(f->model);
	free(f);
	return 0;
}

/* Asks for the rows and lets go of them; the number of training rows, or -1. */
static int64_t ask(struct fixture *f)
{
	struct faults faults = { 0 };
	struct tokens t;
	enum err e = token_cache_get(&f->p, &f->request, &t, &faults, &f->ei);

	faults_clear(&faults);
	if (e != OK)
		return -1;
	int64_t n = t.splits[SPLIT_TRAIN].n;
	tokens_close(&t);
	return n;
}

static void assert_counts(struct fixture *f, int found, int made)
{
	struct token_cache_counts n = token_cache_counts(f->p.tokens);

	assert_int_equal(n.found, found);
	assert_int_equal(n.made, made);
}

static int n_files(const char *dir)
{
	DIR *d = opendir(dir);
	int n = -2; /* . and .. */

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static void key_of(struct fixture *f, char *out)
{
	struct data_files files;

	assert_int_equal(data_files_open(&files, &f->spec, open_file, f, &f->ei), OK);
	assert_int_equal(token_key(&f->request, &files, out, &f->ei), OK);
	data_files_close(&files);
}

static char *path_of(struct fixture *f)
{
	char key[TOKEN_KEY_SIZE];

	key_of(f, key);
	return mem_printf("%s/%s", f->tokens, key);
}

static void the_second_request_finds_what_the_first_made(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(ask(f), 3);
	assert_counts(f, 0, 1);
	assert_int_equal(ask(f), 3);
	assert_counts(f, 1, 1);
	assert_int_equal(n_files(f->tokens), 1);
	char *tmp = places_tmp(&f->p, ".");
	assert_int_equal(n_files(tmp), 0);
	free(tmp);
}

static void a_file_found_is_the_one_made(void **state)
{
	struct fixture *f = *state;
	struct faults faults = { 0 };
	struct tokens a, b;

	assert_int_equal(token_cache_get(&f->p, &f->request, &a, &faults, &f->ei), OK);
	assert_int_equal(token_cache_get(&f->p, &f->request, &b, &faults, &f->ei), OK);
	assert_int_equal(a.size, b.size);
	assert_memory_equal(a.map, b.map, (size_t)a.size);
	assert_true(json_equal(a.report, b.report));
	tokens_close(&a);
	tokens_close(&b);
}

static void an_upload_is_known_by_its_name_and_not_read_again(void **state)
{
	struct fixture *f = *state;

	read_spec(f, "{\"train\": \"" UPLOAD "\"}");
	assert_int_equal(ask(f), 3);
	f->csv = "this is no data at all";
	assert_int_equal(ask(f), 3);
	assert_counts(f, 1, 1);
}

static void everything_that_the_rows_follow_from_changes_the_key(void **state)
{
	static const char *const specs[] = {
		"{\"train\": \"a.csv\"}",
		"{\"train\": \"a.csv\", \"test\": \"b.csv\", \"validation\": \"c.csv\"}",
		"{\"train\": {\"file\": \"a.csv\", \"sample\": 2}, \"test\": \"b.csv\"}",
		"{\"train\": {\"file\": \"a.csv\", \"sample\": 2, \"random_state\": 1}, \"test\": "
		"\"b.csv\"}",
		"{\"train\": {\"file\": \"a.csv\", \"rows\": [0, 2]}, \"test\": \"b.csv\"}",
		"{\"train\": \"a.csv\", \"test\": \"b.csv\", \"text_column\": \"label\", "
		"\"label_column\": \"text\"}",
		"{\"train\": \"a.csv\", \"test\": \"b.csv\", \"text_pair_column\": \"more\"}",
		"{\"train\": \"a.csv\", \"test\": \"b.csv\", \"labels\": [\"bad\", \"good\"]}",
		"{\"train\": \"a.csv\", \"test\": \"b.csv\", \"labels\": [\"good\", \"bad\"]}",
		"{\"train\": \"a.csv\", \"test\": \"b.csv\", \"validation_split\": 0.5}",
		"{\"train\": \"a.csv\", \"test\": \"" UPLOAD "\"}",
	};
	enum { N = sizeof(specs) / sizeof(*specs) };
	char keys[N + 6][TOKEN_KEY_SIZE];
	struct fixture *f = *state;
	int n = 0;

	key_of(f, keys[n++]);
	for (int i = 0; i < N; i++) {
		read_spec(f, specs[i]);
		key_of(f, keys[n++]);
	}
	read_spec(f, "{\"train\": \"a.csv\", \"test\": \"b.csv\"}");
	f->spec.seed = 7;
	key_of(f, keys[n++]);
	f->spec.seed = 42;
	f->csv = CSV "g,bad\n";
	key_of(f, keys[n++]);
	f->csv = CSV;
	f->request.max_length = 9;
	key_of(f, keys[n++]);
	f->request.max_length = 8;
	f->request.model_max_length = 33;
	key_of(f, keys[n++]);
	f->request.model_max_length = 32;
	model_folder_file(f->model, "added_tokens.json", "{}");
	key_of(f, keys[n++]);
	for (int i = 0; i < n; i++)
		for (int j = 0; j < i; j++)
			assert_string_not_equal(keys[i], keys[j]);
}

static void names_of_files_do_not_change_the_key(void **state)
{
	char a[TOKEN_KEY_SIZE], b[TOKEN_KEY_SIZE];
	struct fixture *f = *state;

	key_of(f, a);
	read_spec(f, "{\"train\": \"x/other.csv\", \"test\": \"a.csv\"}");
	key_of(f, b);
	assert_string_equal(a, b);
}

static void a_damaged_file_is_made_again(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(ask(f), 3);
	char *path = path_of(f);
	assert_int_equal(truncate(path, 100), 0);
	assert_int_equal(ask(f), 3);
	assert_counts(f, 0, 2);
	assert_int_equal(ask(f), 3);
	assert_counts(f, 1, 2);
	free(path);
}

/* Lets the file look as if it was used so long ago. */
static void age(const char *path, int seconds)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	st.st_mtim.tv_sec -= seconds;
	const struct timespec times[2] = { st.st_mtim, st.st_mtim };
	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void what_was_used_least_recently_goes_first(void **state)
{
	struct fixture *f = *state;
	char *paths[3];
	struct stat st;

	for (int i = 0; i < 2; i++) {
		f->request.max_length = 8 + i;
		assert_int_equal(ask(f), 3);
		paths[i] = path_of(f);
		age(paths[i], 100 - i);
	}
	assert_int_equal(stat(paths[0], &st), 0);
	open_cache(f, st.st_size * 5 / 2);
	f->request.max_length = 8;
	assert_int_equal(ask(f), 3); /* used again: the other one is the oldest now */
	f->request.max_length = 10;
	assert_int_equal(ask(f), 3);
	paths[2] = path_of(f);
	assert_true(files_exist(paths[0]));
	assert_false(files_exist(paths[1]));
	assert_true(files_exist(paths[2]));
	for (int i = 0; i < 3; i++)
		free(paths[i]);
}

static void rows_that_are_too_many_for_the_cache_are_used_all_the_same(void **state)
{
	struct fixture *f = *state;

	open_cache(f, 100);
	assert_int_equal(ask(f), 3);
	assert_int_equal(n_files(f->tokens), 0);
	assert_int_equal(ask(f), 3);
	assert_counts(f, 0, 2);
}

static void a_smaller_limit_counts_from_the_start(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(ask(f), 3);
	open_cache(f, 100);
	assert_int_equal(n_files(f->tokens), 0);
}

static void *ask_on_a_thread(void *ctx)
{
	struct fixture *f = ctx;
	struct faults faults = { 0 };
	struct errinfo ei;
	struct tokens t;
	enum err e = token_cache_get(&f->p, &f->request, &t, &faults, &ei);

	if (e == OK)
		tokens_close(&t);
	return (void *)(intptr_t)e;
}

static void threads_that_ask_for_the_same_make_it_once(void **state)
{
	struct fixture *f = *state;
	pthread_t threads[8];

	for (int i = 0; i < 8; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, ask_on_a_thread, f), 0);
	for (int i = 0; i < 8; i++) {
		void *e;
		assert_int_equal(pthread_join(threads[i], &e), 0);
		assert_int_equal((intptr_t)e, OK);
	}
	assert_counts(f, 7, 1);
}

static void append(const struct fixture *f, const char *name, const char *text)
{
	char *path = mem_printf("%s/%s", f->dir, name);
	FILE *file = fopen(path, "a");

	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
	free(path);
}

/* Files of the folder; by the time that b.csv is opened, somebody appends to a.csv, which was
 * hashed before. */
static enum err open_changing(void *ctx, const char *name, int *fd, struct errinfo *ei)
{
	const struct fixture *f = ctx;
	char *path = mem_printf("%s/%s", f->dir, name);

	if (strcmp(name, "b.csv") == 0)
		append(f, "a.csv", "g,bad\n");
	*fd = open(path, O_RDONLY | O_CLOEXEC);
	free(path);
	return *fd < 0 ? err_errno(ei, "no file") : OK;
}

static void a_file_that_changes_meanwhile_is_used_and_not_kept(void **state)
{
	struct fixture *f = *state;

	append(f, "a.csv", CSV);
	append(f, "b.csv", CSV);
	f->request.open = open_changing;
	assert_int_equal(ask(f), 4);
	assert_int_equal(n_files(f->tokens), 0);
}

static void faults_are_told_for_every_file_at_once(void **state)
{
	struct fixture *f = *state;
	struct faults faults = { 0 };
	struct tokens t;

	f->csv = "text,label\na,good\n";
	read_spec(f, "{\"train\": \"a.csv\", \"validation\": \"none\", \"text_column\": \"body\", "
		     "\"labels\": [\"bad\", \"good\"]}");
	assert_int_equal(token_cache_get(&f->p, &f->request, &t, &faults, &f->ei), ERR_INVALID);
	char *list = json_dumps(faults.list, 0);
	assert_non_null(strstr(list, "there is no such file"));
	assert_non_null(strstr(list, "no column"));
	free(list);
	faults_clear(&faults);
	assert_int_equal(n_files(f->tokens), 0);
}

static bool at_once(void *ctx)
{
	(void)ctx;
	return true;
}

static void who_asks_can_be_cancelled(void **state)
{
	struct fixture *f = *state;
	struct faults faults = { 0 };
	struct tokens t;

	f->request.cancelled = at_once;
	assert_int_equal(token_cache_get(&f->p, &f->request, &t, &faults, &f->ei), ERR_CANCELLED);
	assert_int_equal(n_files(f->tokens), 0);
	f->request.cancelled = NULL;
	assert_int_equal(ask(f), 3);
}

static void without_a_cache_nothing_is_kept(void **state)
{
	struct fixture *f = *state;

	token_cache_free(f->p.tokens);
	f->p.tokens = NULL;
	assert_int_equal(ask(f), 3);
	assert_int_equal(n_files(f->tokens), 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(the_second_request_finds_what_the_first_made),
		TEST(a_file_found_is_the_one_made),
		TEST(an_upload_is_known_by_its_name_and_not_read_again),
		TEST(everything_that_the_rows_follow_from_changes_the_key),
		TEST(names_of_files_do_not_change_the_key),
		TEST(a_damaged_file_is_made_again),
		TEST(what_was_used_least_recently_goes_first),
		TEST(rows_that_are_too_many_for_the_cache_are_used_all_the_same),
		TEST(a_smaller_limit_counts_from_the_start),
		TEST(threads_that_ask_for_the_same_make_it_once),
		TEST(a_file_that_changes_meanwhile_is_used_and_not_kept),
		TEST(faults_are_told_for_every_file_at_once),
		TEST(who_asks_can_be_cancelled),
		TEST(without_a_cache_nothing_is_kept),
	};
	return cmocka_run_group_tests_name("token_cache", tests, NULL, NULL);
}
