/* The real model against itself: what is saved, restored, resumed, refused. fp32 on the CPU, one
 * thread. */
#include "model_fixture.h"

#include "base/hash.h"

#include <pthread.h>

static void assert_same_file(const char *folder_a, const char *folder_b, const char *name)
{
	char a[SHA256_HEX_SIZE], b[SHA256_HEX_SIZE], *path_a = in(folder_a, name),
						     *path_b = in(folder_b, name);
	struct errinfo ei;

	must(hash_file(path_a, a, &ei), &ei);
	must(hash_file(path_b, b, &ei), &ei);
	assert_string_equal(a, b);
	free(path_a);
	free(path_b);
}

static char *folder_in_tmp(const char *name)
{
	char *path = in(tmp, name);
	struct errinfo ei;

	must(files_make_dirs(path, &ei), &ei);
	return path;
}

static void save_all(const struct bert *b, const char *folder)
{
	char *path = in(folder, "optimizer.safetensors");
	struct errinfo ei;

	must(bert_save(b, folder, &ei), &ei);
	must(bert_optimizer_save(b, path, &ei), &ei);
	free(path);
}

static struct bert *reopen_all(const char *folder, double dropout)
{
	struct bert *b = open_with(folder, true, dropout, 0);
	char *path = in(folder, "optimizer.safetensors");
	struct errinfo ei;

	must(bert_optimizer_load(b, path, &ei), &ei);
	free(path);
	return b;
}

/* Steps alternate between two batches, so that the second half meets rows and moments of the first.
 */
static void train_both(struct bert *b, const struct held_batch *h, int64_t from, int64_t to)
{
	for (int64_t i = from; i < to; i++)
		train(b, &h[i % 2].b, i, i + 1);
}

static void resumed_run_equals_the_straight_one_to_the_bit(void **state)
{
	char *straight = folder_in_tmp("straight"), *half = folder_in_tmp("half"),
	     *resumed = folder_in_tmp("resumed");
	struct held_batch h[2];
	struct bert *b = open_model(true, 0.1);

	(void)state;
	golden_batch(&h[0], 0, 3);
	golden_batch(&h[1], 3, 7);
	train_both(b, h, 0, 3);
	save_all(b, half);
	train_both(b, h, 3, 6);
	save_all(b, straight);
	bert_close(b);

	b = reopen_all(half, 0.1);
	train_both(b, h, 3, 6);
	save_all(b, resumed);
	bert_close(b);
	assert_same_file(straight, resumed, "model.safetensors");
	assert_same_file(straight, resumed, "optimizer.safetensors");
	assert_same_file(straight, resumed, "config.json");
	free(straight);
	free(half);
	free(resumed);
}

static void same_seed_gives_the_same_loss_and_another_seed_another(void **state)
{
	struct held_batch h;
	struct errinfo ei;
	double loss[3], norm;

	(void)state;
	golden_batch(&h, 0, 7);
	for (int i = 0; i < 3; i++) {
		struct bert *b = open_model(true, 0.1);
		struct bert_step step = step_of(0);
		step.seed = i < 2 ? 1 : 2;
		must(bert_train_step(b, &h.b, 1, &step, &loss[i], &norm, &ei), &ei);
		bert_close(b);
	}
	assert_true(loss[0] == loss[1]);
	assert_true(loss[0] != loss[2]);
}

static void training_lowers_the_loss(void **state)
{
	struct held_batch h;
	struct bert *b = open_model(true, 0.1);

	(void)state;
	golden_batch(&h, 0, 7);
	double first = train(b, &h.b, 0, 1), last = train(b, &h.b, 1, 12);
	assert_true(last < 0.7 * first);
	bert_close(b);
}

static void forward_all(struct bert *b, const struct bert_batch *batch, float *logits)
{
	struct errinfo ei;

	must(bert_forward(b, batch, logits, &ei), &ei);
}

static void a_text_alone_has_the_logits_it_has_in_a_batch(void **state)
{
	float together[7 * N_LABELS], alone[N_LABELS];
	struct bert *b = open_model(false, -1);
	struct held_batch h;

	(void)state;
	forward_all(b, golden_batch(&h, 0, 7), together);
	for (int i = 0; i < 7; i++) {
		forward_all(b, golden_batch(&h, i, i + 1), alone);
		for (int k = 0; k < N_LABELS; k++)
			assert_near((double)alone[k], (double)together[i * N_LABELS + k], 2e-6,
				    "logit");
	}
	bert_close(b);
}

