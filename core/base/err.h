/* Errors: a code for the program, words for the person.
 *
 * What can fail returns `enum err` and takes the caller's `struct errinfo`. The code decides what
 * the program does next (server/problem.c maps it to an HTTP status), the text says what went wrong
 * and where, without internal paths when it can reach a client. Bugs of ours abort; faults of the
 * user and of the machine are reported. */
#ifndef BERTD_BASE_ERR_H
#define BERTD_BASE_ERR_H

#define MUST_USE	  __attribute__((warn_unused_result))
#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))

#define ERR_LIST(X) \
	X(OK, "ok") \
	X(ERR_SYNTAX, "the text is not well-formed") \
	X(ERR_INVALID, "a value is not valid") \
	X(ERR_NOT_FOUND, "no such object") \
	X(ERR_CONFLICT, "the object is in the wrong state") \
	X(ERR_TOO_LARGE, "larger than the limit") \
	X(ERR_UNSUPPORTED, "of a kind that is not supported") \
	X(ERR_BUSY, "try again later") \
	X(ERR_CANCELLED, "stopped on request") \
	X(ERR_DB, "the database failed") \
	X(ERR_IO, "reading or writing a file failed") \
	X(ERR_DISK_FULL, "the disk is full") \
	X(ERR_QUOTA, "no room is left within the limit") \
	X(ERR_MODEL, "the model failed") \
	X(ERR_NETWORK, "another server failed or could not be reached") \
	X(ERR_DENIED, "access is refused") \
	X(ERR_ABSENT, "has to be downloaded first") \
	X(ERR_DEVICE, "the device failed") \
	X(ERR_DEVICE_MEMORY, "the device is out of memory")

enum err {
#define X(code, text) code,
	ERR_LIST(X)
#undef X
};

struct errinfo {
	char msg[512]; /* UTF-8, one line, always terminated */
};

/* Writes the message and returns e, so that a caller can say `return err_set(ei, ERR_IO, ...)`. ei
 * may be NULL. What does not fit is cut between two characters. */
enum err err_set(struct errinfo *ei, enum err e, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* As err_set, for a failed system call: appends strerror(errno) and returns ERR_DISK_FULL for
 * ENOSPC and EDQUOT, ERR_NOT_FOUND for ENOENT, else ERR_IO. */
enum err err_errno(struct errinfo *ei, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* "ERR_IO"; never NULL. */
const char *err_name(enum err e);

/* The general words of the code; never NULL. */
const char *err_text(enum err e);

/* Prints file, line and words to stderr and aborts: for states that only a bug of ours can reach.
 */
#define BUG_ON(cond) \
	do { \
		if (cond) \
			err_bug(__FILE__, __LINE__, #cond); \
	} while (0)
void err_bug(const char *file, int line, const char *what) __attribute__((noreturn));

#endif
