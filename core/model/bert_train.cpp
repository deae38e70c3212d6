/* Gradients, AdamW and its state. See bert.h and bert_impl.hpp. */
#include "model/bert_impl.hpp"

#include <cmath>

#include <ATen/ops/_foreach_norm.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>
#include <c10/core/GradMode.h>

namespace bert_impl
{

static dropout dropout_of(const struct bert &b, uint64_t seed)
{
	const struct bert_config &c = b.config;
	dropout d;

	d.hidden = c.hidden_dropout_prob;
	d.attention = c.attention_probs_dropout_prob;
	d.classifier = c.classifier_dropout < 0 ? c.hidden_dropout_prob : c.classifier_dropout;
	d.seed = seed;
	if (b.device.is_cuda())
		d.generator = generator_of(b.device, seed);
	return d;
}

/* The ids of a row_set as an index tensor. */
static at::Tensor index_of(const struct bert &b, const row_set &rows)
{
	at::Tensor index = at::empty({ static_cast<int64_t>(rows.ids.size()) }, at::kLong);

	std::copy(rows.ids.begin(), rows.ids.end(), index.data_ptr<int64_t>());
	return index.to(b.device);
}

static void clear_gradients(struct bert &b)
{
	for (leaf &l : b.leaves)
		l.value.mutable_grad().reset();
}

/* Forward and backward of one micro-batch; gradients add up in the leaves and in word_rows. */
static at::Tensor backward(const struct bert &b, const at::Tensor &word_rows, const packed_batch &p,
			   uint64_t seed)
{
	c10::AutoGradMode grad(true);
	dropout d = dropout_of(b, seed);
	at::Tensor loss =
		at::cross_entropy_loss(logits_of(b, word_rows, p, d), p.labels).mul(p.loss_scale);

	loss.backward();
	return loss.detach();
}

/* Copies of the embeddings of rows, as a leaf of its own. */
static at::Tensor gather(const struct bert &b, const at::Tensor &index)
{
	return b.word->value.detach().index_select(0, index).requires_grad_(true);
}

/* --- the step --- */

/* Moments for every leaf, and for the rows that came since the last step. */
static void grow_moments(struct bert &b)
{
	for (leaf &l : b.leaves) {
		if (!l.exp_avg.defined() && &l != b.word) {
			l.exp_avg = at::zeros(l.shape, l.value.options().requires_grad(false));
			l.exp_avg_sq = at::zeros(l.shape, l.value.options().requires_grad(false));
		}
	}
	int64_t had = b.word->exp_avg.defined() ? b.word->exp_avg.size(0) : 0;
	int64_t more = static_cast<int64_t>(b.rows.ids.size()) - had;
	if (more == 0)
		return;
	at::Tensor zeros = at::zeros({ more, b.config.hidden_size },
				     b.word->value.options().requires_grad(false));
	b.word->exp_avg = had ? at::cat({ b.word->exp_avg, zeros }) : zeros;
	b.word->exp_avg_sq = had ? at::cat({ b.word->exp_avg_sq, zeros }) : zeros.clone();
}

/* The parallel lists that the fused kernel takes, of one group of weight decay. */
struct group {
	std::vector<at::Tensor> values, gradients, exp_avgs, exp_avg_sqs;

