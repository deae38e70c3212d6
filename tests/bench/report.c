/* The data report of many rows: seconds, and memory beside the facts.
 *
 *     report [ROWS (1000000)] */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/mem.h"
#include "data/report.h"
#include "data/scripts.h"

/* splitmix64 of Steele, Lea and Flood. */
static uint64_t mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	x = (x ^ x >> 27) * 0x94d049bb133111eb;
	return x ^ x >> 31;
}

/* One of ten repeats an earlier text. */
static struct row_fact row(int64_t i)
{
	uint64_t text = (uint64_t)(i % 10 ? i : i / 2), noise = mix(mix(text));
	int32_t n = 3 + (int32_t)(noise % 200);

	return (struct row_fact){ .hash = { mix(text), noise },
				  .line = i + 2,
				  .label = (int32_t)(i % 4),
				  .n_untruncated = n,
				  .n_tokens = n < 64 ? n : 64,
				  .n_unknown = (int32_t)(noise % 3),
				  .script = (uint8_t)(noise % N_SCRIPTS) };
}

static int64_t peak_bytes(void)
{
	struct rusage used;

	getrusage(RUSAGE_SELF, &used);
	return (int64_t)used.ru_maxrss * 1024;
}

int main(int argc, char **argv)
{
	char *labels[] = { "a", "b", "c", "d" };
	int64_t n = argc > 1 ? atoll(argv[1]) : 1000000;
	struct row_fact *train = mem_zalloc((size_t)n, sizeof(*train));
	struct report_input in = { .facts = { train, train },
				   .n = { n, n / 10 },
				   .labels = labels,
				   .n_labels = 4,
				   .max_length = 64,
				   .model_max_length = 512,
				   .n_special = 2 };

	for (int64_t i = 0; i < n; i++)
		train[i] = row(i);
	int64_t before = peak_bytes();
	double start = clock_monotonic();
	json_t *report = data_report(&in);
	printf("%lld rows: %.3f s, %.1f bytes a row\n", (long long)n, clock_monotonic() - start,
	       (double)(peak_bytes() - before) / (double)n);
	json_dumpf(json_object_get(report, "duplicates"), stdout, JSON_COMPACT);
	puts("");
	json_decref(report);
	free(train);
	return 0;
}