static void a_model_for_training_answers_as_one_for_serving(void **state)
{
	float serving[7 * N_LABELS], training[7 * N_LABELS];
	struct bert *a = open_model(false, -1), *b = open_model(true, -1);
	struct held_batch h;

	(void)state;
	golden_batch(&h, 0, 7);
	forward_all(a, &h.b, serving);
	forward_all(b, &h.b, training);
	for (int i = 0; i < 7 * N_LABELS; i++)
		assert_near((double)training[i], (double)serving[i], 5e-6, "logit");
	bert_close(a);
	bert_close(b);
}

static void micro_batches_add_up_to_the_whole_batch(void **state)
{
	struct held_batch whole, half[2];
	struct bert *a = open_model(true, 0), *b = open_model(true, 0);
	struct bert_step step = step_of(0);
	struct errinfo ei;
	double loss[2], norm[2];

	(void)state;
	golden_batch(&whole, 0, 6);
	struct bert_batch micro[2] = { *golden_batch(&half[0], 0, 3),
				       *golden_batch(&half[1], 3, 6) };
	micro[0].loss_scale = micro[1].loss_scale = 0.5;
	must(bert_train_step(a, &whole.b, 1, &step, &loss[0], &norm[0], &ei), &ei);
	must(bert_train_step(b, micro, 2, &step, &loss[1], &norm[1], &ei), &ei);
	assert_near(loss[1], loss[0], 1e-6, "loss");
	assert_near(norm[1], norm[0], 1e-5, "gradient norm");
	bert_close(a);
	bert_close(b);
}

static void restore_brings_the_saved_weights_back(void **state)
{
	float saved[7 * N_LABELS], moved[7 * N_LABELS], restored[7 * N_LABELS];
	struct bert *b = open_model(true, 0);
	struct held_batch h;
	struct errinfo ei;

	(void)state;
	golden_batch(&h, 0, 7);
	train(b, &h.b, 0, 1);
	forward_all(b, &h.b, saved);
	must(bert_save(b, tmp, &ei), &ei);
	train(b, &h.b, 1, 3);
	forward_all(b, &h.b, moved);
	assert_memory_not_equal(saved, moved, sizeof(saved));
	must(bert_restore(b, tmp, &ei), &ei);
	forward_all(b, &h.b, restored);
	assert_memory_equal(saved, restored, sizeof(saved));
	bert_close(b);
}

static void a_serving_model_saves_the_weights_it_was_given(void **state)
{
	char *first = folder_in_tmp("first"), *second = folder_in_tmp("second");
	struct bert *b = open_model(true, -1);
	struct errinfo ei;

	(void)state;
	must(bert_save(b, first, &ei), &ei);
	bert_close(b);
	b = open_with(first, false, -1, 0);
	must(bert_save(b, second, &ei), &ei);
	bert_close(b);
	assert_same_file(first, second, "model.safetensors");
	assert_same_file(first, second, "config.json");
	free(first);
	free(second);
}

static void a_loss_that_is_not_finite_leaves_the_weights(void **state)
{
	char *before = folder_in_tmp("before"), *after = folder_in_tmp("after");
	struct bert *b = open_model(true, 0);
	struct bert_step step = step_of(0);
	struct held_batch h;
	struct errinfo ei;
	double loss, norm;

	(void)state;
	golden_batch(&h, 0, 7);
	step.learning_rate = 1e30;
	must(bert_train_step(b, &h.b, 1, &step, &loss, &norm, &ei), &ei);
	save_all(b, before);
	must(bert_train_step(b, &h.b, 1, &step, &loss, &norm, &ei), &ei);
	assert_false(isfinite(loss) && isfinite(norm));
	save_all(b, after);
	bert_close(b);
	assert_same_file(before, after, "model.safetensors");
	assert_same_file(before, after, "optimizer.safetensors");
	free(before);
	free(after);
}