	void add(const at::Tensor &value, const leaf &l)
	{
		if (!value.grad().defined())
			return;
		values.push_back(value.detach());
		gradients.push_back(value.grad());
		exp_avgs.push_back(l.exp_avg);
		exp_avg_sqs.push_back(l.exp_avg_sq);
	}
};

static void update(const group &g, const struct bert_step &step, double decay,
		   const at::Tensor &count, const std::optional<at::Tensor> &divisor)
{
	std::vector<at::Tensor> counts(g.values.size(), count);

	at::_fused_adamw_(g.values, g.gradients, g.exp_avgs, g.exp_avg_sqs, {}, counts,
			  step.learning_rate, step.adam_beta1, step.adam_beta2, decay,
			  step.adam_epsilon, false, false, divisor);
}

static double norm_of(const group &a, const group &c)
{
	std::vector<at::Tensor> all = a.gradients;

	all.insert(all.end(), c.gradients.begin(), c.gradients.end());
	return at::linalg_vector_norm(at::stack(at::_foreach_norm(all, 2))).item<double>();
}

/* torch.nn.utils.clip_grad_norm_ multiplies by max / (norm + 1e-6); the fused kernel divides, in
 * the pass it makes anyway. */
static std::optional<at::Tensor> clip_divisor(const struct bert &b, const struct bert_step &step,
					      double norm)
{
	double divisor = (norm + 1e-6) / step.max_grad_norm;

	if (step.max_grad_norm <= 0 || divisor <= 1)
		return std::nullopt;
	return at::full({}, divisor, at::TensorOptions().dtype(at::kFloat).device(b.device));
}

/* Applies the gradients of the leaves and of word_rows (b.rows, at index). Returns their norm. */
static double apply(struct bert &b, const struct bert_step &step, const at::Tensor &word_rows,
		    const at::Tensor &index)
{
	group decaying, others;

	decaying.add(word_rows, *b.word);
	for (const leaf &l : b.leaves) {
		if (&l != b.word)
			(l.decays ? decaying : others).add(l.value, l);
	}
	double norm = norm_of(decaying, others);
	if (!std::isfinite(norm))
		return norm;

	at::Tensor count = at::full({}, static_cast<double>(b.n_steps + 1),
				    at::TensorOptions().dtype(at::kFloat).device(b.device));
	std::optional<at::Tensor> divisor = clip_divisor(b, step, norm);
	b.n_steps++;
	update(decaying, step, step.weight_decay, count, divisor);
	update(others, step, 0, count, divisor);
	at::Tensor table = b.word->value.detach();
	if (step.weight_decay > 0)
		table.mul_(1 - step.learning_rate * step.weight_decay);
	table.index_copy_(0, index, word_rows.detach());
	return norm;
}

static void train_step(struct bert &b, const struct bert_batch *micro, int n_micro,
		       const struct bert_step &step, double *loss, double *grad_norm)
{
	std::vector<packed_batch> batches;
	std::vector<at::Tensor> losses;
	c10::AutoGradMode no_grad(false);

	clear_gradients(b);
	for (int i = 0; i < n_micro; i++)
		batches.push_back(pack(b, micro[i], &b.rows));
	grow_moments(b);
	at::Tensor index = index_of(b, b.rows), word_rows = gather(b, index);
	uint64_t seed = mix(mix(step.seed) + static_cast<uint64_t>(step.step));
	for (int i = 0; i < n_micro; i++)
		losses.push_back(backward(b, word_rows, batches[static_cast<size_t>(i)],
					  mix(seed + static_cast<uint64_t>(i))));
	*loss = 0;
	for (const at::Tensor &l : losses)
		*loss += l.item<double>();
	*grad_norm = std::isfinite(*loss) ? apply(b, step, word_rows, index) : NAN;
	clear_gradients(b);
}

/* --- files --- */

/* The gradient of the whole table from that of some rows. */
static at::Tensor scatter(const struct bert &b, const at::Tensor &rows, const at::Tensor &index)
{
	return at::zeros(b.word->shape, rows.options()).index_copy(0, index, rows);
}

static std::vector<out_tensor> gradient_tensors(struct bert &b, const at::Tensor &word_gradient)
{
	std::vector<out_tensor> out;

	for (const leaf &l : b.leaves) {
		at::Tensor g = &l == b.word ? word_gradient : l.value.grad();
		for (const piece &p : l.pieces)
			out.push_back({ p.name, p.shape, [g, p] { return rows_of(g, p); } });
	}
	return out;
}

static void save_gradients(struct bert &b, const struct bert_batch &batch, uint64_t seed,
			   const char *path)
{
	row_set rows;
	c10::AutoGradMode no_grad(false);

	clear_gradients(b);
	packed_batch p = pack(b, batch, &rows);
	p.loss_scale = 1;
	at::Tensor index = index_of(b, rows), word_rows = gather(b, index);
	backward(b, word_rows, p, seed);
	write_tensors(path, gradient_tensors(b, scatter(b, word_rows.grad(), index)));
	clear_gradients(b);
}

static const char rows_name[] = "rows.bert.embeddings.word_embeddings.weight";
static const char step_name[] = "step";

static void add_moments(std::vector<out_tensor> &out, const leaf &l, const char *prefix,
			const at::Tensor &moments)
{
	for (const piece &p : l.pieces)
		out.push_back(
			{ prefix + p.name, p.shape, [moments, p] { return rows_of(moments, p); } });
}

static void save_optimizer(const struct bert &b, const char *path)
{
	std::vector<out_tensor> out;
	int64_t n_rows = static_cast<int64_t>(b.rows.ids.size());
	at::Tensor ids =
		index_of(b, b.rows).to(at::kCPU, at::kFloat); /* exact: ids are below 2^24 */

	if (b.n_steps == 0)
		fail(ERR_CONFLICT, "the optimizer has no state before its first step");
	for (const leaf &l : b.leaves) {
		leaf part = l;
		if (&l == b.word)
			part.pieces[0].shape[0] = n_rows;
		add_moments(out, part, "exp_avg.", l.exp_avg);
		add_moments(out, part, "exp_avg_sq.", l.exp_avg_sq);
	}
	out.push_back({ rows_name, { n_rows }, [ids] { return ids; } });
	out.push_back({ step_name, { 1 }, [&b] {
			       return at::full({ 1 }, static_cast<double>(b.n_steps));
		       } });
	write_tensors(path, std::move(out));
}

/* A tensor of the optimizer's file, its shape checked. */
static void read_state(struct safetensors *st, const std::string &name,
		       const std::vector<int64_t> &shape, at::Tensor out)
{
	const struct safetensors_tensor *t = safetensors_find(st, name.c_str());
	struct errinfo ei;

	if (!t)
		fail(ERR_INVALID, "the optimizer state has no %s", name.c_str());
	if (!std::equal(shape.begin(), shape.end(), t->shape, t->shape + t->n_dims))
		fail(ERR_INVALID, "%s of the optimizer state has another shape than the model's",
		     name.c_str());
	check(safetensors_read(st, t, out.data_ptr<float>(), &ei), ei);
}

static row_set read_rows(const struct bert &b, struct safetensors *st)
{
	const struct safetensors_tensor *t = safetensors_find(st, rows_name);
	row_set rows;

	if (!t || t->n_dims != 1 || t->n_elements > b.config.vocab_size)
		fail(ERR_INVALID, "the optimizer state has no rows of the word embeddings");
	at::Tensor ids = at::empty({ t->n_elements }, at::kFloat);
	read_state(st, rows_name, { t->n_elements }, ids);
	for (int64_t i = 0; i < t->n_elements; i++) {
		float id = ids.const_data_ptr<float>()[i];
		if (!(id >= 0 && id < static_cast<float>(b.config.vocab_size)) ||
		    rows.add(static_cast<int32_t>(id), b.config.vocab_size) != i)
			fail(ERR_INVALID,
			     "the optimizer state has a wrong row %lld of the word embeddings",
			     static_cast<long long>(i));
	}
	return rows;
}

static at::Tensor read_moments(const struct bert &b, struct safetensors *st, const leaf &l,
			       const char *prefix, int64_t n_rows)
{
	std::vector<int64_t> shape = l.shape;

	shape[0] = n_rows;
	at::Tensor value = at::empty(shape, at::kFloat);
	for (const piece &p : l.pieces) {
		std::vector<int64_t> part = p.shape;
		if (&l == b.word)
			part[0] = n_rows;
		read_state(st, prefix + p.name, part, value.narrow(0, p.first_row, part[0]));
	}
	return value.to(b.device);
}

static void load_optimizer(struct bert &b, struct safetensors *st)
{
	at::Tensor step = at::empty({ 1 }, at::kFloat);
	std::vector<at::Tensor> exp_avgs, exp_avg_sqs;
	c10::AutoGradMode no_grad(false);

	read_state(st, step_name, { 1 }, step);
	float count = step.item<float>();
	if (!(count >= 1 && count <= 0x1p24f && count == std::floor(count)))
		fail(ERR_INVALID, "the optimizer state has no step count");
	row_set rows = read_rows(b, st);
	for (const leaf &l : b.leaves) {
		int64_t n = &l == b.word ? static_cast<int64_t>(rows.ids.size()) : l.shape[0];
		exp_avgs.push_back(read_moments(b, st, l, "exp_avg.", n));
		exp_avg_sqs.push_back(read_moments(b, st, l, "exp_avg_sq.", n));
	}
	for (size_t i = 0; i < b.leaves.size(); i++) {
		b.leaves[i].exp_avg = exp_avgs[i];
		b.leaves[i].exp_avg_sq = exp_avg_sqs[i];
	}
	b.rows = std::move(rows);
	b.n_steps = static_cast<int64_t>(count);
}

static void require_training(const struct bert &b)
{
	if (!b.train)
		fail(ERR_CONFLICT, "the model was opened for answering, not for training");
}

} // namespace bert_impl

