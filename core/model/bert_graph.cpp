/* From a batch to logits: transformers' BertForSequenceClassification on packed sequences. See
 * bert_impl.hpp.
 *
 * Only the first token of each sequence reaches the classifier, so the last layer computes queries,
 * output and feed-forward for that token alone: the same logits and gradients for a sixth of its
 * work. */
#include "model/bert_impl.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/baddbmm.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/tanh.h>
#include <c10/core/GradMode.h>

namespace bert_impl
{

/* --- oneDNN's linear layer, where this libtorch has it --- */

namespace
{

using linear_pointwise = at::Tensor(const at::Tensor &, const at::Tensor &,
				    const std::optional<at::Tensor> &, std::string_view,
				    c10::List<std::optional<at::Scalar>>,
				    std::optional<std::string_view>);
using reorder_weight = at::Tensor(const at::Tensor &, std::optional<int64_t>);

} // namespace

/* The operator, or nothing where this libtorch has none of that name or signature. */
template <class F> static std::optional<c10::TypedOperatorHandle<F>> find_op(const char *name)
{
	try {
		auto op = c10::Dispatcher::singleton().findSchema({ name, "" });
		if (op && at::hasMKLDNN())
			return op->template typed<F>();
	} catch (const c10::Error &) {
	}
	return std::nullopt;
}

static const std::optional<c10::TypedOperatorHandle<linear_pointwise>> &onednn_linear()
{
	static const auto op = find_op<linear_pointwise>("mkldnn::_linear_pointwise");

	return op;
}

bool pack_weight(leaf &l)
{
	static const auto op = find_op<reorder_weight>("mkldnn::_reorder_linear_weight");

	if (!op || !onednn_linear() || !l.value.device().is_cpu() || l.shape.size() != 2)
		return false;
	l.value = op->call(l.value, std::nullopt);
	l.packed = true;
	return true;
}

/* --- layers --- */

/* x (rows, in) → (rows, out), in bfloat16 when b.bf16. */
static at::Tensor dense(const struct bert &b, const linear &l, const at::Tensor &x)
{
	at::ScalarType type = b.bf16 ? at::kBFloat16 : at::kFloat;
	at::Tensor in = x.to(type), bias = l.bias->value.to(type);

	static const c10::List<std::optional<at::Scalar>> no_scalars;
	if (l.weight->packed)
		return onednn_linear()->call(in, l.weight->value, bias, "none", no_scalars,
					     std::nullopt);
	return at::linear(in, l.weight->value.to(type), bias);
}

/* The small layers at the end stay in fp32. */
static at::Tensor head(const linear &l, const at::Tensor &x)
{
	return at::linear(x, l.weight->value, l.bias->value);
}

static at::Tensor norm(const struct bert &b, const linear &l, const at::Tensor &x)
{
	return at::layer_norm(x, { b.config.hidden_size }, l.weight->value, l.bias->value,
			      b.config.layer_norm_eps);
}

static at::Tensor activate(const struct bert &b, const at::Tensor &x)
{
	const char *name = bert_hidden_acts[b.config.hidden_act];

	if (strcmp(name, "relu") == 0)
		return at::relu(x);
	return at::gelu(x, strcmp(name, "gelu") == 0 ? "none" : "tanh");
}

/* Writes 0 or scale: 32 bits of mix(key + i) decide about each of two neighbours. */
static void fill_mask(float *mask, int64_t n, double keep, uint64_t key)
{
	const uint32_t threshold = static_cast<uint32_t>(std::min(keep * 0x1p32, 4294967295.0));
	const float scale = static_cast<float>(1 / keep);

	at::parallel_for(0, (n + 1) / 2, 1 << 14, [=](int64_t begin, int64_t end) {
		for (int64_t i = begin; i < end; i++) {
			uint64_t bits = mix(key + static_cast<uint64_t>(i));
			mask[2 * i] = static_cast<uint32_t>(bits) < threshold ? scale : 0;
			if (2 * i + 1 < n)
				mask[2 * i + 1] =
					static_cast<uint32_t>(bits >> 32) < threshold ? scale : 0;
		}
	});
}

static at::Tensor drop(const at::Tensor &x, double p, dropout &d)
{
	if (p <= 0)
		return x;
	at::Tensor mask = at::empty(x.sizes(), x.options().dtype(at::kFloat).requires_grad(false));
	if (d.generator)
		mask.bernoulli_(1 - p, d.generator).mul_(1 / (1 - p));
	else
		fill_mask(mask.data_ptr<float>(), mask.numel(), 1 - p, mix(d.seed + d.n_masks++));
	return x.mul(mask);
}

/* --- attention --- */

/* The computation in the open, for dropout on the probabilities. q (n·heads, q_length, d); k, v
 * (n·heads, length, d). */
static at::Tensor attend_in_the_open(const at::Tensor &q, const at::Tensor &k, const at::Tensor &v,
				     double p, dropout &d)
{
	double scale = 1 / std::sqrt(static_cast<double>(q.size(-1)));
	at::Tensor nothing = at::empty({ 1, 1, 1 }, q.options().requires_grad(false));
	at::Tensor scores = at::baddbmm(nothing, q, k.transpose(1, 2), 0, scale);
	at::Tensor probs = drop(at::softmax(scores, -1, at::kFloat), p, d);

	return at::bmm(probs.to(v.scalar_type()), v);
}

/* One run: q (n, heads, q_length, d), k and v (n, heads, length, d) → (n · q_length, hidden). */
static at::Tensor attend(const at::Tensor &q, const at::Tensor &k, const at::Tensor &v, dropout &d)
{
	int64_t n = q.size(0), heads = q.size(1), q_length = q.size(2), length = k.size(2),
		width = q.size(3);
	at::Tensor context;

	if (d.attention > 0) {
		context =
			attend_in_the_open(q.reshape({ n * heads, q_length, width }),
					   k.reshape({ n * heads, length, width }),
					   v.reshape({ n * heads, length, width }), d.attention, d)
				.view({ n, heads, q_length, width });
	} else {
		context = at::scaled_dot_product_attention(q, k, v);
	}
	return context.transpose(1, 2).reshape({ n * q_length, heads * width });
}

/* (n · length, parts · hidden) → parts tensors (n, heads, length, d). */
static std::vector<at::Tensor> heads_of(const struct bert &b, const at::Tensor &x, int64_t n,
					int64_t parts)
{
	int64_t heads = b.config.num_attention_heads, width = b.config.hidden_size / heads;

	return x.view({ n, x.size(0) / n, parts, heads, width })
		.permute({ 2, 0, 3, 1, 4 })
		.unbind(0);
}

static std::vector<at::Tensor> split_runs(const at::Tensor &x, const std::vector<run> &runs,
					  bool one_each)
{
	std::vector<int64_t> sizes;

	if (runs.size() == 1)
		return { x };
	for (const run &r : runs)
		sizes.push_back(one_each ? r.n_seqs : r.n_seqs * r.length);
	return x.split_with_sizes(sizes, 0);
}

static at::Tensor join(const std::vector<at::Tensor> &parts)
{
	return parts.size() == 1 ? parts[0] : at::cat(parts, 0);
}

static at::Tensor self_attention(const struct bert &b, const layer &l, const at::Tensor &x,
				 const packed_batch &p, dropout &d)
{
	std::vector<at::Tensor> in = split_runs(dense(b, l.query_key_value, x), p.runs, false), out;

	for (size_t i = 0; i < p.runs.size(); i++) {
		std::vector<at::Tensor> h = heads_of(b, in[i], p.runs[i].n_seqs, 3);
		out.push_back(attend(h[0], h[1], h[2], d));
	}
	return join(out);
}

/* Of the first tokens only: first (n_seqs, hidden) are their rows of x. */
static at::Tensor first_attention(const struct bert &b, const layer &l, const at::Tensor &x,
				  const at::Tensor &first, const packed_batch &p, dropout &d)
{
	std::vector<at::Tensor> queries = split_runs(dense(b, l.query, first), p.runs, true);
	std::vector<at::Tensor> others = split_runs(dense(b, l.key_value, x), p.runs, false), out;

	for (size_t i = 0; i < p.runs.size(); i++) {
		at::Tensor q = heads_of(b, queries[i], p.runs[i].n_seqs, 1)[0];
		std::vector<at::Tensor> h = heads_of(b, others[i], p.runs[i].n_seqs, 2);
		out.push_back(attend(q, h[0], h[1], d));
	}
	return join(out);
}

/* --- the whole --- */

static at::Tensor embed(const struct bert &b, const at::Tensor &word_rows, const packed_batch &p,
			dropout &d)
{
	at::Tensor x = at::embedding(word_rows, p.ids, p.padding_id)
			       .add(at::embedding(b.position->value, p.positions))
			       .add(at::embedding(b.token_type->value, p.types));

	return drop(norm(b, b.embeddings_norm, x), d.hidden, d);
}

/* What follows the attention in a layer; x are the layer's inputs of the rows that context has. */
static at::Tensor feed_forward(const struct bert &b, const layer &l, const at::Tensor &x,
			       const at::Tensor &context, dropout &d)
{
	at::Tensor attended = norm(b, l.attention_norm,
				   drop(dense(b, l.attention_output, context), d.hidden, d).add(x));
	at::Tensor inner = activate(b, dense(b, l.up, attended));

	return norm(b, l.output_norm, drop(dense(b, l.down, inner), d.hidden, d).add(attended));
}

at::Tensor logits_of(const struct bert &b, const at::Tensor &word_rows, const packed_batch &p,
		     dropout &d)
{
	at::Tensor x = embed(b, word_rows, p, d);
	const layer &last = b.layers.back();

	for (size_t i = 0; i + 1 < b.layers.size(); i++)
		x = feed_forward(b, b.layers[i], x, self_attention(b, b.layers[i], x, p, d), d);
	at::Tensor first = x.index_select(0, p.first);
	x = feed_forward(b, last, first, first_attention(b, last, x, first, p, d), d);
	return head(b.classifier, drop(at::tanh(head(b.pooler, x)), d.classifier, d));
}

/* --- batches --- */

int32_t row_set::add(int32_t id, int64_t vocab_size)
{
	size_t i = static_cast<size_t>(id);

	if (slots.empty())
		slots.assign(static_cast<size_t>(vocab_size), -1);
	if (slots[i] < 0) {
		slots[i] = static_cast<int32_t>(ids.size());
		ids.push_back(id);
	}
	return slots[i];
}

static void check_sequence(const struct bert &b, const struct bert_batch &batch, int i)
{
	const struct bert_config &c = b.config;
	int start = batch.cu_seqlens[i], end = batch.cu_seqlens[i + 1];

	if (end <= start || end > batch.n_tokens)
		fail(ERR_INVALID, "sequence %d: tokens %d to %d of %d", i, start, end,
		     batch.n_tokens);
	if (end - start > c.max_position_embeddings)
		fail(ERR_INVALID, "sequence %d: %d tokens, the model takes %lld at most", i,
		     end - start, static_cast<long long>(c.max_position_embeddings));
	for (int t = start; t < end; t++) {
		if (batch.input_ids[t] < 0 || batch.input_ids[t] >= c.vocab_size)
			fail(ERR_INVALID,
			     "sequence %d: token id %d is outside the vocabulary of %lld", i,
			     batch.input_ids[t], static_cast<long long>(c.vocab_size));
		if (batch.token_type_ids[t] < 0 || batch.token_type_ids[t] >= c.type_vocab_size)
			fail(ERR_INVALID, "sequence %d: token type %d is not below %lld", i,
			     batch.token_type_ids[t], static_cast<long long>(c.type_vocab_size));
	}
	if (batch.labels && (batch.labels[i] < 0 || batch.labels[i] >= c.num_labels))
		fail(ERR_INVALID, "sequence %d: label %d is not below %d", i, batch.labels[i],
		     c.num_labels);
}

static void check_batch(const struct bert &b, const struct bert_batch &batch)
{
	if (batch.n_seqs < 1 || batch.cu_seqlens[0] != 0 ||
	    batch.cu_seqlens[batch.n_seqs] != batch.n_tokens)
		fail(ERR_INVALID, "a batch of %d sequences and %d tokens", batch.n_seqs,
		     batch.n_tokens);
	for (int i = 0; i < batch.n_seqs; i++)
		check_sequence(b, batch, i);
}

static void order_by_length(packed_batch &p, const struct bert_batch &batch)
{
	auto length = [&](int i) {
		return static_cast<int64_t>(batch.cu_seqlens[i + 1] - batch.cu_seqlens[i]);
	};

	p.order.resize(static_cast<size_t>(batch.n_seqs));
	std::iota(p.order.begin(), p.order.end(), 0);
	std::stable_sort(p.order.begin(), p.order.end(),
			 [&](int a, int c) { return length(a) < length(c); });
	for (int i : p.order) {
		if (p.runs.empty() || p.runs.back().length != length(i))
			p.runs.push_back({ 0, length(i) });
		p.runs.back().n_seqs++;
	}
}

packed_batch pack(const struct bert &b, const struct bert_batch &batch, row_set *rows)
{
	packed_batch p = {};
	at::Tensor tokens = at::empty({ 3, batch.n_tokens }, at::kLong),
		   seqs = at::empty({ 2, batch.n_seqs }, at::kLong);
	int64_t *ids = tokens.data_ptr<int64_t>(), *types = ids + batch.n_tokens,
		*positions = types + batch.n_tokens;
	int64_t *first = seqs.data_ptr<int64_t>(), *labels = first + batch.n_seqs, n = 0;

	check_batch(b, batch);
	order_by_length(p, batch);
	for (int i : p.order) {
		*first++ = n;
		*labels++ = batch.labels ? batch.labels[i] : 0;
		for (int t = batch.cu_seqlens[i]; t < batch.cu_seqlens[i + 1]; t++, n++) {
			int32_t id = batch.input_ids[t];
			ids[n] = rows ? rows->add(id, b.config.vocab_size) : id;
			types[n] = batch.token_type_ids[t];
			positions[n] = t - batch.cu_seqlens[i];
		}
	}
	p.padding_id = b.config.pad_token_id;
	if (rows)
		p.padding_id = rows->slots[static_cast<size_t>(p.padding_id)];
	p.loss_scale = batch.loss_scale;
	tokens = tokens.to(b.device);
	seqs = seqs.to(b.device);
	p.ids = tokens[0], p.types = tokens[1], p.positions = tokens[2];
	p.first = seqs[0], p.labels = seqs[1];
	return p;
}

} // namespace bert_impl
