/* Names of models, data files, revisions and hosts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "hub/names.h"

#define N(array) (sizeof(array) / sizeof(*(array)))
#define COMMIT	 "0123456789abcdef0123456789abcdef01234567"

static void model_names_are_read(void **state)
{
	static const struct {
		const char *text, *id, *revision, *folder;
	} cases[] = {
		{ "bert-base-uncased", "bert-base-uncased", "main", "models--bert-base-uncased" },
		{ "google-bert/bert-base-uncased", "google-bert/bert-base-uncased", "main",
		  "models--google-bert--bert-base-uncased" },
		{ "a/b@v1.0", "a/b", "v1.0", "models--a--b" },
		{ "a/b@refs/pr/1", "a/b", "refs/pr/1", "models--a--b" },
		{ "a/b@" COMMIT, "a/b", COMMIT, "models--a--b" },
		{ "_x_/y.z_1", "_x_/y.z_1", "main", "models--_x_--y.z_1" },
	};

	(void)state;
	for (size_t i = 0; i < N(cases); i++) {
		struct repo_name repo;
		assert_true(names_read_model(cases[i].text, &repo));
		assert_string_equal(repo.id, cases[i].id);
		assert_string_equal(repo.revision, cases[i].revision);
		char *folder = names_folder(&repo);
		assert_string_equal(folder, cases[i].folder);
		free(folder);
	}
}

static void what_is_no_model_name_is_refused(void **state)
{
	static const char *const cases[] = {
		"",	    "/",	  "a/",	      "/b",	 "a//b",       "a/b/c",
		"..",	    ".",	  "a/..",     "../b",	 ".a/b",       "a./b",
		"-a",	    "a-",	  "a--b",     "a..b",	 "a b",	       "a\nb",
		"a/b@",	    "a/b@../x",	  "a/b@x//y", "a/b@/x",	 "a/b@x/",     "a/b@.x",
		"a/b@x y",  "a/b@x@y",	  "a\\b",     "a%2fb",	 "a/b?x=1",    "a/b#x",
		"\xc3\xa9", "a:b",	  "@main",    "a/b@x\n", "a/b@a/../b", "a/b@x%2f",
		"hf://a/b", "a/b@x/.git",
	};

	(void)state;
	for (size_t i = 0; i < N(cases); i++) {
		struct repo_name repo;
		if (names_read_model(cases[i], &repo))
			fail_msg("\"%s\" was taken", cases[i]);
	}
}

static void a_name_has_a_longest_length(void **state)
{
	char name[NAMES_MAX_ID + 2], revision[NAMES_MAX_REVISION + 4] = "a@";
	struct repo_name repo;

	(void)state;
	memset(name, 'x', sizeof(name));
	name[NAMES_MAX_ID] = '\0';
	assert_true(names_read_model(name, &repo));
	name[NAMES_MAX_ID] = 'x';
	name[NAMES_MAX_ID + 1] = '\0';
	assert_false(names_read_model(name, &repo));
	memset(revision + 2, 'r', NAMES_MAX_REVISION + 1);
	assert_false(names_read_model(revision, &repo));
	revision[NAMES_MAX_REVISION + 2] = '\0';
	assert_true(names_read_model(revision, &repo));
}

static void data_urls_are_read(void **state)
{
	static const struct {
		const char *url, *id, *revision, *path;
	} cases[] = {
		{ "hf://datasets/stanfordnlp/imdb/plain_text/train-00000-of-00001.parquet",
		  "stanfordnlp/imdb", "main", "plain_text/train-00000-of-00001.parquet" },
		{ "hf://datasets/a/b@v1/c.csv", "a/b", "v1", "c.csv" },
		{ "hf://datasets/a/b@refs%2Fpr%2F1/c.csv", "a/b", "refs/pr/1", "c.csv" },
		{ "hf://datasets/a/b@refs/pr/1/c/d.csv", "a/b", "refs/pr/1", "c/d.csv" },
		{ "hf://datasets/a/b@refs/convert/parquet/c/d.csv", "a/b", "refs/convert/parquet",
		  "c/d.csv" },
		{ "hf://datasets/a/b@~parquet/c.parquet", "a/b", "refs/convert/parquet",
		  "c.parquet" },
		{ "hf://datasets/a/b/x%20y.csv", "a/b", "main", "x y.csv" },
		{ "hf://datasets/a/b/x%2520y.csv", "a/b", "main", "x%20y.csv" },
		{ "hf://datasets/a/b/x@y?z#\xc3\xa9.csv", "a/b", "main", "x@y?z#\xc3\xa9.csv" },
	};

	(void)state;
	for (size_t i = 0; i < N(cases); i++) {
		struct repo_name repo;
		struct errinfo ei = { "" };
		char *path;
		assert_int_equal(names_read_data_url(cases[i].url, &repo, &path, &ei), OK);
		assert_int_equal(repo.kind, REPO_DATASET);
		assert_string_equal(repo.id, cases[i].id);
		assert_string_equal(repo.revision, cases[i].revision);
		assert_string_equal(path, cases[i].path);
		free(path);
	}
}

static void what_is_no_data_url_is_refused(void **state)
{
	static const char *const cases[] = {
		"hf://",
		"hf://a/b/c.csv",
		"hf://models/a/b/c.csv",
		"HF://datasets/a/b/c.csv",
		"hf://datasets/",
		"hf://datasets/a",
		"hf://datasets/a/b",
		"hf://datasets/a/b/",
		"hf://datasets/a/b//c",
		"hf://datasets/a/b/c/",
		"hf://datasets/a/b/c//d",
		"hf://datasets/a/b/..",
		"hf://datasets/a/b/../../c",
		"hf://datasets/a/b/c/../d",
		"hf://datasets/a/b/.git/config",
		"hf://datasets/a/b/%2e%2e/c",
		"hf://datasets/a/b/c%2f..%2fd",
		"hf://datasets/a/b/%2Fetc/passwd",
		"hf://datasets/a/b/c%00.csv",
		"hf://datasets/a/b/c%0a.csv",
		"hf://datasets/a/b/c\x7f.csv",
		"hf://datasets/a/b/c\xc2\x85.csv",
		"hf://datasets/a/b/c\\d.csv",
		"hf://datasets/a/b/c%.csv",
		"hf://datasets/a/b/c%2",
		"hf://datasets/a/b/c%zz",
		"hf://datasets/a/b/c%ff.csv",
		"hf://datasets/a/b@/c.csv",
		"hf://datasets/a/b@../c.csv",
		"hf://datasets/a/b@%2e%2e%2fx/c.csv",
		"hf://datasets/a/b@x%00/c.csv",
		"hf://datasets/a/b@refs/pr/1",
		"hf://datasets/a@x/b/c.csv",
		"hf://datasets/./b/c.csv",
		"hf://datasets/a/../c.csv",
		"hf://datasets/a%2fb/c/d.csv",
	};

	(void)state;
	for (size_t i = 0; i < N(cases); i++) {
		struct repo_name repo;
		struct errinfo ei = { "" };
		char *path;
		if (names_read_data_url(cases[i], &repo, &path, &ei) != ERR_INVALID)
			fail_msg("\"%s\" was taken", cases[i]);
		assert_true(strlen(ei.msg) > 0);
	}
}

static void a_path_fits_the_file_system(void **state)
{
	char segment[NAMES_MAX_SEGMENT + 2], *path;

	(void)state;
	memset(segment, 's', sizeof(segment));
	segment[NAMES_MAX_SEGMENT] = '\0';
	assert_true(names_path_ok(segment));
	path = mem_printf("%s/%s/%s/%s", segment, segment, segment, segment);
	assert_true(names_path_ok(path));
	free(path);
	path = mem_printf("%s/%s/%s/%s/s", segment, segment, segment, segment);
	assert_false(names_path_ok(path));
	free(path);
	segment[NAMES_MAX_SEGMENT] = 's';
	segment[NAMES_MAX_SEGMENT + 1] = '\0';
	assert_false(names_path_ok(segment));
}

static void what_is_asked_for_is_encoded(void **state)
{
	struct buf out = { 0 };

	(void)state;
	names_encode("a b/\xc3\xa9?#%~-._", true, &out);
	assert_string_equal(out.data, "a%20b/%C3%A9%3F%23%25~-._");
	buf_reset(&out);
	names_encode("refs/pr/1", false, &out);
	assert_string_equal(out.data, "refs%2Fpr%2F1");
	buf_clear(&out);
}

static void shards_and_commits_have_one_form(void **state)
{
	static const struct {
		const char *name;
		bool shard, commit;
	} cases[] = {
		{ "model-00001-of-00002.safetensors", true, false },
		{ "model-1-of-2.safetensors", false, false },
		{ "model-00001-of-00002.safetensors.bak", false, false },
		{ "model-0000a-of-00002.safetensors", false, false },
		{ "../el-00001-of-00002.safetensors", false, false },
		{ COMMIT, false, true },
		{ COMMIT "0", false, false },
		{ "0123456789ABCDEF0123456789abcdef01234567", false, false },
		{ "main", false, false },
		{ "", false, false },
	};

	(void)state;
	for (size_t i = 0; i < N(cases); i++) {
		assert_int_equal(names_is_shard(cases[i].name), cases[i].shard);
		assert_int_equal(names_is_commit(cases[i].name), cases[i].commit);
	}
}

static void hosts_are_held_by_name_or_suffix(void **state)
{
	static const char list[] = "files.example.org, .example.com,10.0.0.1";
	static const struct {
		const char *host;
		bool held;
	} cases[] = {
		{ "files.example.org", true },
		{ "example.org", false },
		{ "a.files.example.org", false },
		{ "a.example.com", true },
		{ "b.a.example.com", true },
		{ "example.com", false },
		{ "badexample.com", false },
		{ ".example.com", false },
		{ "10.0.0.1", true },
		{ "10.0.0.11", false },
		{ "files.example.org.evil", false },
		{ "", false },
	};

	(void)state;
	assert_int_equal(names_check_hosts(list, NULL), OK);
	for (size_t i = 0; i < N(cases); i++)
		assert_int_equal(names_hosts_hold(list, cases[i].host), cases[i].held);
	assert_false(names_hosts_hold(NULL, "a"));
	assert_false(names_hosts_hold("", "a"));
}

static void lists_of_hosts_are_checked(void **state)
{
	static const char *const bad[] = {
		"a,,b", ",", "a b", "https://a", "a/b", ".", "..a", "*"
	};

	(void)state;
	for (size_t i = 0; i < N(bad); i++)
		assert_int_equal(names_check_hosts(bad[i], NULL), ERR_INVALID);
	assert_int_equal(names_check_hosts(NULL, NULL), OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(model_names_are_read),
		cmocka_unit_test(what_is_no_model_name_is_refused),
		cmocka_unit_test(a_name_has_a_longest_length),
		cmocka_unit_test(data_urls_are_read),
		cmocka_unit_test(what_is_no_data_url_is_refused),
		cmocka_unit_test(a_path_fits_the_file_system),
		cmocka_unit_test(what_is_asked_for_is_encoded),
		cmocka_unit_test(shards_and_commits_have_one_form),
		cmocka_unit_test(hosts_are_held_by_name_or_suffix),
		cmocka_unit_test(lists_of_hosts_are_checked),
	};

	return cmocka_run_group_tests_name("hub_names", tests, NULL, NULL);
}
