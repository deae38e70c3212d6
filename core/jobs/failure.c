/* What a failed attempt is called: see failure.h. */
#include "jobs/failure.h"

#include <string.h>

static const struct job_end internal = {
	.code = "internal",
	.message = "the server could not go on with the job",
	.hint = "the log of the server says why",
};

static const struct job_end disk_full = {
	.code = "disk_full",
	.message = "the disk of the server is full",
	.hint = "save_total_limit keeps fewer checkpoints; ended jobs and models can be deleted",
};

static const struct job_end io = {
	.code = "io",
	.message = "reading or writing a file of the server failed",
	.hint = "the log of the server says which",
};

static struct job_end of_download(const char *code, const struct errinfo *ei, const char *hint)
{
	return (struct job_end){ .code = code, .message = ei->msg, .hint = hint };
}

static struct job_end of_model(const struct errinfo *ei)
{
	struct job_end diverged = {
		.code = "diverged",
		.message = ei->msg,
		.hint = "a smaller learning_rate, more warmup_steps or a smaller max_grad_norm",
	};

	return strstr(ei->msg, "diverged") ? diverged : internal;
}

static struct job_end of_request(const char *code, const struct errinfo *ei)
{
	static const struct {
		const char *code, *hint;
	} hints[] = {
		{ "data_changed", "the files are not what they were when the job was queued" },
		{ "data_invalid", "the files could not be checked before they were downloaded" },
		{ "model_invalid", "the files of the base model have to be whole" },
	};
	struct job_end end = { .code = code, .message = ei->msg };

	for (size_t i = 0; i < sizeof(hints) / sizeof(*hints); i++)
		if (strcmp(code, hints[i].code) == 0)
			end.hint = hints[i].hint;
	return end;
}

struct job_end failure_describe(enum err e, const char *code, const struct errinfo *ei)
{
	switch (e) {
	case ERR_DEVICE_MEMORY:
		return (struct job_end){
			.code = "out_of_memory",
			.message = "the device ran out of memory",
			.hint = "a smaller per_device_train_batch_size with more "
				"gradient_accumulation_steps, or a smaller max_length",
		};
	case ERR_DISK_FULL:
		return disk_full;
	case ERR_QUOTA:
		return (struct job_end){ .code = "quota", .message = ei->msg };
	case ERR_DEVICE:
		return (struct job_end){ .code = "device", .message = ei->msg };
	case ERR_MODEL:
		return of_model(ei);
	case ERR_SYNTAX:
	case ERR_INVALID:
	case ERR_NOT_FOUND:
	case ERR_TOO_LARGE:
	case ERR_UNSUPPORTED:
		return code ? of_request(code, ei) : internal;
	case ERR_NETWORK:
	case ERR_ABSENT:
		return of_download("download_failed", ei,
				   "the same job can be sent again: what was downloaded is kept");
	case ERR_DENIED:
		return of_download("access_denied", ei,
				   "the server's hf_token has to belong to an account with access");
	case ERR_IO:
		return io;
	case OK:
	case ERR_CONFLICT:
	case ERR_BUSY:
	case ERR_CANCELLED:
	case ERR_DB:
		break;
	}
	return internal;
}
