/* safetensors files: a reader with the rules of the reference implementation and a writer of fp32
 * tensors.
 *
 * A file is 8 bytes of header length (little-endian), the header (a JSON object), and the buffer
 * that the tensors fill without holes. Format: https://github.com/huggingface/safetensors (README,
 * "Format").
 *
 * The reader keeps a descriptor and the header, never the buffer: tensors are read on demand into
 * the caller's memory, so that weights exist once in the process and a file cut short under us is
 * an error and not a SIGBUS. A reader or writer belongs to one thread at a time. */
#ifndef BERTD_MODEL_SAFETENSORS_H
#define BERTD_MODEL_SAFETENSORS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define SAFETENSORS_MAX_HEADER 100000000 /* bytes, as the reference */
#define SAFETENSORS_MAX_DIMS   8

/* Name in the file, bits of one element. */
#define SAFETENSORS_DTYPES(X) \
	X(BOOL, 8) \
	X(F4, 4) \
	X(F6_E2M3, 6) \
	X(F6_E3M2, 6) \
	X(U8, 8) \
	X(I8, 8) \
	X(F8_E5M2, 8) \
	X(F8_E4M3, 8) \
	X(F8_E8M0, 8) \
	X(I16, 16) \
	X(U16, 16) \
	X(F16, 16) \
	X(BF16, 16) \
	X(I32, 32) \
	X(U32, 32) \
	X(F32, 32) \
	X(C64, 64) \
	X(F64, 64) \
	X(I64, 64) \
	X(U64, 64)

enum safetensors_dtype {
#define X(name, bits) SAFETENSORS_##name,
	SAFETENSORS_DTYPES(X)
#undef X
};

struct safetensors;

struct safetensors_tensor {
	const char *name; /* borrowed from the reader */
	enum safetensors_dtype dtype;
	int n_dims; /* 0: a scalar */
	int64_t shape[SAFETENSORS_MAX_DIMS];
	int64_t n_elements;
	int64_t offset, n_bytes; /* in the buffer */
};

/* Reads and checks the header. ERR_NOT_FOUND; ERR_INVALID (and ERR_SYNTAX for the JSON) naming the
 * tensor or the offset: header longer than the file or SAFETENSORS_MAX_HEADER, not an object,
 * duplicate keys, an unknown dtype, a shape that overflows or does not fit its bytes, tensors that
 * overlap, leave holes or do not end at the end of the file, metadata that is not text; ERR_IO. */
enum err safetensors_open(const char *path, struct safetensors **out, struct errinfo *ei) MUST_USE;
/* NULL is fine. */
void safetensors_close(struct safetensors *st);

/* Tensors in the order of their bytes. Borrowed. */
int safetensors_count(const struct safetensors *st);
const struct safetensors_tensor *safetensors_at(const struct safetensors *st, int i);
/* NULL when there is none of that name. */
const struct safetensors_tensor *safetensors_find(const struct safetensors *st, const char *name);
/* The value of a key of __metadata__, or NULL. */
const char *safetensors_metadata(const struct safetensors *st, const char *key);
const char *safetensors_dtype_name(enum safetensors_dtype dtype);

/* Reads one F32, F16 or BF16 tensor as fp32 into out (n_elements). ERR_UNSUPPORTED for other types,
 * ERR_IO. */
enum err safetensors_read(struct safetensors *st, const struct safetensors_tensor *t, float *out,
			  struct errinfo *ei) MUST_USE;

/* IEEE 754 binary16 and bfloat16 to binary32; exact, NaN payloads kept. */
float safetensors_from_f16(uint16_t bits);
float safetensors_from_bf16(uint16_t bits);

struct safetensors_item {
	const char *name;
	int n_dims;
	int64_t shape[SAFETENSORS_MAX_DIMS];
};
struct safetensors_writer;

/* Starts a file of n fp32 tensors that stand in the order of items, with the metadata {"format":
 * "pt"}. The header is padded with blanks so that the buffer begins at a multiple of 8. Nothing
 * appears at path before safetensors_finish. ERR_IO, ERR_DISK_FULL. */
enum err safetensors_create(const char *path, const struct safetensors_item *items, int n,
			    struct safetensors_writer **out, struct errinfo *ei) MUST_USE;
/* The elements of the next item. A wrong count is a bug. */
enum err safetensors_put(struct safetensors_writer *w, const float *data, int64_t count,
			 struct errinfo *ei) MUST_USE;
/* Syncs, renames to path, and frees w, also on error. All items must have been put. */
enum err safetensors_finish(struct safetensors_writer *w, struct errinfo *ei) MUST_USE;
/* Removes what was written and frees w. NULL is fine. */
void safetensors_abandon(struct safetensors_writer *w);

#endif
