/* The reader of safetensors files: see safetensors.h. */
#include "model/safetensors.h"

#include "base/json.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct {
	const char *name;
	int bits;
} dtypes[] = {
#define X(name, bits) { #name, bits },
	SAFETENSORS_DTYPES(X)
#undef X
};
#define N_DTYPES ((int)(sizeof(dtypes) / sizeof(dtypes[0])))

struct safetensors {
	int fd;
	int64_t buffer_start; /* in the file */
	int64_t buffer_bytes;
	json_t *header; /* owns the names and the metadata */
	struct safetensors_tensor *tensors;
	int *by_name; /* indices of tensors, sorted by name */
	int count;
};

const char *safetensors_dtype_name(enum safetensors_dtype dtype)
{
	return dtypes[dtype].name;
}

static enum err read_at(int fd, void *out, int64_t n, int64_t offset, struct errinfo *ei)
{
	char *p = out;

	while (n > 0) {
		ssize_t r = pread(fd, p, (size_t)n, offset);
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return err_errno(ei, "cannot read the file");
		if (r == 0)
			return err_set(ei, ERR_IO, "the file ends at byte %lld while it is read",
				       (long long)offset);
		p += r;
		n -= r;
		offset += r;
	}
	return OK;
}

/* --- one entry of the header --- */

static enum err read_dtype(const json_t *entry, struct safetensors_tensor *t, struct errinfo *ei)
{
	const char *name = json_string_value(json_object_get(entry, "dtype"));

	if (!name)
		return err_set(ei, ERR_INVALID, "tensor %.200s: dtype is missing or not a string",
			       t->name);
	for (int i = 0; i < N_DTYPES; i++) {
		if (strcmp(name, dtypes[i].name) == 0) {
			t->dtype = (enum safetensors_dtype)i;
			return OK;
		}
	}
	return err_set(ei, ERR_INVALID, "tensor %.200s: unknown dtype %.40s", t->name, name);
}

static enum err read_shape(const json_t *entry, struct safetensors_tensor *t, struct errinfo *ei)
{
	const json_t *shape = json_object_get(entry, "shape");

	if (!json_is_array(shape))
		return err_set(ei, ERR_INVALID, "tensor %.200s: shape is missing or not an array",
			       t->name);
	if (json_array_size(shape) > SAFETENSORS_MAX_DIMS)
		return err_set(ei, ERR_INVALID, "tensor %.200s: more than %d dimensions", t->name,
			       SAFETENSORS_MAX_DIMS);
	t->n_dims = (int)json_array_size(shape);
	t->n_elements = 1;
	for (int i = 0; i < t->n_dims; i++) {
		const json_t *dim = json_array_get(shape, (size_t)i);
		if (!json_is_integer(dim) || json_integer_value(dim) < 0)
			return err_set(ei, ERR_INVALID, "tensor %.200s: shape[%d] is not a count",
				       t->name, i);
		t->shape[i] = json_integer_value(dim);
		if (__builtin_mul_overflow(t->n_elements, t->shape[i], &t->n_elements))
			return err_set(ei, ERR_INVALID, "tensor %.200s: the shape overflows",
				       t->name);
	}
	return OK;
}

static enum err read_offsets(const json_t *entry, struct safetensors_tensor *t, struct errinfo *ei)
{
	const json_t *offsets = json_object_get(entry, "data_offsets");
	const json_t *begin = json_array_get(offsets, 0), *end = json_array_get(offsets, 1);

	if (json_array_size(offsets) != 2 || !json_is_integer(begin) || !json_is_integer(end))
		return err_set(ei, ERR_INVALID, "tensor %.200s: data_offsets is not two integers",
			       t->name);
	if (json_integer_value(begin) < 0 || json_integer_value(end) < json_integer_value(begin))
		return err_set(ei, ERR_INVALID, "tensor %.200s: data_offsets run backwards",
			       t->name);
	t->offset = json_integer_value(begin);
	t->n_bytes = json_integer_value(end) - t->offset;

	int64_t bits;
	if (__builtin_mul_overflow(t->n_elements, (int64_t)dtypes[t->dtype].bits, &bits))
		return err_set(ei, ERR_INVALID, "tensor %.200s: the shape overflows", t->name);
	if (bits % 8 != 0)
		return err_set(ei, ERR_INVALID, "tensor %.200s: does not fill whole bytes",
			       t->name);
	if (bits / 8 != t->n_bytes)
		return err_set(ei, ERR_INVALID,
			       "tensor %.200s: %lld bytes for a shape of %lld bytes", t->name,
			       (long long)t->n_bytes, (long long)(bits / 8));
	return OK;
}

