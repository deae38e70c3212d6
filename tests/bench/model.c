/* Drives the real model by hand: for tests/golden/model_parity.py and for measurements.
 *
 *     model logits DIR                  a line of logits for each batch
 *     model gradients DIR OUT           gradients of the first batch's mean loss, dropout off, as
 * safetensors model steps DIR [OUT]             one optimizer step a batch: loss, gradient norm,
 * milliseconds; saves into OUT model device NAME                 what is known about a device
 *
 * Batches come on stdin, one JSON object a line: {"input_ids": [[101, …], …], "labels": [0, …],
 * "learning_rate": 5e-5}. Options stand first: --threads N, --labels N, --dropout P, --seed N,
 * --device NAME, --bf16, --repeat N (of the input),
 * --weight-decay X. */
#include "base/json.h"
#include "base/mem.h"
#include "model/bert.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

struct options {
	struct bert_open_args open;
	int threads, repeat;
	double weight_decay;
};

/* The arrays that a struct bert_batch points to. */
struct held_batch {
	struct bert_batch b;
	double learning_rate;
	int32_t *input_ids, *token_type_ids, *cu_seqlens, *labels;
};

static void die(const char *what)
{
	fprintf(stderr, "model: %s\n", what);
	exit(1);
}

static void require(enum err e, const struct errinfo *ei)
{
	if (e != OK)
		die(mem_printf("%s: %s", err_name(e), ei->msg));
}

static int32_t int_at(const json_t *array, size_t i)
{
	const json_t *v = json_array_get(array, i);

	if (!json_is_integer(v))
		die("the input holds something that is not an integer");
	return (int32_t)json_integer_value(v);
}

static void fill_batch(struct held_batch *h, const json_t *seqs)
{
	int n_seqs = (int)json_array_size(seqs), n = 0;

	for (int i = 0; i < n_seqs; i++)
		n += (int)json_array_size(json_array_get(seqs, (size_t)i));
	h->input_ids = mem_zalloc((size_t)n + 1, sizeof(int32_t));
	h->token_type_ids = mem_zalloc((size_t)n + 1, sizeof(int32_t));
	h->cu_seqlens = mem_zalloc((size_t)n_seqs + 1, sizeof(int32_t));
	n = 0;
	for (int i = 0; i < n_seqs; i++) {
		const json_t *seq = json_array_get(seqs, (size_t)i);
		for (size_t k = 0; k < json_array_size(seq); k++)
			h->input_ids[n++] = int_at(seq, k);
		h->cu_seqlens[i + 1] = n;
	}
	h->b = (struct bert_batch){ n_seqs, n, h->input_ids, h->token_type_ids, h->cu_seqlens,
				    NULL,   1 };
}

static void parse_batch(struct held_batch *h, const char *line, size_t len)
{
	json_t *object = NULL;
	struct errinfo ei;

	require(json_parse(line, len, &object, &ei), &ei);
	fill_batch(h, json_object_get(object, "input_ids"));
	const json_t *labels = json_object_get(object, "labels");
	if (labels) {
		h->labels = mem_zalloc((size_t)h->b.n_seqs, sizeof(int32_t));
		for (int i = 0; i < h->b.n_seqs; i++)
			h->labels[i] = int_at(labels, (size_t)i);
		h->b.labels = h->labels;
	}
	const json_t *rate = json_object_get(object, "learning_rate");
	h->learning_rate = rate ? json_number_value(rate) : 5e-5;
	json_decref(object);
}

static struct held_batch *read_batches(int *n)
{
	struct held_batch *all = NULL;
	char *line = NULL;
	size_t cap = 0;
	ssize_t len;

	*n = 0;
	while ((len = getline(&line, &cap, stdin)) > 0) {
		all = mem_resize(all, (size_t)*n + 1, sizeof(*all));
		all[*n] = (struct held_batch){ 0 };
		parse_batch(&all[(*n)++], line, (size_t)len);
	}
	free(line);
	if (*n == 0)
		die("no batch on stdin");
	return all;
}

static void free_batches(struct held_batch *all, int n)
{
	for (int i = 0; i < n; i++) {
		free(all[i].input_ids);
		free(all[i].token_type_ids);
		free(all[i].cu_seqlens);
		free(all[i].labels);
	}
	free(all);
}

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static double seconds(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec * 1e-6;
}

static double cpu_ms(void)
{
	struct rusage ru;

	getrusage(RUSAGE_SELF, &ru);
	return (seconds(ru.ru_utime) + seconds(ru.ru_stime)) * 1e3;
}

static void report(const char *what, int n, double wall, double cpu)
{
	struct rusage ru;

	getrusage(RUSAGE_SELF, &ru);
	fprintf(stderr, "%d %s, each %.2f ms and %.2f ms of CPU, peak RSS %ld MiB\n", n, what,
		wall / n, cpu / n, ru.ru_maxrss / 1024);
}

