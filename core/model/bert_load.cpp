/* The tensors of a model: their names and shapes, from files and to files. See bert_impl.hpp.
 * Names: transformers, modeling_bert.py. */
#include "model/bert_impl.hpp"

#include <algorithm>

#include <ATen/ops/empty.h>
#include <c10/core/GradMode.h>

namespace bert_impl
{

/* --- which tensors there are --- */

namespace
{

class builder
{
	struct bert &b;

	leaf *add(const std::vector<std::string> &names, std::vector<int64_t> shape,
		  bool optional = false)
	{
		leaf &l = b.leaves.emplace_back();

		for (size_t i = 0; i < names.size(); i++)
			l.pieces.push_back(
				{ names[i], shape, shape[0] * static_cast<int64_t>(i), optional });
		l.shape = std::move(shape);
		l.shape[0] *= static_cast<int64_t>(names.size());
		return &l;
	}

	static std::vector<std::string> with(std::vector<std::string> names, const char *suffix)
	{
		for (std::string &name : names)
			name += suffix;
		return names;
	}

      public:
	explicit builder(struct bert &model) : b(model)
	{
	}

	leaf *table(const std::string &name, int64_t rows)
	{
		leaf *l = add({ "bert.embeddings." + name + ".weight" },
			      { rows, b.config.hidden_size });

		l->decays = true;
		return l;
	}

	linear norm(const std::string &name)
	{
		return { add({ name + ".weight" }, { b.config.hidden_size }),
			 add({ name + ".bias" }, { b.config.hidden_size }) };
	}

	/* One linear layer; several names are stacked. */
	linear dense(const std::vector<std::string> &names, int64_t out, int64_t in)
	{
		linear l = { add(with(names, ".weight"), { out, in }),
			     add(with(names, ".bias"), { out }) };

		l.weight->decays = true;
		l.weight->multiplies = l.bias->multiplies = true;
		return l;
	}

