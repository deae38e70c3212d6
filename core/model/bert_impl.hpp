/* Inside bert.h: what the bert_*.cpp files share. Nothing else includes it.
 *
 * A `leaf` is one tensor that autograd and AdamW see; it holds one or several of the checkpoint's
 * tensors (`pieces`) stacked along rows, so that query, key and value are one matrix product. In
 * the last layer only the first token's query is wanted, so there query stands alone and key and
 * value are one leaf. */
#ifndef BERTD_MODEL_BERT_IMPL_HPP
#define BERTD_MODEL_BERT_IMPL_HPP

#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>
#include <c10/core/DeviceGuard.h>
#include <c10/core/Stream.h>
#include <c10/core/StreamGuard.h>
#include <c10/util/Exception.h>

/* C lets a struct and a function share the name bert_device_info. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
extern "C" {
#include "model/bert.h"
#include "model/weights.h"
}
#pragma GCC diagnostic pop

namespace bert_impl
{

struct piece {
	std::string name; /* in the file: "bert.encoder.layer.0.attention.self.query.weight" */
	std::vector<int64_t> shape; /* in the file */
	int64_t first_row;	    /* in the leaf */
	bool optional;		    /* pooler and classifier: initialised when missing */
};

struct leaf {
	std::vector<piece> pieces;
	std::vector<int64_t> shape;
	bool decays = false;	 /* weight decay applies: not to biases and LayerNorm */
	bool multiplies = false; /* weight or bias of a linear layer of the encoder */
	at::Tensor value; /* fp32; bfloat16 where a bf16 model only answers; oneDNN's layout where
			     `packed` */
	bool packed = false;
	at::Tensor exp_avg, exp_avg_sq; /* AdamW's moments, from the first step on; of the word
					   embeddings only the rows in row_set order */
};

struct linear {
	leaf *weight, *bias;
};

struct layer {
	linear query_key_value;	 /* (3 hidden, hidden); not in the last layer */
	linear query, key_value; /* last layer only */
	linear attention_output;
	linear attention_norm;
	linear up, down;
	linear output_norm;
};

/* Rows of the word embeddings that have ever had a gradient, in the order of their first use. The
 * others have no moments, and with a gradient of 0 AdamW would leave them where they are: so
 * gradients, moments and updates are kept for these rows only, which changes no bit of the result.
 */
struct row_set {
	std::vector<int64_t> ids;
	std::vector<int32_t> slots; /* (vocab_size) place in ids, or -1 */

	int32_t add(int32_t id, int64_t vocab_size);
};

/* Sequences of one length that lie together. */
struct run {
	int64_t n_seqs, length;
};

/* A batch on the device, its sequences sorted by length so that equal ones are one attention call.
 */
struct packed_batch {
	at::Tensor ids, types, positions; /* (n_tokens) int64 */
	at::Tensor first;   /* (n_seqs) int64: the token that stands for each sequence */
	at::Tensor labels;  /* (n_seqs) int64; zeros when there are none */
	int64_t padding_id; /* the id whose embedding is never trained; -1: none */
	std::vector<run> runs;
	std::vector<int> order; /* (n_seqs) the caller's index of each sequence */
	double loss_scale;
};

/* The dropout of one micro-batch; all probabilities 0: none. The masks are a function of the seed
 * and of their order: on the CPU from a counter, so that they do not depend on threads either, on
 * CUDA from a generator of their own. */
struct dropout {
	double hidden = 0, attention = 0, classifier = 0;
	uint64_t seed = 0;
	uint64_t n_masks = 0;			/* drawn so far */
	std::optional<at::Generator> generator; /* CUDA only */
};

/* splitmix64 of Steele, Lea and Flood: well mixed bits of x. */
inline uint64_t mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
	x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
	return x ^ (x >> 31);
}

/* What failed, on its way from inside to the C boundary. */
struct failure {
	enum err code;
	struct errinfo info;
};
[[noreturn]] void fail(enum err code, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Throws what a C function reported. */
void check(enum err e, const struct errinfo &ei);

/* Runs f and turns every exception into an error. */
enum err guard(struct errinfo *ei, const std::function<void()> &f) noexcept;

/* --- bert_device.cpp --- */
at::Device device_of(const char *name); /* loads the CUDA library when it must */
std::optional<c10::Stream> high_priority_stream(at::Device device); /* CUDA only */
at::Generator generator_of(at::Device device, uint64_t seed);
bool has_bf16(at::Device device);

/* --- bert_load.cpp --- */
void build(struct bert &b);
/* What to do about a pooler and a classifier that the checkpoint lacks or has in another size. */
struct load_policy {
	bool initialise;  /* missing: initialise from the seed and list; else an error */
	bool resize_head; /* a classifier of another size counts as missing; else an error */
	bool new_head;	  /* the classifier counts as missing in any case */
	uint64_t seed;
};
/* Fills every leaf. */
void load(struct bert &b, const struct weights *w, const load_policy &policy);
/* A named tensor for a file; get() is called once, when its turn has come. */
struct out_tensor {
	std::string name;
	std::vector<int64_t> shape;
	std::function<at::Tensor()> get;
};
void write_tensors(const char *path, std::vector<out_tensor> tensors);
/* The rows of a leaf-shaped tensor that belong to one piece, as fp32 on the CPU. */
at::Tensor rows_of(const at::Tensor &leaf_shaped, const piece &p);
at::Tensor plain_value(const leaf &l);

/* --- bert_graph.cpp --- */
packed_batch pack(const struct bert &b, const struct bert_batch &batch, row_set *rows);
/* (n_seqs, num_labels) fp32, in packed order. word_rows is what ids index: the word embeddings, or
 * a row_set's. */
at::Tensor logits_of(const struct bert &b, const at::Tensor &word_rows, const packed_batch &p,
		     dropout &d);
/* Puts a weight into oneDNN's layout. False where this build or device has none. */
bool pack_weight(leaf &l);

} // namespace bert_impl

struct bert {
	struct bert_config config = {};
	at::Device device = at::kCPU;
	std::optional<c10::Stream> stream;
	bool train = false, bf16 = false;

	std::deque<bert_impl::leaf> leaves; /* their addresses stay */
	bert_impl::leaf *word = nullptr, *position = nullptr, *token_type = nullptr;
	bert_impl::linear embeddings_norm = {}, pooler = {}, classifier = {};
	std::vector<bert_impl::layer> layers;

	std::vector<std::string> initialised;
	bert_impl::row_set rows;
	int64_t n_steps = 0; /* AdamW's */

	~bert()
	{
		bert_config_clear(&config);
	}
};

/* Device and stream of a model, for the length of one call. */
class model_scope
{
	c10::OptionalDeviceGuard device;
	c10::OptionalStreamGuard stream;

      public:
	explicit model_scope(const struct bert &b)
	{
		if (b.device.is_cuda())
			device.reset_device(b.device);
		if (b.stream)
			stream.reset_stream(*b.stream);
	}
};

#endif
