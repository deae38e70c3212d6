/* bert.h: opening, saving and answering; errors. The rest stands in bert_*.cpp. */
#include "model/bert_impl.hpp"

#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <memory>

#include <malloc.h>

#include <c10/core/InferenceMode.h>

namespace bert_impl
{

void fail(enum err code, const char *fmt, ...)
{
	failure f;
	va_list ap;

	f.code = code;
	va_start(ap, fmt);
	vsnprintf(f.info.msg, sizeof(f.info.msg), fmt, ap);
	va_end(ap);
	throw f;
}

void check(enum err e, const struct errinfo &ei)
{
	if (e != OK)
		throw failure{ e, ei };
}

/* The first line of libtorch's words; what follows are addresses. */
static enum err set_words(struct errinfo *ei, enum err e, const char *words)
{
	return err_set(ei, e, "%.*s", static_cast<int>(strcspn(words, "\n")), words);
}

/* CUDA's faults come as c10::Error; its memory faults have their own class, but not those of its
 * libraries. */
static enum err code_of(const char *words)
{
	if (strstr(words, "out of memory") || strstr(words, "ALLOC_FAILED") ||
	    strstr(words, "can't allocate memory"))
		return ERR_DEVICE_MEMORY;
	return strstr(words, "CUDA") || strstr(words, "CUBLAS") || strstr(words, "cuDNN")
		       ? ERR_DEVICE
		       : ERR_MODEL;
}

enum err guard(struct errinfo *ei, const std::function<void()> &f) noexcept
{
	try {
		f();
		return OK;
	} catch (const failure &e) {
		return err_set(ei, e.code, "%s", e.info.msg);
	} catch (const c10::OutOfMemoryError &e) {
		return set_words(ei, ERR_DEVICE_MEMORY, e.what_without_backtrace());
	} catch (const c10::Error &e) {
		return set_words(ei, code_of(e.what_without_backtrace()),
				 e.what_without_backtrace());
	} catch (const std::bad_alloc &) {
		return err_set(ei, ERR_DEVICE_MEMORY, "out of memory");
	} catch (const std::exception &e) {
		return set_words(ei, ERR_MODEL, e.what());
	} catch (...) {
		return err_set(ei, ERR_MODEL, "unknown C++ exception");
	}
}

namespace
{

class weights_ptr
{
	struct weights *w = nullptr;

      public:
	explicit weights_ptr(const char *dir)
	{
		struct errinfo ei;

		check(weights_open(dir, &w, &ei), ei);
	}
	weights_ptr(const weights_ptr &) = delete;
	weights_ptr &operator=(const weights_ptr &) = delete;
	~weights_ptr()
	{
		weights_close(w);
	}
	const struct weights *get() const
	{
		return w;
	}
};

} // namespace

static void configure(struct bert &b, const struct bert_open_args &args)
{
	struct errinfo ei;

	check(bert_config_read(args.dir, &b.config, &ei), ei);
	if (args.num_labels > 0 && (args.labels || args.num_labels != b.config.num_labels))
		bert_config_set_labels(&b.config, args.num_labels, args.labels);
	if (args.dropout >= 0) {
		b.config.hidden_dropout_prob = b.config.attention_probs_dropout_prob = args.dropout;
		b.config.classifier_dropout = args.dropout;
	}
}

static std::unique_ptr<struct bert> open(const struct bert_open_args &args)
{
	auto b = std::make_unique<struct bert>();

	b->device = device_of(args.device);
	b->train = args.train;
	b->bf16 = args.bf16;
	if (b->bf16 && !has_bf16(b->device))
		fail(ERR_UNSUPPORTED, "bf16: this processor has no bfloat16 instructions");
	configure(*b, args);
	build(*b);
	if (!b->train)
		b->stream = high_priority_stream(b->device);
	model_scope scope(*b);
	load(*b, weights_ptr(args.dir).get(),
	     { true, args.num_labels > 0, args.new_head, args.seed });
	return b;
}

static void forward(const struct bert &b, const struct bert_batch &batch, float *logits)
{
	c10::InferenceMode inference;
	struct bert_batch unlabelled = batch;
	dropout none;

	unlabelled.labels = nullptr;
	packed_batch p = pack(b, unlabelled, nullptr);
	at::Tensor out = logits_of(b, b.word->value, p, none).to(at::kCPU).contiguous();
	const float *row = out.const_data_ptr<float>();
	size_t width = static_cast<size_t>(b.config.num_labels);
	for (int seq : p.order) {
		memcpy(logits + static_cast<size_t>(seq) * width, row, width * sizeof(float));
		row += width;
	}
}

static void save(const struct bert &b, const char *dir)
{
	std::vector<out_tensor> tensors;
	struct errinfo ei;

	for (const leaf &l : b.leaves) {
		for (const piece &p : l.pieces)
			tensors.push_back({ p.name, p.shape,
					    [&l, p] { return rows_of(plain_value(l), p); } });
	}
	check(bert_config_write(&b.config, dir, &ei), ei);
	write_tensors((std::string(dir) + "/model.safetensors").c_str(), std::move(tensors));
}

} // namespace bert_impl

using namespace bert_impl;

enum err bert_open(const struct bert_open_args *args, struct bert **out, struct errinfo *ei)
{
	return guard(ei, [&] { *out = open(*args).release(); });
}

/* The allocator would keep what a large model leaves for itself. */
void bert_close(struct bert *b)
{
	delete b;
	malloc_trim(0);
}

const struct bert_config *bert_get_config(const struct bert *b)
{
	return &b->config;
}

int bert_n_initialised(const struct bert *b)
{
	return static_cast<int>(b->initialised.size());
}

const char *bert_initialised(const struct bert *b, int i)
{
	return i >= 0 && i < bert_n_initialised(b) ? b->initialised[static_cast<size_t>(i)].c_str()
						   : nullptr;
}

int64_t bert_n_parameters(const struct bert *b)
{
	int64_t n = 0;

	for (const leaf &l : b->leaves)
		n += l.value.numel();
	return n;
}

int64_t bert_bytes(const struct bert *b)
{
	int64_t n = 0;

	for (const leaf &l : b->leaves)
		n += l.value.numel() * static_cast<int64_t>(l.value.element_size());
	return n;
}

enum err bert_save(const struct bert *b, const char *dir, struct errinfo *ei)
{
	return guard(ei, [&] {
		model_scope scope(*b);
		save(*b, dir);
	});
}

enum err bert_restore(struct bert *b, const char *dir, struct errinfo *ei)
{
	return guard(ei, [&] {
		model_scope scope(*b);
		load(*b, weights_ptr(dir).get(), { false, false, false, 0 });
	});
}

enum err bert_forward(struct bert *b, const struct bert_batch *batch, float *logits,
		      struct errinfo *ei)
{
	return guard(ei, [&] {
		model_scope scope(*b);
		forward(*b, *batch, logits);
	});
}
