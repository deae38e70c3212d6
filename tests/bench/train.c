/* Fine-tunes a model without the daemon: for tests/golden/train_parity.py, for bench_train.sh, and
 * for a look.
 *
 *     train [options] MODEL_DIR TRAIN VALIDATION TEST OUT_DIR ARGS_JSON [MAX_LENGTH]
 *
 * TRAIN, VALIDATION and TEST are CSV or JSONL files with columns text and label; "-" for a split
 * that is not wanted. ARGS_JSON is an object of training arguments, or "{}".
 *
 *     --threads N     of one operation (all cores)
 *     --dropout P     all three dropouts (those of config.json)
 *     --device NAME   (cpu)
 *     --order FILE    JSON, the rows of each epoch: [[375, 596, …], …]
 *
 * Prints an estimate, then each record as a line of JSON, and at the end what it took. */
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/files.h"
#include "base/json.h"
#include "base/mem.h"
#include "jobs/token_cache.h"
#include "train/estimate.h"
#include "train/trainer.h"

struct job {
	struct bert_open_args open;
	const char *files[N_SPLITS];
	const char *out_dir, *order_file;
	int threads, max_length;
	struct train_args args;
	struct tokens tokens;
	struct tokenizer *tokenizer;
	int64_t *order; /* NULL: the Trainer's own */
};

static void require(enum err e, const struct errinfo *ei)
{
	if (e == OK)
		return;
	fprintf(stderr, "%s: %s\n", err_name(e), ei->msg);
	exit(1);
}

static void require_no_faults(struct faults *faults)
{
	if (!faults_any(faults))
		return;
	json_dumpf(faults->list, stderr, JSON_INDENT(2));
	exit(1);
}

static json_t *parse(const char *text, size_t n)
{
	struct errinfo ei = { "" };
	json_t *v = NULL;

	require(json_parse(text, n, &v, &ei), &ei);
	return v;
}

static void print_line(const char *type, const json_t *record)
{
	json_t *line = json_pack("{s:s}", "type", type);
	struct buf text = { 0 };

	json_object_update(line, (json_t *)record);
	json_print(line, &text);
	puts(text.data);
	fflush(stdout);
	buf_clear(&text);
	json_decref(line);
}

static enum err on_record(void *ctx, const char *type, const json_t *record, struct errinfo *ei)
{
	(void)ctx;
	(void)ei;
	print_line(type, record);
	return OK;
}

/* --- reading --- */

static enum err open_file(void *ctx, const char *file, int *fd, struct errinfo *ei)
{
	(void)ctx;
	*fd = open(file, O_RDONLY | O_CLOEXEC);
	return *fd < 0 ? err_errno(ei, "cannot open %s", file) : OK;
}

/* As a job without a cache: the encoded rows lie in a folder that is gone again by the end. */
static void load_tokens(struct job *job, const struct dataset_spec *spec)
{
	char dir[] = "/tmp/bertd-train-XXXXXX";
	struct faults faults = { 0 };
	struct errinfo ei = { "" };

	if (!mkdtemp(dir))
		require(err_errno(&ei, "cannot make %s", dir), &ei);
	struct places places = { .data_dir = dir };
	struct token_request r = { .data = spec,
				   .open = open_file,
				   .tokenizer = job->tokenizer,
				   .tokenizer_dir = job->open.dir,
				   .max_length = job->max_length,
				   .model_max_length = job->max_length };
	char *tmp = places_tmp(&places, "");
	require(files_make_dirs(tmp, &ei), &ei);
	enum err e = token_cache_get(&places, &r, &job->tokens, &faults, &ei);
	require_no_faults(&faults);
	require(e, &ei);
	require(files_remove(dir, &ei), &ei);
	free(tmp);
}

static void load_data(struct job *job)
{
	struct faults faults = { 0 };
	struct dataset_spec spec;
	json_t *object = json_object();

	for (int s = 0; s < N_SPLITS; s++)
		if (strcmp(job->files[s], "-") != 0)
			json_object_set_new(object, split_names[s], json_string(job->files[s]));
	dataset_spec_read(object, "#", &spec, &faults);
	require_no_faults(&faults);
	load_tokens(job, &spec);
	dataset_spec_clear(&spec);
	json_decref(object);
}

static void load_args(struct job *job, const char *text)
{
	struct faults faults = { 0 };
	json_t *object = parse(text, strlen(text));

	train_args_read(object, "#", strcmp(job->files[SPLIT_VALIDATION], "-") != 0, &job->args,
			&faults);
	require_no_faults(&faults);
	json_decref(object);
}

/* One epoch of the order that was given, into the next n places. */
static int64_t *copy_epoch(const json_t *epoch, int64_t n, int64_t *to)
{
	for (int64_t i = 0; i < n; i++) {
		int64_t row = json_integer_value(json_array_get(epoch, (size_t)i));

		if ((int64_t)json_array_size(epoch) != n || row < 0 || row >= n) {
			fprintf(stderr,
				"an epoch of the order does not have the rows of the data\n");
			exit(1);
		}
		*to++ = row;
	}
	return to;
}

