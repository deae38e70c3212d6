/* Prepares the data of a job as the daemon does, and says what it took, for rows_bench.sh:
 *
 *     rows MODEL_DIR FILE DATA_DIR [MAX_LENGTH [THREADS]]
 *
 * FILE is CSV, JSONL or Parquet with columns text and label. Encoded rows stay in DATA_DIR/tokens:
 * a second run finds them. Prints one line of JSON; memory as /proc/self/status tells it. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/files.h"
#include "base/json.h"
#include "base/mem.h"
#include "jobs/token_cache.h"

static void require(enum err e, const struct errinfo *ei)
{
	if (e == OK)
		return;
	fprintf(stderr, "%s: %s\n", err_name(e), ei->msg);
	exit(1);
}

static enum err open_file(void *ctx, const char *file, int *fd, struct errinfo *ei)
{
	(void)ctx;
	*fd = open(file, O_RDONLY | O_CLOEXEC);
	return *fd < 0 ? err_errno(ei, "cannot open %s", file) : OK;
}

/* A line such as "VmHWM:    1234 kB" as bytes. */
static json_int_t status_bytes(const char *name)
{
	struct buf text = { 0 };
	struct errinfo ei;
	json_int_t kb = 0;

	require(files_read("/proc/self/status", 1 << 20, &text, &ei), &ei);
	const char *at = strstr(text.data, name);
	if (at)
		kb = atoll(at + strlen(name) + 1);
	buf_clear(&text);
	return kb * 1024;
}

static void read_spec(const char *file, struct dataset_spec *spec)
{
	struct faults faults = { 0 };
	json_t *object = json_pack("{s:s}", "train", file);

	if (!dataset_spec_read(object, "#", spec, &faults)) {
		json_dumpf(faults.list, stderr, 0);
		exit(2);
	}
	json_decref(object);
}

static void make_folders(const struct places *p, const char *tokens)
{
	char *tmp = places_tmp(p, "");
	struct errinfo ei;

	require(files_make_dirs(tmp, &ei), &ei);
	require(files_make_dirs(tokens, &ei), &ei);
	free(tmp);
}

static void print(const struct tokens *t, double open_seconds, double seconds, bool found)
{
	struct buf text = { 0 };
	json_t *o =
		json_pack("{s:I, s:f, s:f, s:b, s:I, s:I, s:I, s:I}", "rows",
			  (json_int_t)t->splits[SPLIT_TRAIN].n, "tokenizer_seconds", open_seconds,
			  "seconds", seconds, "found", found, "cache_bytes", (json_int_t)t->size,
			  "peak_rss_bytes", status_bytes("VmHWM"), "rss_bytes",
			  status_bytes("VmRSS"), "rss_anon_bytes", status_bytes("RssAnon"));

	json_print(o, &text);
	puts(text.data);
	buf_clear(&text);
	json_decref(o);
}

int main(int argc, char **argv)
{
	struct faults faults = { 0 };
	struct dataset_spec spec;
	struct tokenizer *tokenizer;
	struct tokens tokens;
	struct errinfo ei = { "" };

	if (argc < 4 || argc > 6) {
		fprintf(stderr, "rows MODEL_DIR FILE DATA_DIR [MAX_LENGTH [THREADS]]\n");
		return 2;
	}
	struct places places = { .data_dir = argv[3] };
	char *dir = places_tokens(&places);
	make_folders(&places, dir);
	read_spec(argv[2], &spec);
	double start = clock_monotonic();
	require(tokenizer_open(argv[1], &tokenizer, &ei), &ei);
	double opened = clock_monotonic();
	places.tokens = token_cache_new(&(struct token_cache_config){
		.dir = dir, .max_bytes = INT64_MAX, .threads = argc > 5 ? atoi(argv[5]) : 0 });
	struct token_request r = { .data = &spec,
				   .open = open_file,
				   .tokenizer = tokenizer,
				   .tokenizer_dir = argv[1],
				   .max_length = argc > 4 ? atoi(argv[4]) : 64,
				   .model_max_length = 512 };
	enum err e = token_cache_get(&places, &r, &tokens, &faults, &ei);
	double end = clock_monotonic();
	if (faults_any(&faults))
		json_dumpf(faults.list, stderr, JSON_INDENT(2));
	require(e, &ei);
	print(&tokens, opened - start, end - opened, token_cache_counts(places.tokens).found > 0);
	tokens_close(&tokens);
	token_cache_free(places.tokens);
	tokenizer_free(tokenizer);
	dataset_spec_clear(&spec);
	free(dir);
	return 0;
}