static void logits(struct bert *b, const struct held_batch *batches, int n, int repeat)
{
	int width = bert_get_config(b)->num_labels;
	struct errinfo ei;
	double start = now_ms(), cpu = cpu_ms();

	for (int i = 0; i < n * repeat; i++) {
		const struct bert_batch *batch = &batches[i % n].b;
		float *out = mem_zalloc((size_t)batch->n_seqs * (size_t)width, sizeof(*out));
		require(bert_forward(b, batch, out, &ei), &ei);
		for (int k = 0; i < n && k < batch->n_seqs * width; k++)
			printf("%s%.9g", k == 0 ? "[" : ", ", (double)out[k]);
		if (i < n)
			printf("]\n");
		free(out);
	}
	report("batches", n * repeat, now_ms() - start, cpu_ms() - cpu);
}

static void steps(struct bert *b, const struct held_batch *batches, int n, const struct options *o)
{
	struct errinfo ei;
	double start = now_ms(), cpu = cpu_ms(), loss, norm;

	for (int i = 0; i < n * o->repeat; i++) {
		const struct held_batch *h = &batches[i % n];
		struct bert_step step = {
			i, o->open.seed, h->learning_rate, o->weight_decay, 0.9, 0.999, 1e-8, 1
		};
		double before = now_ms();
		require(bert_train_step(b, &h->b, 1, &step, &loss, &norm, &ei), &ei);
		printf("{\"step\": %d, \"loss\": %.9g, \"grad_norm\": %.9g, \"ms\": %.2f}\n", i,
		       loss, norm, now_ms() - before);
	}
	report("steps", n * o->repeat, now_ms() - start, cpu_ms() - cpu);
}

static void describe(const char *device)
{
	struct bert_device_info info;
	struct errinfo ei;

	require(bert_device_info(device, &info, &ei), &ei);
	printf("%s, libtorch %s, %lld of %lld MiB free\n", info.name, info.libtorch,
	       (long long)info.bytes_free >> 20, (long long)info.bytes_total >> 20);
}

static void parse_options(int argc, char **argv, struct options *o)
{
	static const struct option names[] = {
		{ "threads", 1, NULL, 't' },
		{ "labels", 1, NULL, 'l' },
		{ "dropout", 1, NULL, 'p' },
		{ "seed", 1, NULL, 's' },
		{ "device", 1, NULL, 'd' },
		{ "bf16", 0, NULL, 'b' },
		{ "repeat", 1, NULL, 'r' },
		{ "weight-decay", 1, NULL, 'w' },
		{ 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "+", names, NULL)) != -1) {
		switch (c) {
		case 't':
			o->threads = atoi(optarg);
			break;
		case 'l':
			o->open.num_labels = atoi(optarg);
			break;
		case 'p':
			o->open.dropout = atof(optarg);
			break;
		case 's':
			o->open.seed = strtoull(optarg, NULL, 10);
			break;
		case 'd':
			o->open.device = optarg;
			break;
		case 'b':
			o->open.bf16 = true;
			break;
		case 'r':
			o->repeat = atoi(optarg);
			break;
		case 'w':
			o->weight_decay = atof(optarg);
			break;
		default:
			die("unknown option; the head of tests/bench/model.c lists them");
		}
	}
}

int main(int argc, char **argv)
{
	struct options o = { .open = { .device = "cpu", .dropout = 0, .seed = 42 },
			     .threads = 1,
			     .repeat = 1 };
	struct errinfo ei;
	struct bert *b;
	int n;

	parse_options(argc, argv, &o);
	argv += optind;
	argc -= optind;
	bert_set_threads(o.threads);
	if (argc == 2 && strcmp(argv[0], "device") == 0) {
		describe(argv[1]);
		return 0;
	}
	if (argc < 2)
		die("usage: model [options] logits|gradients|steps DIR [OUT]");
	o.open.dir = argv[1];
	o.open.train = strcmp(argv[0], "logits") != 0;
	struct held_batch *batches = read_batches(&n);
	require(bert_open(&o.open, &b, &ei), &ei);
	for (int i = 0; i < bert_n_initialised(b); i++)
		fprintf(stderr, "newly initialised: %s\n", bert_initialised(b, i));
	if (strcmp(argv[0], "logits") == 0)
		logits(b, batches, n, o.repeat);
	else if (strcmp(argv[0], "gradients") == 0 && argc == 3)
		require(bert_gradients_save(b, &batches[0].b, 0, argv[2], &ei), &ei);
	else if (strcmp(argv[0], "steps") == 0)
		steps(b, batches, n, &o);
	else
		die("unknown mode");
	if (strcmp(argv[0], "steps") == 0 && argc == 3)
		require(bert_save(b, argv[2], &ei), &ei);
	bert_close(b);
	free_batches(batches, n);
	return 0;
}