static void load_order(struct job *job)
{
	int64_t n = job->tokens.splits[SPLIT_TRAIN].n;
	struct errinfo ei = { "" };
	struct buf text = { 0 };
	size_t i;
	json_t *epoch;

	if (!job->order_file)
		return;
	require(files_read(job->order_file, 1 << 28, &text, &ei), &ei);
	json_t *epochs = parse(text.data, text.len);
	int64_t steps = trainer_total_steps(&job->args, n),
		each = trainer_epoch_steps(&job->args, n);
	if ((int64_t)json_array_size(epochs) < (steps + each - 1) / each) {
		fprintf(stderr, "the order has fewer epochs than the run\n");
		exit(1);
	}
	int64_t *to = job->order = mem_zalloc(json_array_size(epochs), (size_t)n * sizeof(*to));
	json_array_foreach(epochs, i, epoch)
		to = copy_epoch(epoch, n, to);
	json_decref(epochs);
	buf_clear(&text);
}

/* --- what it is to take --- */

static void print_estimate(const struct job *job, const struct bert *model)
{
	const struct train_args *a = &job->args;
	struct estimate_input in = { .config = bert_get_config(model),
				     .args = a,
				     .max_length = job->max_length,
				     .cuda = strncmp(job->open.device, "cuda", 4) == 0 };
	struct errinfo ei = { "" };

	for (int s = 0; s < N_SPLITS; s++)
		in.splits[s] = estimate_split_of(job->tokens.facts[s], job->tokens.splits[s].n,
						 s == SPLIT_TRAIN ? a->per_device_train_batch_size
								  : a->per_device_eval_batch_size);
	require(bert_device_speed(job->open.device, a->bf16, &in.speed, &ei), &ei);
	json_t *record = estimate_job(&in);
	json_object_set_new(record, "device",
			    json_pack("{s:f, s:f, s:f}", "flops", in.speed.flops,
				      "bytes_per_second", in.speed.bytes_per_second, "call_seconds",
				      in.speed.call_seconds));
	print_line("estimate", record);
	json_decref(record);
}

/* --- running --- */

static void run(struct job *job)
{
	const char *const *labels = (const char *const *)job->tokens.labels;
	struct trainer_result result;
	struct errinfo ei = { "" };
	struct bert *model;

	job->open.num_labels = job->tokens.n_labels;
	job->open.labels = labels;
	job->open.bf16 = job->args.bf16;
	job->open.seed = (uint64_t)job->args.seed;
	require(bert_open(&job->open, &model, &ei), &ei);
	print_estimate(job, model);
	struct trainer_run run = { .model = model,
				   .tokenizer = job->tokenizer,
				   .splits = job->tokens.splits,
				   .labels = labels,
				   .num_labels = job->tokens.n_labels,
				   .max_length = job->max_length,
				   .args = &job->args,
				   .order = job->order,
				   .dir = job->out_dir,
				   .hooks = { .record = on_record } };
	require(trainer_run(&run, &result, &ei), &ei);
	trainer_result_clear(&result);
	bert_close(model);
}

static void print_resources(double start, double loaded)
{
	struct rusage used;

	getrusage(RUSAGE_SELF, &used);
	json_t *record =
		json_pack("{s:f, s:f, s:f, s:I}", "seconds", clock_monotonic() - start,
			  "load_seconds", loaded - start, "cpu_seconds",
			  (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
				  1e-6 * (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec),
			  "max_rss_bytes", (json_int_t)used.ru_maxrss * 1024);
	print_line("resources", record);
	json_decref(record);
}

static void usage(void)
{
	fprintf(stderr, "train [--threads N] [--dropout P] [--device NAME] [--order FILE]\n"
			"      MODEL_DIR TRAIN VALIDATION TEST OUT_DIR ARGS_JSON [MAX_LENGTH]\n");
	exit(2);
}

static void read_options(int argc, char **argv, struct job *job)
{
	static const struct option options[] = { { "threads", required_argument, NULL, 't' },
						 { "dropout", required_argument, NULL, 'd' },
						 { "device", required_argument, NULL, 'D' },
						 { "order", required_argument, NULL, 'o' },
						 { 0 } };

	for (int c; (c = getopt_long(argc, argv, "+", options, NULL)) != -1;) {
		if (c == 't')
			job->threads = atoi(optarg);
		else if (c == 'd')
			job->open.dropout = atof(optarg);
		else if (c == 'D')
			job->open.device = optarg;
		else if (c == 'o')
			job->order_file = optarg;
		else
			usage();
	}
}

int main(int argc, char **argv)
{
	struct job job = { .open = { .device = "cpu", .train = true, .dropout = -1 } };
	struct errinfo ei = { "" };
	double start = clock_monotonic();

	read_options(argc, argv, &job);
	argc -= optind;
	argv += optind;
	if (argc < 6 || argc > 7)
		usage();
	job.open.dir = argv[0];
	for (int s = 0; s < N_SPLITS; s++)
		job.files[s] = argv[1 + s];
	job.out_dir = argv[4];
	job.max_length = argc == 7 ? atoi(argv[6]) : 64;
	bert_set_threads(job.threads);
	load_args(&job, argv[5]);
	require(tokenizer_open(job.open.dir, &job.tokenizer, &ei), &ei);
	load_data(&job);
	load_order(&job);
	double loaded = clock_monotonic();
	run(&job);
	print_resources(start, loaded);

	tokens_close(&job.tokens);
	tokenizer_free(job.tokenizer);
	train_args_clear(&job.args);
	free(job.order);
	return 0;
}