static void missing_head_is_initialised_from_the_seed_and_listed(void **state)
{
	struct bert_open_args args = { .dir = MINILM,
				       .num_labels = 2,
				       .labels = (const char *[]){ "no", "yes" },
				       .device = "cpu",
				       .seed = 7,
				       .dropout = -1 };
	float logits[3][2];
	struct held_batch h;
	struct errinfo ei;

	(void)state;
	golden_batch(&h, 0, 1);
	for (int i = 0; i < 3; i++) {
		struct bert *b;
		args.seed = i < 2 ? 7 : 8;
		must(bert_open(&args, &b, &ei), &ei);
		assert_int_equal(bert_n_initialised(b), 2);
		assert_string_equal(bert_initialised(b, 0), "classifier.bias");
		assert_string_equal(bert_initialised(b, 1), "classifier.weight");
		assert_null(bert_initialised(b, 2));
		assert_string_equal(bert_get_config(b)->labels[1], "yes");
		assert_int_equal(bert_n_parameters(b), 22713216 + 2 * HIDDEN + 2);
		assert_int_equal(bert_config_n_parameters(bert_get_config(b)),
				 bert_n_parameters(b));
		forward_all(b, &h.b, logits[i]);
		bert_close(b);
	}
	assert_memory_equal(logits[0], logits[1], sizeof(logits[0]));
	assert_memory_not_equal(logits[0], logits[2], sizeof(logits[0]));
}

static void head_of_another_size_is_replaced_when_labels_are_given(void **state)
{
	struct bert *b = open_with(dir, false, -1, 5);

	(void)state;
	assert_int_equal(bert_n_initialised(b), 2);
	assert_int_equal(bert_get_config(b)->num_labels, 5);
	assert_string_equal(bert_get_config(b)->labels[4], "LABEL_4");
	bert_close(b);
}

/* A config.json like MiniLM's, with one member changed. */
static void write_config(const char *name, json_t *value)
{
	json_t *c = read_json(MINILM "/config.json");
	char *path = in(tmp, "config.json"), *text;
	struct errinfo ei;

	json_object_set_new(c, name, value);
	text = json_dumps(c, 0);
	must(files_write(path, text, strlen(text), &ei), &ei);
	free(text);
	free(path);
	json_decref(c);
}

static void checkpoints_that_do_not_fit_are_refused_by_name(void **state)
{
	static const struct {
		const char *member;
		int value;
		const char *says;
	} cases[] = {
		{ "num_hidden_layers", 7, "no bert.encoder.layer.6.attention.self.query.weight" },
		{ "vocab_size", 30521,
		  "bert.embeddings.word_embeddings.weight has the shape (30522, 384)" },
		{ "intermediate_size", 1537,
		  "layer.0.intermediate.dense.weight has the shape (1536, 384)" },
		{ "hidden_size", 12, "word_embeddings.weight has the shape (30522, 384)" },
	};
	struct bert_open_args args = {
		.dir = tmp, .num_labels = 2, .device = "cpu", .dropout = -1
	};

	(void)state;
	link_file(tmp, "model.safetensors", MINILM "/model.safetensors");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bert *b;
		struct errinfo ei = { "" };
		write_config(cases[i].member, json_integer(cases[i].value));
		assert_int_equal(bert_open(&args, &b, &ei), ERR_INVALID);
		if (!strstr(ei.msg, cases[i].says))
			fail_msg("%s: %s", cases[i].member, ei.msg);
	}
}

static void a_checkpoint_without_a_head_opens_and_says_so(void **state)
{
	struct bert *b = open_with(MINILM, false, -1, 0);

	(void)state;
	assert_int_equal(bert_n_initialised(b), 2);
	assert_int_equal(bert_get_config(b)->num_labels, 2);
	bert_close(b);
}

static void a_head_that_contradicts_its_config_is_refused_without_labels(void **state)
{
	struct bert_open_args args = { .dir = dir, .device = "cpu", .dropout = -1 };
	struct bert *b;
	struct errinfo ei;

	(void)state;
	assert_int_equal(bert_open(&args, &b, &ei),
			 ERR_INVALID); /* MiniLM's config.json says 2 labels */
	assert_non_null(strstr(ei.msg, "classifier.weight has the shape (3, 384)"));
}

static void *count_threads(void *out)
{
	struct bert_device_info *info = out;
	struct errinfo ei;

	bert_set_threads(2);
	must(bert_device_info("cpu", info, &ei), &ei);
	return NULL;
}

static void threads_are_set_for_the_calling_thread_only(void **state)
{
	struct bert_device_info theirs, ours;
	struct errinfo ei;
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, count_threads, &theirs), 0);
	pthread_join(thread, NULL);
	must(bert_device_info("cpu", &ours, &ei), &ei);
	assert_string_equal(theirs.name, "cpu (2 threads)");
	assert_string_equal(ours.name, "cpu (1 thread)");
}