static enum err read_entry(const char *name, const json_t *entry, struct safetensors_tensor *t,
			   struct errinfo *ei)
{
	const char *key;
	json_t *value;

	t->name = name;
	if (!json_is_object(entry))
		return err_set(ei, ERR_INVALID, "tensor %.200s: not an object", name);
	json_object_foreach((json_t *)entry, key, value) {
		if (strcmp(key, "dtype") != 0 && strcmp(key, "shape") != 0 &&
		    strcmp(key, "data_offsets") != 0)
			return err_set(ei, ERR_INVALID, "tensor %.200s: unknown member %.40s", name,
				       key);
	}
	enum err e = read_dtype(entry, t, ei);
	if (e == OK)
		e = read_shape(entry, t, ei);
	return e == OK ? read_offsets(entry, t, ei) : e;
}

static enum err check_metadata(const json_t *metadata, struct errinfo *ei)
{
	const char *key;
	json_t *value;

	if (!json_is_object(metadata))
		return err_set(ei, ERR_INVALID, "__metadata__ is not an object");
	json_object_foreach((json_t *)metadata, key, value) {
		if (!json_is_string(value))
			return err_set(ei, ERR_INVALID, "__metadata__.%.100s is not a string", key);
	}
	return OK;
}

/* --- the whole header --- */

static int by_offset(const void *a, const void *b)
{
	const struct safetensors_tensor *x = a, *y = b;

	if (x->offset != y->offset)
		return x->offset < y->offset ? -1 : 1;
	return (x->n_bytes > y->n_bytes) - (x->n_bytes < y->n_bytes);
}

static int by_name(const void *a, const void *b, void *tensors)
{
	const struct safetensors_tensor *t = tensors;

	return strcmp(t[*(const int *)a].name, t[*(const int *)b].name);
}

static enum err check_coverage(const struct safetensors *st, struct errinfo *ei)
{
	int64_t end = 0;

	for (int i = 0; i < st->count; i++) {
		const struct safetensors_tensor *t = &st->tensors[i];
		if (t->offset != end)
			return err_set(
				ei, ERR_INVALID,
				"tensor %.200s: begins at byte %lld of the buffer, not at %lld",
				t->name, (long long)t->offset, (long long)end);
		end += t->n_bytes; /* cannot overflow: offset + n_bytes was an int64_t */
	}
	if (end != st->buffer_bytes)
		return err_set(ei, ERR_INVALID, "the tensors fill %lld bytes of a buffer of %lld",
			       (long long)end, (long long)st->buffer_bytes);
	return OK;
}

static enum err index_header(struct safetensors *st, struct errinfo *ei)
{
	const char *name;
	json_t *entry;
	enum err e = OK;

	st->tensors = mem_zalloc(json_object_size(st->header) + 1, sizeof(*st->tensors));
	json_object_foreach(st->header, name, entry) {
		if (strcmp(name, "__metadata__") == 0)
			e = check_metadata(entry, ei);
		else
			e = read_entry(name, entry, &st->tensors[st->count++], ei);
		if (e != OK)
			return e;
	}
	qsort(st->tensors, (size_t)st->count, sizeof(*st->tensors), by_offset);
	st->by_name = mem_zalloc((size_t)st->count + 1, sizeof(*st->by_name));
	for (int i = 0; i < st->count; i++)
		st->by_name[i] = i;
	qsort_r(st->by_name, (size_t)st->count, sizeof(*st->by_name), by_name, st->tensors);
	return check_coverage(st, ei);
}

static enum err parse_header(struct safetensors *st, int64_t len, struct errinfo *ei)
{
	char *text = mem_alloc((size_t)len + 1);
	struct errinfo why;
	enum err e = read_at(st->fd, text, len, 8, ei);

	if (e == OK && (len == 0 || text[0] != '{'))
		e = err_set(ei, ERR_INVALID, "the header does not begin with {");
	if (e == OK) {
		e = json_parse(text, (size_t)len, &st->header, &why);
		if (e != OK)
			err_set(ei, e, "header: %s", why.msg);
	}
	free(text);
	return e == OK ? index_header(st, ei) : e;
}

static enum err read_file(struct safetensors *st, struct errinfo *ei)
{
	struct stat sb;
	uint8_t prefix[8];
	uint64_t len = 0;

