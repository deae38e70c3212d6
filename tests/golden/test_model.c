/* The real model against transformers and PyTorch: model.json comes from make_model.py. fp32 on the
 * CPU, one thread. */
#include "model_fixture.h"

#include "data/csv.h"
#include "data/textfile.h"

/* --- against transformers --- */

static void logits_are_those_of_transformers(void **state)
{
	const json_t *wanted = json_object_get(golden, "logits");
	struct held_batch h;
	float logits[7 * N_LABELS];
	struct errinfo ei;
	struct bert *b = open_model(false, -1);

	(void)state;
	must(bert_forward(b, golden_batch(&h, 0, 7), logits, &ei), &ei);
	for (size_t i = 0; i < 7 * N_LABELS; i++)
		assert_near((double)logits[i],
			    number_at(json_array_get(wanted, i / N_LABELS), i % N_LABELS), 2e-5,
			    "logit");
	bert_close(b);
}

/* The 2-norm and the samples that make_model.py takes of one tensor. */
static void check_gradient(struct safetensors *st, const char *name, const json_t *wanted)
{
	const struct safetensors_tensor *t = safetensors_find(st, name);
	int n_samples = (int)json_array_size(wanted) - 1;
	double sum = 0, norm = number_at(wanted, 0);
	struct errinfo ei;

	assert_non_null(t);
	float *g = mem_zalloc((size_t)t->n_elements, sizeof(*g));
	must(safetensors_read(st, t, g, &ei), &ei);
	for (int64_t i = 0; i < t->n_elements; i++)
		sum += (double)g[i] * (double)g[i];
	assert_near(sqrt(sum), norm, 1e-4 * norm + 1e-7, name);
	for (int k = 0; k < n_samples; k++)
		assert_near((double)g[k * (t->n_elements - 1) / (n_samples - 1)],
			    number_at(wanted, (size_t)k + 1), 1e-4 * norm + 1e-7, name);
	free(g);
}

static void gradients_are_those_of_pytorch(void **state)
{
	char *path = in(tmp, "gradients.safetensors");
	struct bert *b = open_model(true, 0);
	struct safetensors *st;
	struct held_batch h;
	struct errinfo ei;
	const char *name;
	json_t *wanted;

	(void)state;
	must(bert_gradients_save(b, golden_batch(&h, 0, 7), 0, path, &ei), &ei);
	must(safetensors_open(path, &st, &ei), &ei);
	json_object_foreach(json_object_get(golden, "gradients"), name, wanted)
		check_gradient(st, name, wanted);
	assert_int_equal(safetensors_count(st),
			 json_object_size(json_object_get(golden, "gradients")));
	safetensors_close(st);
	bert_close(b);
	free(path);
}

static void steps_are_those_of_torch_adamw(void **state)
{
	const json_t *wanted = json_object_get(golden, "steps");
	struct bert *b = open_model(true, 0);
	struct held_batch h;
	struct errinfo ei;

	(void)state;
	golden_batch(&h, 0, 7);
	for (size_t i = 0; i < json_array_size(wanted); i++) {
		struct bert_step step = step_of((int64_t)i);
		double loss, norm;
		must(bert_train_step(b, &h.b, 1, &step, &loss, &norm, &ei), &ei);
		assert_near(loss, number_at(json_array_get(wanted, i), 0), 1e-5, "loss");
		assert_near(norm / number_at(json_array_get(wanted, i), 1), 1, 2e-4,
			    "gradient norm");
	}
	bert_close(b);
}

/* --- the fully specified run, where it lies beside the checkout --- */

#define RUN  "../shared/data/reference/parity"
#define ROWS "../shared/data/imdb_train.csv"

/* The labels of the rows that the first batch has, as [0, 1, …]. */
static json_t *first_labels(void)
{
	json_t *order = read_json(RUN "/order.json"), *first = json_array_get(order, 0),
	       *all = json_array();
	json_t *labels = json_array();
	FILE *f = fopen(ROWS, "re");
	struct textfile file;
	struct csv_row row;
	struct errinfo ei;

	assert_non_null(f);
	textfile_init(&file, fileno(f), 1 << 24);
	struct csv *csv = csv_new(&file, 1 << 20);
	must(csv_next(csv, &row, &ei), &ei); /* the header */
	for (must(csv_next(csv, &row, &ei), &ei); row.n; must(csv_next(csv, &row, &ei), &ei))
		json_array_append_new(all, json_integer(strcmp(row.fields[1], "positive") == 0));
	for (size_t i = 0; i < 8; i++)
		json_array_append(labels, json_array_get(all, (size_t)number_at(first, i)));
	csv_free(csv);
	textfile_clear(&file);
	fclose(f);
	json_decref(all);
	json_decref(order);
	return labels;
}

static void check_first_logits(struct bert *b, const struct bert_batch *batch, const json_t *wanted)
{
	float logits[16];
	struct errinfo ei;

	must(bert_forward(b, batch, logits, &ei), &ei);
	for (size_t i = 0; i < 16; i++)
		assert_near((double)logits[i], number_at(json_array_get(wanted, i / 2), i % 2),
			    2e-5, "logit");
}

static void check_first_norms(struct bert *b, const struct bert_batch *batch, const json_t *wanted)
{
	char *path = in(tmp, "gradients.safetensors");
	struct safetensors *st;
	struct errinfo ei;
	const char *name;
	json_t *norm;

	must(bert_gradients_save(b, batch, 0, path, &ei), &ei);
	must(safetensors_open(path, &st, &ei), &ei);
	json_object_foreach((json_t *)wanted, name, norm) {
		json_t *only = json_pack("[f]", json_number_value(norm));
		check_gradient(st, name, only);
		json_decref(only);
	}
	safetensors_close(st);
	free(path);
}

static void first_batch_is_that_of_the_reference_run(void **state)
{
	struct held_batch h;

	(void)state;
	if (!files_exist(RUN)) {
		print_message("there is no %s\n", RUN);
		skip();
	}
	json_t *run = read_json(RUN "/parity_imdb64.json"), *labels = first_labels();
	make_model(tmp, RUN "/init_classifier.safetensors");
	fill_batch(&h, json_object_get(run, "first_batch_ids"), NULL, labels, 0, 8);
	struct bert *b = open_with(tmp, true, 0, 2);
	check_first_logits(b, &h.b, json_object_get(run, "first_batch_logits"));
	check_first_norms(b, &h.b, json_object_get(run, "first_batch_grad_norms"));
	bert_close(b);
	json_decref(labels);
	json_decref(run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(logits_are_those_of_transformers),
		TEST(gradients_are_those_of_pytorch),
		TEST(steps_are_those_of_torch_adamw),
		TEST(first_batch_is_that_of_the_reference_run),
	};

	return cmocka_run_group_tests(tests, make_group, remove_group);
}