/* The head that transformers makes after set_seed(42). */
static void a_new_head_is_the_one_that_transformers_makes(void **state)
{
	const json_t *wanted = json_object_get(golden, "new_head");
	char *path = in(tmp, "model.safetensors");
	struct bert *b = open_with(MINILM, true, -1, N_LABELS);
	struct safetensors *st;
	struct errinfo ei;
	float head[N_LABELS * HIDDEN];

	(void)state;
	must(bert_save(b, tmp, &ei), &ei);
	bert_close(b);
	must(safetensors_open(path, &st, &ei), &ei);
	must(safetensors_read(st, safetensors_find(st, "classifier.weight"), head, &ei), &ei);
	for (size_t i = 0; i < json_array_size(wanted); i++)
		assert_true((double)head[i] == number_at(wanted, i));
	safetensors_close(st);
	free(path);
}

/* A head that fits is left out where a new one is asked for, and is then the same as where the
 * checkpoint has none. */
static void a_head_that_fits_can_be_made_anew(void **state)
{
	struct bert *fresh = open_with(MINILM, true, -1, N_LABELS), *again;
	struct errinfo ei;

	(void)state;
	must(bert_save(fresh, tmp, &ei), &ei);
	struct bert_open_args args = { .dir = tmp,
				       .num_labels = N_LABELS,
				       .device = "cpu",
				       .train = true,
				       .seed = 7,
				       .dropout = -1 };
	must(bert_open(&args, &again, &ei), &ei);
	assert_int_equal(bert_n_initialised(again), 0);
	bert_close(again);
	args.new_head = true;
	must(bert_open(&args, &again, &ei), &ei);
	assert_int_equal(bert_n_initialised(again), 2);
	assert_string_equal(bert_initialised(again, 0), "classifier.bias");
	assert_string_equal(bert_initialised(again, 1), "classifier.weight");
	bert_close(again);
	bert_close(fresh);
}

static void batches_out_of_bounds_are_refused(void **state)
{
	static const struct {
		int32_t id, type, label, end;
		const char *says;
	} cases[] = {
		{ 30522, 0, 0, 3, "token id 30522" },
		{ -1, 0, 0, 3, "token id -1" },
		{ 5, 2, 0, 3, "token type 2" },
		{ 5, -1, 0, 3, "token type -1" },
		{ 5, 0, 3, 3, "label 3" },
		{ 5, 0, -1, 3, "label -1" },
		{ 5, 0, 0, 0, "tokens 0 to 0" },
		{ 5, 0, 0, 4, "1 sequences and 3 tokens" },
		{ 5, 0, 0, 600, "600 tokens" },
	};
	struct bert *b = open_model(true, 0);
	int32_t ids[600] = { 101, 5, 102 }, types[600] = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int32_t cu_seqlens[] = { 0, cases[i].end }, label = cases[i].label;
		struct bert_batch batch = {
			1, cases[i].end == 4 ? 3 : cases[i].end, ids, types, cu_seqlens, &label, 1
		};
		struct bert_step step = step_of(0);
		struct errinfo ei = { "" };
		double loss, norm;
		ids[1] = cases[i].id;
		types[1] = cases[i].type;
		assert_int_equal(bert_train_step(b, &batch, 1, &step, &loss, &norm, &ei),
				 ERR_INVALID);
		if (!strstr(ei.msg, cases[i].says))
			fail_msg("case %zu: %s", i, ei.msg);
	}
	bert_close(b);
}

static void optimizer_state_that_does_not_fit_is_refused(void **state)
{
	char *path = in(tmp, "optimizer.safetensors");
	const struct safetensors_item item = { "step", 1, { 1 } };
	struct safetensors_writer *w;
	struct bert *b = open_model(true, 0);
	struct errinfo ei;
	float two = 2;

	(void)state;
	assert_int_equal(bert_optimizer_load(b, path, &ei), ERR_NOT_FOUND);
	assert_int_equal(bert_optimizer_save(b, path, &ei), ERR_CONFLICT);
	must(safetensors_create(path, &item, 1, &w, &ei), &ei);
	must(safetensors_put(w, &two, 1, &ei), &ei);
	must(safetensors_finish(w, &ei), &ei);
	assert_int_equal(bert_optimizer_load(b, path, &ei), ERR_INVALID);
	assert_non_null(strstr(ei.msg, "rows of the word embeddings"));
	bert_close(b);
	free(path);
}