	if (fstat(st->fd, &sb) != 0)
		return err_errno(ei, "cannot stat the file");
	if (!S_ISREG(sb.st_mode))
		return err_set(ei, ERR_INVALID, "not a regular file");
	if (sb.st_size < 8)
		return err_set(ei, ERR_INVALID, "%lld bytes are too few for a header",
			       (long long)sb.st_size);
	enum err e = read_at(st->fd, prefix, 8, 0, ei);
	if (e != OK)
		return e;
	for (int i = 7; i >= 0; i--)
		len = len << 8 | prefix[i];
	if (len > SAFETENSORS_MAX_HEADER)
		return err_set(ei, ERR_INVALID, "a header of %llu bytes is above the limit of %d",
			       (unsigned long long)len, SAFETENSORS_MAX_HEADER);
	if ((int64_t)len > sb.st_size - 8)
		return err_set(ei, ERR_INVALID, "a header of %llu bytes in a file of %lld",
			       (unsigned long long)len, (long long)sb.st_size);
	st->buffer_start = 8 + (int64_t)len;
	st->buffer_bytes = sb.st_size - st->buffer_start;
	return parse_header(st, (int64_t)len, ei);
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

enum err safetensors_open(const char *path, struct safetensors **out, struct errinfo *ei)
{
	struct safetensors *st = mem_zalloc(1, sizeof(*st));
	struct errinfo why;
	enum err e;

	st->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	e = st->fd < 0 ? err_errno(&why, "cannot open the file") : read_file(st, &why);
	if (e != OK) {
		err_set(ei, e, "%s: %.400s", base_name(path), why.msg);
		safetensors_close(st);
		return e;
	}
	*out = st;
	return OK;
}

void safetensors_close(struct safetensors *st)
{
	if (!st)
		return;
	if (st->fd >= 0)
		close(st->fd);
	json_decref(st->header);
	free(st->tensors);
	free(st->by_name);
	free(st);
}

int safetensors_count(const struct safetensors *st)
{
	return st->count;
}

const struct safetensors_tensor *safetensors_at(const struct safetensors *st, int i)
{
	return &st->tensors[i];
}

const struct safetensors_tensor *safetensors_find(const struct safetensors *st, const char *name)
{
	int low = 0, high = st->count;

	while (low < high) {
		int mid = low + (high - low) / 2;
		const struct safetensors_tensor *t = &st->tensors[st->by_name[mid]];
		int c = strcmp(name, t->name);
		if (c == 0)
			return t;
		if (c < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return NULL;
}

const char *safetensors_metadata(const struct safetensors *st, const char *key)
{
	return json_string_value(json_object_get(json_object_get(st->header, "__metadata__"), key));
}

/* --- elements --- */

static float float_of(uint32_t bits)
{
	float f;

	memcpy(&f, &bits, sizeof(f));
	return f;
}

float safetensors_from_bf16(uint16_t bits)
{
	return float_of((uint32_t)bits << 16);
}

float safetensors_from_f16(uint16_t bits)
{
	uint32_t sign = (uint32_t)(bits & 0x8000) << 16;
	uint32_t exponent = bits >> 10 & 0x1f;
	uint32_t mantissa = bits & 0x3ff;

	if (exponent == 0x1f)
		return float_of(sign | 0x7f800000 | mantissa << 13);
	if (exponent == 0) {
		float small = (float)mantissa * 0x1p-24f; /* exact */
		return sign ? -small : small;
	}
	return float_of(sign | (exponent + 112) << 23 | mantissa << 13);
}

static enum err read_halves(struct safetensors *st, const struct safetensors_tensor *t, float *out,
			    struct errinfo *ei)
{
	enum { CHUNK = 1 << 15 };
	uint16_t *chunk = mem_alloc(CHUNK * sizeof(*chunk));
	float (*convert)(uint16_t) =
		t->dtype == SAFETENSORS_F16 ? safetensors_from_f16 : safetensors_from_bf16;
	enum err e = OK;

	for (int64_t i = 0; i < t->n_elements && e == OK; i += CHUNK) {
		int64_t n = t->n_elements - i < CHUNK ? t->n_elements - i : CHUNK;
		e = read_at(st->fd, chunk, n * 2, st->buffer_start + t->offset + i * 2, ei);
		for (int64_t k = 0; k < n && e == OK; k++)
			out[i + k] = convert(chunk[k]);
	}
	free(chunk);
	return e;
}

enum err safetensors_read(struct safetensors *st, const struct safetensors_tensor *t, float *out,
			  struct errinfo *ei)
{
	if (t->dtype == SAFETENSORS_F32)
		return read_at(st->fd, out, t->n_bytes, st->buffer_start + t->offset, ei);
	if (t->dtype == SAFETENSORS_F16 || t->dtype == SAFETENSORS_BF16)
		return read_halves(st, t, out, ei);
	return err_set(ei, ERR_UNSUPPORTED, "tensor %.200s: weights of type %s are not supported",
		       t->name, dtypes[t->dtype].name);
}