using namespace bert_impl;

enum err bert_train_step(struct bert *b, const struct bert_batch *micro, int n_micro,
			 const struct bert_step *step, double *loss, double *grad_norm,
			 struct errinfo *ei)
{
	return guard(ei, [&] {
		require_training(*b);
		model_scope scope(*b);
		train_step(*b, micro, n_micro, *step, loss, grad_norm);
	});
}

enum err bert_gradients_save(struct bert *b, const struct bert_batch *batch, uint64_t dropout_seed,
			     const char *path, struct errinfo *ei)
{
	return guard(ei, [&] {
		require_training(*b);
		model_scope scope(*b);
		save_gradients(*b, *batch, dropout_seed, path);
	});
}

enum err bert_optimizer_save(const struct bert *b, const char *path, struct errinfo *ei)
{
	return guard(ei, [&] {
		require_training(*b);
		model_scope scope(*b);
		save_optimizer(*b, path);
	});
}

enum err bert_optimizer_load(struct bert *b, const char *path, struct errinfo *ei)
{
	struct safetensors *st = nullptr;
	enum err e = safetensors_open(path, &st, ei);

	if (e == OK) {
		e = guard(ei, [&] {
			require_training(*b);
			model_scope scope(*b);
			load_optimizer(*b, st);
		});
	}
	safetensors_close(st);
	return e;
}