static void bf16_answers_nearly_as_fp32(void **state)
{
	struct bert_open_args args = { .dir = dir, .device = "cpu", .bf16 = true, .dropout = -1 };
	float exact[7 * N_LABELS], rounded[7 * N_LABELS];
	struct bert *a = open_model(false, -1), *b;
	struct held_batch h;
	struct errinfo ei;

	(void)state;
	args.num_labels = N_LABELS;
	enum err e = bert_open(&args, &b, &ei);
	if (e == ERR_UNSUPPORTED) {
		bert_close(a);
		skip();
	}
	must(e, &ei);
	golden_batch(&h, 0, 7);
	forward_all(a, &h.b, exact);
	forward_all(b, &h.b, rounded);
	for (int i = 0; i < 7 * N_LABELS; i++)
		assert_near((double)rounded[i], (double)exact[i], 5e-3, "logit");
	assert_true(bert_bytes(b) < bert_bytes(a));
	bert_close(a);
	bert_close(b);
}

static void bf16_training_lowers_the_loss(void **state)
{
	struct bert_open_args args = {
		.dir = dir, .device = "cpu", .bf16 = true, .train = true, .dropout = 0.1
	};
	struct held_batch h;
	struct errinfo ei;
	struct bert *b;

	(void)state;
	args.num_labels = N_LABELS;
	enum err e = bert_open(&args, &b, &ei);
	if (e == ERR_UNSUPPORTED)
		skip();
	must(e, &ei);
	golden_batch(&h, 0, 7);
	double first = train(b, &h.b, 0, 1), last = train(b, &h.b, 1, 12);
	assert_true(last < 0.7 * first);
	bert_close(b);
}

static void devices_that_are_not_there_are_named(void **state)
{
	static const char *const names[] = { "",	"gpu",	   "cuda:",   "cuda:x",
					     "cuda:1x", "cuda:-1", "cuda:99", "mps" };
	struct bert_device_info info;
	struct errinfo ei;

	(void)state;
	must(bert_device_info("cpu", &info, &ei), &ei);
	assert_string_equal(info.name, "cpu (1 thread)");
	assert_true(info.bytes_total > 0 && info.bytes_free > 0);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_int_equal(bert_device_info(names[i], &info, &ei), ERR_DEVICE);
}

/* No processor computes as slowly or as fast as the bounds. */
static void the_speed_of_a_device_is_measured_once(void **state)
{
	struct bert_speed first, second;
	struct errinfo ei;

	(void)state;
	must(bert_device_speed("cpu", false, &first, &ei), &ei);
	must(bert_device_speed("cpu", false, &second, &ei), &ei);
	assert_memory_equal(&first, &second, sizeof(first));
	assert_true(first.flops > 1e8 && first.flops < 1e14);
	assert_true(first.bytes_per_second > 1e7 && first.bytes_per_second < 1e13);
	assert_true(first.call_seconds > 1e-8 && first.call_seconds < 1e-3);
	assert_int_equal(bert_device_speed("mps", false, &first, &ei), ERR_DEVICE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(resumed_run_equals_the_straight_one_to_the_bit),
		TEST(same_seed_gives_the_same_loss_and_another_seed_another),
		TEST(training_lowers_the_loss),
		TEST(a_text_alone_has_the_logits_it_has_in_a_batch),
		TEST(a_model_for_training_answers_as_one_for_serving),
		TEST(micro_batches_add_up_to_the_whole_batch),
		TEST(restore_brings_the_saved_weights_back),
		TEST(a_serving_model_saves_the_weights_it_was_given),
		TEST(a_loss_that_is_not_finite_leaves_the_weights),
		TEST(missing_head_is_initialised_from_the_seed_and_listed),
		TEST(head_of_another_size_is_replaced_when_labels_are_given),
		TEST(checkpoints_that_do_not_fit_are_refused_by_name),
		TEST(a_checkpoint_without_a_head_opens_and_says_so),
		TEST(a_head_that_contradicts_its_config_is_refused_without_labels),
		TEST(a_new_head_is_the_one_that_transformers_makes),
		TEST(a_head_that_fits_can_be_made_anew),
		TEST(threads_are_set_for_the_calling_thread_only),
		TEST(batches_out_of_bounds_are_refused),
		TEST(optimizer_state_that_does_not_fit_is_refused),
		TEST(bf16_answers_nearly_as_fp32),
		TEST(bf16_training_lowers_the_loss),
		TEST(devices_that_are_not_there_are_named),
		TEST(the_speed_of_a_device_is_measured_once),
	};

	return cmocka_run_group_tests(tests, make_group, remove_group);
}
