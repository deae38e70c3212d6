/* BertForSequenceClassification on libtorch: the narrow waist between C and the tensors.
 *
 * Neither tensors nor exceptions cross this header, and nothing is decided behind it: epochs,
 * order, schedule and logging are the caller's. tests/fakes/fake_bert.c implements the same
 * functions in plain C, so that everything above is tested without libtorch.
 *
 * Packed is the only layout: the sequences of a batch lie end to end without padding. The result
 * equals that of the padded computation with an attention mask (transformers' modeling_bert).
 *
 * Batches are checked: a token id, token type, label or length that the model does not have is
 * ERR_INVALID and names its sequence. Sequences of one length are computed together wherever they
 * stand in the batch.
 *
 * A struct bert belongs to one thread at a time. A process that is to use CUDA must ask for it
 * (bert_device_info or bert_open) before its first call with "cpu": libtorch looks for devices
 * once. */
#ifndef BERTD_MODEL_BERT_H
#define BERTD_MODEL_BERT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "model/config.h"

struct bert;

struct bert_batch {
	int n_seqs;
	int n_tokens;
	const int32_t *input_ids;      /* (n_tokens) */
	const int32_t *token_type_ids; /* (n_tokens) */
	const int32_t
		*cu_seqlens;   /* (n_seqs + 1): sequence i is [cu_seqlens[i], cu_seqlens[i + 1]) */
	const int32_t *labels; /* (n_seqs) class indices; NULL for inference */
	double loss_scale;     /* weight of this batch's mean loss in a step: 1 / number of
				  micro-batches */
};

struct bert_open_args {
	const char *dir;	   /* a Hugging Face directory: config.json and model.safetensors */
	int num_labels;		   /* of the head that is wanted; 0: as the checkpoint says */
	bool new_head;		   /* the checkpoint's classifier is not taken, whatever its size */
	const char *const *labels; /* (num_labels) names for id2label; NULL: as the checkpoint says,
				      or LABEL_0 … */
	const char *device;	   /* "cpu", "cuda", "cuda:1" */
	bool bf16;		   /* compute in bfloat16 (training keeps fp32 master weights) */
	bool train;		   /* gradients and an optimizer are wanted */
	uint64_t seed;	/* of the weights that the checkpoint lacks (normal 0, initializer_range;
			   biases 0) */
	double dropout; /* below 0: the probabilities of config.json; else all three dropouts are
			   set to this */
};

/* Opens a model. Missing head (or pooler) weights are newly initialised from the seed; a head of
 * another size than num_labels too, and any head where new_head is set. ERR_NOT_FOUND, ERR_INVALID
 * (damaged or contradictory files, each named), ERR_UNSUPPORTED (another architecture; pickled
 * weights, by name with a hint), ERR_DEVICE, ERR_DEVICE_MEMORY. */
enum err bert_open(const struct bert_open_args *args, struct bert **out,
		   struct errinfo *ei) MUST_USE;
void bert_close(struct bert *b);

/* The configuration in use, with num_labels and the label names. Borrowed. */
const struct bert_config *bert_get_config(const struct bert *b);
/* Names of the weights that were not in the checkpoint, sorted ("classifier.bias", …); NULL from
 * n_initialised on. */
int bert_n_initialised(const struct bert *b);
const char *bert_initialised(const struct bert *b, int i);
/* Parameters of the whole model, embeddings included. */
int64_t bert_n_parameters(const struct bert *b);
/* Bytes of the weights in memory. */
int64_t bert_bytes(const struct bert *b);

/* Writes config.json and model.safetensors (fp32, names with the "bert." prefix) into dir. ERR_IO,
 * ERR_DISK_FULL. */
enum err bert_save(const struct bert *b, const char *dir, struct errinfo *ei) MUST_USE;
/* Loads the weights of a directory written by bert_save into the open model, for
 * load_best_model_at_end. */
enum err bert_restore(struct bert *b, const char *dir, struct errinfo *ei) MUST_USE;

/* Evaluation mode: logits (n_seqs, num_labels), row by row. labels and loss_scale are ignored. */
enum err bert_forward(struct bert *b, const struct bert_batch *batch, float *logits,
		      struct errinfo *ei) MUST_USE;

struct bert_step {
	int64_t step;  /* counted from 0: with the seed it determines the dropout */
	uint64_t seed; /* of the dropout */
	double learning_rate;
	double weight_decay; /* decoupled (AdamW); never on biases and LayerNorm */
	double adam_beta1, adam_beta2, adam_epsilon;
	double max_grad_norm; /* 0: no clipping */
};

/* One optimizer step: forward and backward of each micro-batch, global-norm clipping, fused AdamW.
 * loss is the sum of loss_scale × mean cross-entropy over the micro-batches; grad_norm the 2-norm
 * over all gradients before clipping (as torch.nn.utils.clip_grad_norm_). A loss or norm that is
 * not finite is returned as such, with the weights left as they were and OK: the caller decides.
 * ERR_DEVICE_MEMORY leaves the weights unchanged too. */
enum err bert_train_step(struct bert *b, const struct bert_batch *micro, int n_micro,
			 const struct bert_step *step, double *loss, double *grad_norm,
			 struct errinfo *ei) MUST_USE;

/* The AdamW state as safetensors at path, and back: exp_avg.NAME and exp_avg_sq.NAME of each
 * parameter, "step", and for the word embeddings, of which only the rows that have been trained
 * have a state, their ids (rows.NAME). With it, the saved weights and the same seeds a run
 * continues bit for bit on the same build, device and number of threads. ERR_CONFLICT before the
 * first step; ERR_INVALID for the state of another model. */
enum err bert_optimizer_save(const struct bert *b, const char *path, struct errinfo *ei) MUST_USE;
enum err bert_optimizer_load(struct bert *b, const char *path, struct errinfo *ei) MUST_USE;

/* Gradients of one batch's mean loss, before clipping, as safetensors at path; for comparisons with
 * PyTorch. */
enum err bert_gradients_save(struct bert *b, const struct bert_batch *batch, uint64_t dropout_seed,
			     const char *path, struct errinfo *ei) MUST_USE;

struct bert_device_info {
	char name[128];	     /* "cpu (2 threads)", "NVIDIA H100 80GB HBM3" */
	char libtorch[32];   /* "2.15.0" */
	int64_t bytes_total; /* memory of the device; of the machine for the CPU */
	int64_t bytes_free;
};
/* ERR_DEVICE when there is no such device or its library cannot be loaded; the message says which.
 */
enum err bert_device_info(const char *device, struct bert_device_info *out,
			  struct errinfo *ei) MUST_USE;

struct bert_speed {
	double flops;		 /* floating-point operations a second, in a linear layer */
	double bytes_per_second; /* read and written, of memory that is new */
	double call_seconds;	 /* of one operation, whatever its size */
};
/* How fast the device is in the type that bf16 means, for an estimate of a job. Measured for a
 * tenth of a second on the first call in the process, with the caller's threads and 64 MiB of
 * memory (CUDA: 256 MiB), and remembered. Any thread. ERR_DEVICE, ERR_DEVICE_MEMORY. */
enum err bert_device_speed(const char *device, bool bf16, struct bert_speed *out,
			   struct errinfo *ei) MUST_USE;

/* Threads of one operation on the CPU, for the calling thread's own later calls; once, before any
 * model is opened on that thread. n of 0 means all cores. A thread that never calls it takes the
 * number that was last set anywhere. */
void bert_set_threads(int n);

#endif
