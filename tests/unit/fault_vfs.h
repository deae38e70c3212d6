/* A SQLite file system that fails on demand: it wraps the default one and becomes the default.
 * Every write, sync and truncation counts; from the one numbered fault_vfs.fail_at on they all fail
 * with fault_vfs.code. */
#ifndef BERTD_TESTS_FAULT_VFS_H
#define BERTD_TESTS_FAULT_VFS_H

#include <sqlite3.h>
#include <string.h>

static struct {
	sqlite3_vfs *real;
	int calls;   /* writes, syncs and truncations so far */
	int fail_at; /* 0: never */
	int code;    /* SQLITE_FULL, SQLITE_IOERR_WRITE, … */
} fault_vfs;

struct fault_file {
	sqlite3_file base;
	sqlite3_file *real; /* behind this struct */
};

static inline sqlite3_file *real_of(sqlite3_file *f)
{
	return ((struct fault_file *)f)->real;
}

static inline int fault_now(void)
{
	fault_vfs.calls++;
	return fault_vfs.fail_at && fault_vfs.calls >= fault_vfs.fail_at;
}

#define FORWARD(name, params, ...) \
	static inline int fault_##name params \
	{ \
		sqlite3_file *r = real_of(f); \
		return r->pMethods->name(r, ##__VA_ARGS__); \
	}
#define FAULTY(name, params, ...) \
	static inline int fault_##name params \
	{ \
		sqlite3_file *r = real_of(f); \
		return fault_now() ? fault_vfs.code : r->pMethods->name(r, ##__VA_ARGS__); \
	}
FORWARD(xClose, (sqlite3_file * f))
FORWARD(xRead, (sqlite3_file * f, void *p, int n, sqlite3_int64 at), p, n, at)
FAULTY(xWrite, (sqlite3_file * f, const void *p, int n, sqlite3_int64 at), p, n, at)
FAULTY(xTruncate, (sqlite3_file * f, sqlite3_int64 size), size)
FAULTY(xSync, (sqlite3_file * f, int flags), flags)
FORWARD(xFileSize, (sqlite3_file * f, sqlite3_int64 *size), size)
FORWARD(xLock, (sqlite3_file * f, int lock), lock)
FORWARD(xUnlock, (sqlite3_file * f, int lock), lock)
FORWARD(xCheckReservedLock, (sqlite3_file * f, int *out), out)
FORWARD(xFileControl, (sqlite3_file * f, int op, void *arg), op, arg)
FORWARD(xSectorSize, (sqlite3_file * f))
FORWARD(xDeviceCharacteristics, (sqlite3_file * f))
FORWARD(xShmMap, (sqlite3_file * f, int page, int size, int extend, void volatile **out), page,
	size, extend, out)
FORWARD(xShmLock, (sqlite3_file * f, int offset, int n, int flags), offset, n, flags)
FORWARD(xShmUnmap, (sqlite3_file * f, int remove), remove)

static inline void fault_xShmBarrier(sqlite3_file *f)
{
	real_of(f)->pMethods->xShmBarrier(real_of(f));
}

static inline int fault_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags,
			     int *out_flags)
{
	static const sqlite3_io_methods methods = {
		.iVersion = 2,
		.xClose = fault_xClose,
		.xRead = fault_xRead,
		.xWrite = fault_xWrite,
		.xTruncate = fault_xTruncate,
		.xSync = fault_xSync,
		.xFileSize = fault_xFileSize,
		.xLock = fault_xLock,
		.xUnlock = fault_xUnlock,
		.xCheckReservedLock = fault_xCheckReservedLock,
		.xFileControl = fault_xFileControl,
		.xSectorSize = fault_xSectorSize,
		.xDeviceCharacteristics = fault_xDeviceCharacteristics,
		.xShmMap = fault_xShmMap,
		.xShmLock = fault_xShmLock,
		.xShmBarrier = fault_xShmBarrier,
		.xShmUnmap = fault_xShmUnmap,
	};
	struct fault_file *ff = (struct fault_file *)f;

	(void)vfs;
	ff->real = (sqlite3_file *)(ff + 1);
	int rc = fault_vfs.real->xOpen(fault_vfs.real, name, ff->real, flags, out_flags);
	ff->base.pMethods = ff->real->pMethods ? &methods : NULL;
	return rc;
}

/* Once, before the first database is opened. */
static inline void fault_vfs_install(void)
{
	static sqlite3_vfs vfs;

	fault_vfs.real = sqlite3_vfs_find(NULL);
	vfs = *fault_vfs.real;
	vfs.zName = "fault";
	vfs.szOsFile += (int)sizeof(struct fault_file);
	vfs.xOpen = fault_open;
	vfs.pNext = NULL;
	sqlite3_vfs_register(&vfs, 1);
}

#endif