	linear head(const std::string &name, int64_t out)
	{
		linear l = { add({ name + ".weight" }, { out, b.config.hidden_size }, true),
			     add({ name + ".bias" }, { out }, true) };

		l.weight->decays = true;
		return l;
	}
};

} // namespace

static layer build_layer(builder &build, const struct bert_config &c, int64_t i)
{
	std::string base = "bert.encoder.layer." + std::to_string(i) + ".",
		    self = base + "attention.self.";
	int64_t h = c.hidden_size;
	layer l = {};

	if (i + 1 < c.num_hidden_layers) {
		l.query_key_value =
			build.dense({ self + "query", self + "key", self + "value" }, h, h);
	} else {
		l.query = build.dense({ self + "query" }, h, h);
		l.key_value = build.dense({ self + "key", self + "value" }, h, h);
	}
	l.attention_output = build.dense({ base + "attention.output.dense" }, h, h);
	l.attention_norm = build.norm(base + "attention.output.LayerNorm");
	l.up = build.dense({ base + "intermediate.dense" }, c.intermediate_size, h);
	l.down = build.dense({ base + "output.dense" }, h, c.intermediate_size);
	l.output_norm = build.norm(base + "output.LayerNorm");
	return l;
}

void build(struct bert &b)
{
	const struct bert_config &c = b.config;
	builder build(b);

	b.word = build.table("word_embeddings", c.vocab_size);
	b.position = build.table("position_embeddings", c.max_position_embeddings);
	b.token_type = build.table("token_type_embeddings", c.type_vocab_size);
	b.embeddings_norm = build.norm("bert.embeddings.LayerNorm");
	for (int64_t i = 0; i < c.num_hidden_layers; i++)
		b.layers.push_back(build_layer(build, c, i));
	b.pooler = build.head("bert.pooler.dense", c.hidden_size);
	b.classifier = build.head("classifier", c.num_labels);
}

/* --- reading --- */

namespace
{

struct source {
	struct safetensors *st;
	const struct safetensors_tensor *tensor; /* null: to be initialised */
};

} // namespace

static std::string shape_text(const int64_t *shape, size_t n)
{
	std::string s = "(";

	for (size_t i = 0; i < n; i++)
		s += (i ? ", " : "") + std::to_string(shape[i]);
	return s + ")";
}

static source find_source(const piece &p, const struct weights *w, const load_policy &policy)
{
	source s = {};

	bool of_head = p.name.rfind("classifier.", 0) == 0;

	if (policy.new_head && of_head)
		return s;
	s.tensor = weights_find(w, p.name.c_str(), &s.st);
	if (!s.tensor && !(p.optional && policy.initialise))
		fail(ERR_INVALID, "the checkpoint has no %s", p.name.c_str());
	if (!s.tensor)
		return s;
	if (std::equal(p.shape.begin(), p.shape.end(), s.tensor->shape,
		       s.tensor->shape + s.tensor->n_dims))
		return s;
	if (policy.resize_head && of_head)
		return {};
	fail(ERR_INVALID, "%s has the shape %s in the checkpoint, config.json wants %s",
	     p.name.c_str(),
	     shape_text(s.tensor->shape, static_cast<size_t>(s.tensor->n_dims)).c_str(),
	     shape_text(p.shape.data(), p.shape.size()).c_str());
}

static void fill(struct bert &b, const piece &p, const source &s, at::Tensor rows,
		 at::Generator &generator)
{
	struct errinfo ei;

	if (s.tensor) {
		check(safetensors_read(s.st, s.tensor, rows.data_ptr<float>(), &ei), ei);
		return;
	}
	b.initialised.push_back(p.name);
	if (p.shape.size() > 1)
		rows.normal_(0, b.config.initializer_range, generator);
	else
		rows.zero_();
}

/* Puts a value that was read into the form this model computes with. */
static void place(const struct bert &b, leaf &l, at::Tensor value)
{
	bool half = b.bf16 && !b.train && l.multiplies;

	l.packed = false;
	l.value = value.to(b.device, half ? at::kBFloat16 : at::kFloat);
	if (b.train)
		l.value.requires_grad_(true);
	else if (l.multiplies)
		pack_weight(l);
}

void load(struct bert &b, const struct weights *w, const load_policy &policy)
{
	std::vector<source> sources;
	at::Generator generator = generator_of(at::kCPU, policy.seed);
	c10::AutoGradMode no_grad(false);
	size_t next = 0;

	/* All shapes before the first allocation: then no size in config.json is larger than what
	 * the files hold. */
	for (const leaf &l : b.leaves) {
		for (const piece &p : l.pieces)
			sources.push_back(find_source(p, w, policy));
	}
	b.initialised.clear();
	for (leaf &l : b.leaves) {
		at::Tensor value = at::empty(l.shape, at::kFloat);
		for (const piece &p : l.pieces)
			fill(b, p, sources[next++], value.narrow(0, p.first_row, p.shape[0]),
			     generator);
		place(b, l, value);
	}
	std::sort(b.initialised.begin(), b.initialised.end());
}

/* --- writing --- */

at::Tensor plain_value(const leaf &l)
{
	return l.packed ? l.value.to_dense() : l.value.detach();
}

at::Tensor rows_of(const at::Tensor &leaf_shaped, const piece &p)
{
	return leaf_shaped.narrow(0, p.first_row, p.shape[0]).to(at::kCPU, at::kFloat).contiguous();
}

static void put_tensor(struct safetensors_writer *w, const out_tensor &t)
{
	at::Tensor value = t.get();
	struct errinfo ei;

	check(safetensors_put(w, value.const_data_ptr<float>(), value.numel(), &ei), ei);
}

void write_tensors(const char *path, std::vector<out_tensor> tensors)
{
	std::vector<struct safetensors_item> items;
	struct safetensors_writer *w = nullptr;
	struct errinfo ei;
	c10::AutoGradMode no_grad(false);

	std::sort(tensors.begin(), tensors.end(),
		  [](const out_tensor &a, const out_tensor &c) { return a.name < c.name; });
	for (const out_tensor &t : tensors) {
		struct safetensors_item item = { t.name.c_str(),
						 static_cast<int>(t.shape.size()),
						 {} };
		std::copy(t.shape.begin(), t.shape.end(), item.shape);
		items.push_back(item);
	}
	check(safetensors_create(path, items.data(), static_cast<int>(items.size()), &w, &ei), ei);
	try {
		for (const out_tensor &t : tensors)
			put_tensor(w, t);
	} catch (...) {
		safetensors_abandon(w);
		throw;
	}
	check(safetensors_finish(w, &ei), ei);
}

} // namespace bert_impl
