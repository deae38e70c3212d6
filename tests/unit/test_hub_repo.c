/* What the Hub says of a repository, and what its refusals mean. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "hub/remote.h"
#include "hub/repo.h"

#define N(array) (sizeof(array) / sizeof(*(array)))
#define COMMIT	 "0123456789abcdef0123456789abcdef01234567"
#define SHA	 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static void an_answer_gives_sizes_and_hashes(void **state)
{
	static const char text[] =
		"{\"sha\": \"" COMMIT "\", \"siblings\": ["
		"{\"rfilename\": \"config.json\", \"size\": 5, \"blobId\": \"" COMMIT "\"},"
		"{\"rfilename\": \"model.safetensors\", \"size\": 9, \"blobId\": \"" COMMIT "\","
		" \"lfs\": {\"sha256\": \"" SHA "\", \"size\": 9}},"
		"{\"rfilename\": \"vocab.txt\"}, {\"rfilename\": \"pytorch_model.bin\"},"
		"{\"rfilename\": \"../vocab.txt\"}, {\"rfilename\": \"vocab.txt\", \"size\": 1}]}";
	struct repo repo;

	(void)state;
	assert_int_equal(repo_read(text, strlen(text), &repo, NULL), OK);
	assert_string_equal(repo.commit, COMMIT);
	assert_int_equal(repo.n, 3);
	assert_true(repo.has_pickle);
	assert_string_equal(repo_find(&repo, "config.json")->blob, COMMIT);
	assert_string_equal(repo_find(&repo, "model.safetensors")->sha256, SHA);
	assert_string_equal(repo_find(&repo, "model.safetensors")->blob, "");
	assert_int_equal(repo_find(&repo, "vocab.txt")->size, -1);
	assert_null(repo_find(&repo, "../vocab.txt"));
	repo_clear(&repo);
}

static void what_is_no_answer_is_refused(void **state)
{
	static const char *const cases[] = {
		"",
		"[]",
		"{}",
		"<html>",
		"{\"sha\": \"main\", \"siblings\": []}",
		"{\"sha\": 7, \"siblings\": []}",
		"{\"sha\": \"../../../../../../../../../../../../../../\", \"siblings\": []}",
		"{\"sha\": \"" COMMIT "\"}",
		"{\"sha\": \"" COMMIT "\", \"siblings\": {}}",
	};

	(void)state;
	for (size_t i = 0; i < N(cases); i++) {
		struct repo repo;
		assert_int_equal(repo_read(cases[i], strlen(cases[i]), &repo, NULL), ERR_NETWORK);
		assert_null(repo.files);
	}
}

static void wrong_entries_are_passed_over(void **state)
{
	static const char text[] = "{\"sha\": \"" COMMIT "\", \"siblings\": [1, null, {},"
				   "{\"rfilename\": 3}, {\"rfilename\": \"vocab.txt\","
				   " \"size\": -4, \"blobId\": \"../../x\", \"lfs\": 3}]}";
	struct repo repo;

	(void)state;
	assert_int_equal(repo_read(text, strlen(text), &repo, NULL), OK);
	assert_int_equal(repo.n, 1);
	assert_int_equal(repo.files[0].size, -1);
	assert_string_equal(repo.files[0].blob, "");
	repo_clear(&repo);
}

static void a_head_says_what_the_list_did_not(void **state)
{
	static const struct {
		struct http_response head;
		int64_t size;
		const char *sha256, *blob;
	} cases[] = {
		{ { .linked_etag = SHA, .linked_size = 9, .etag = "s3", .content_length = 9 },
		  9,
		  SHA,
		  "" },
		{ { .etag = COMMIT, .linked_size = -1, .content_length = 5 }, 5, "", COMMIT },
		{ { .etag = "other", .linked_size = -1, .content_length = -1 }, -1, "", "" },
	};

	(void)state;
	for (size_t i = 0; i < N(cases); i++) {
		struct repo_file file = { .size = -1 };
		assert_int_equal(repo_file_learn(&file, &cases[i].head, NULL), OK);
		assert_int_equal(file.size, cases[i].size);
		assert_string_equal(file.sha256, cases[i].sha256);
		assert_string_equal(file.blob, cases[i].blob);
	}
}

static void a_head_that_contradicts_is_refused(void **state)
{
	struct repo_file file = { .name = "vocab.txt", .size = 7 };
	struct http_response head = { .linked_size = -1, .content_length = 8 };
	struct errinfo ei;

	(void)state;
	assert_int_equal(repo_file_learn(&file, &head, &ei), ERR_NETWORK);
	assert_non_null(strstr(ei.msg, "vocab.txt"));
}

static void urls_are_those_of_the_hub(void **state)
{
	struct repo_name model = { REPO_MODEL, "a/b", "refs/pr/1" };
	struct repo_name data = { REPO_DATASET, "c/d", "main" };
	char *urls[] = { repo_api_url("https://h", &model), repo_api_url("https://h", &data),
			 repo_file_url("https://h", &model, COMMIT, "config.json"),
			 repo_file_url("https://h", &data, "refs/pr/2", "x y/z?.csv") };
	static const char *const expected[] = {
		"https://h/api/models/a/b/revision/refs%2Fpr%2F1?blobs=true",
		"https://h/api/datasets/c/d/revision/main?blobs=true",
		"https://h/a/b/resolve/" COMMIT "/config.json",
		"https://h/datasets/c/d/resolve/refs%2Fpr%2F2/x%20y/z%3F.csv",
	};

	(void)state;
	for (size_t i = 0; i < N(urls); i++) {
		assert_string_equal(urls[i], expected[i]);
		free(urls[i]);
	}
}

static void refusals_say_what_to_do(void **state)
{
	static const struct repo_name repo = { REPO_MODEL, "a/b", "v1" };
	static const struct {
		int status;
		const char *code, *path;
		bool token;
		enum err e;
		const char *words;
	} cases[] = {
		{ 401, "GatedRepo", "x", false, ERR_DENIED, "hf_token" },
		{ 403, "GatedRepo", "x", true, ERR_DENIED, "account" },
		{ 401, "RepoNotFound", NULL, false, ERR_NOT_FOUND, "or it is private" },
		{ 404, "RepoNotFound", NULL, true, ERR_NOT_FOUND, "no model \"a/b\"" },
		{ 404, "RevisionNotFound", NULL, true, ERR_NOT_FOUND, "no revision \"v1\"" },
		{ 404, "EntryNotFound", "x.csv", true, ERR_NOT_FOUND, "no file \"x.csv\"" },
		{ 404, "", "x.csv", false, ERR_NOT_FOUND, "no file \"x.csv\"" },
		{ 404, "", NULL, false, ERR_NOT_FOUND, "a/b" },
		{ 401, "", NULL, false, ERR_NOT_FOUND, "private" },
		{ 401, "", NULL, true, ERR_DENIED, "does not accept the token" },
		{ 403, "", NULL, true, ERR_DENIED, "refuses access" },
		{ 302, "", NULL, true, ERR_NETWORK, "302" },
		{ 418, "Nonsense", NULL, true, ERR_NETWORK, "418" },
	};

	(void)state;
	for (size_t i = 0; i < N(cases); i++) {
		struct http_response res = { .status = cases[i].status };
		struct errinfo ei;
		strcpy(res.error_code, cases[i].code);
		assert_int_equal(repo_refusal(&repo, cases[i].path, cases[i].token, &res, &ei),
				 cases[i].e);
		if (!strstr(ei.msg, cases[i].words))
			fail_msg("\"%s\" does not say \"%s\"", ei.msg, cases[i].words);
	}
}

static void waits_grow_and_end(void **state)
{
	static const struct {
		int tries;
		int64_t retry_after_s;
		int wait_s;
	} cases[] = {
		{ 1, -1, 1 },  { 2, -1, 2 }, { 3, -1, 4 },	   { 4, -1, 8 },
		{ 5, -1, -1 }, { 1, 0, 0 },  { 1, 60, 60 },	   { 1, 61, -1 },
		{ 4, 7, 7 },   { 5, 0, -1 }, { 1, INT64_MAX, -1 },
	};

	(void)state;
	for (size_t i = 0; i < N(cases); i++)
		assert_int_equal(remote_wait_s(cases[i].tries, cases[i].retry_after_s),
				 cases[i].wait_s);
}

static void some_statuses_pass(void **state)
{
	static const int pass[] = { 408, 429, 500, 502, 503, 504 };
	static const int stay[] = { 200, 206, 301, 304, 400, 401, 403, 404, 410, 416 };

	(void)state;
	for (size_t i = 0; i < N(pass); i++)
		assert_true(remote_status_passes(pass[i]));
	for (size_t i = 0; i < N(stay); i++)
		assert_false(remote_status_passes(stay[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_answer_gives_sizes_and_hashes),
		cmocka_unit_test(what_is_no_answer_is_refused),
		cmocka_unit_test(wrong_entries_are_passed_over),
		cmocka_unit_test(a_head_says_what_the_list_did_not),
		cmocka_unit_test(a_head_that_contradicts_is_refused),
		cmocka_unit_test(urls_are_those_of_the_hub),
		cmocka_unit_test(refusals_say_what_to_do),
		cmocka_unit_test(waits_grow_and_end),
		cmocka_unit_test(some_statuses_pass),
	};

	return cmocka_run_group_tests_name("hub_repo", tests, NULL, NULL);
}
