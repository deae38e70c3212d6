/* Inside parquet.h: what the parquet*.cpp files share. Nothing else includes it. */
#ifndef BERTD_DATA_PARQUET_IMPL_HPP
#define BERTD_DATA_PARQUET_IMPL_HPP

#include <cstdint>
#include <memory>
#include <string>

#include <arrow/memory_pool.h>
#include <parquet/column_reader.h>
#include <parquet/metadata.h>
#include <parquet/properties.h>
#include <parquet/schema.h>

extern "C" {
#include "base/err.h"
#include "data/cell.h"
}

namespace parquet_impl
{

/* What is wrong, in words that follow the name of the file, column or value: "is damaged". */
struct fault {
	enum err code;
	struct errinfo words;
};

[[noreturn]] PRINTF_LIKE(2, 3) void fail(enum err code, const char *fmt, ...);

/* --- parquet_pages.cpp --- */

/* Memory from malloc, up to a limit. */
class bounded_pool final : public arrow::MemoryPool
{
	int64_t used = 0, most = 0, total = 0, calls = 0;

	arrow::Status grow(int64_t by);

      public:
	const int64_t limit;
	bool refused = false; /* the limit was met */

	explicit bounded_pool(int64_t limit_) : limit(limit_)
	{
	}
	arrow::Status Allocate(int64_t size, int64_t alignment, uint8_t **out) override;
	arrow::Status Reallocate(int64_t old_size, int64_t new_size, int64_t alignment,
				 uint8_t **ptr) override;
	void Free(uint8_t *buffer, int64_t size, int64_t alignment) override;
	int64_t bytes_allocated() const override;
	int64_t max_memory() const override;
	int64_t total_bytes_allocated() const override;
	int64_t num_allocations() const override;
	std::string backend_name() const override;
};

/* Bytes that may still come; fails with ERR_TOO_LARGE when they are used up. */
struct budget {
	int64_t max, left;

	void take(int64_t n);
};

/* Where the pages of one file come from. */
struct page_source {
	int fd;
	int64_t size;	   /* of the file */
	int failed;	   /* errno of what ended the reading, or 0 */
	bounded_pool pool; /* outlives what allocates from it */
	parquet::ReaderProperties properties;
	budget bytes; /* of the wanted columns, decompressed */

	explicit page_source(int fd_, int64_t max_bytes);
	page_source(const page_source &) = delete;
};

/* Where the pages of a column in a row group begin. */
int64_t chunk_start(const parquet::ColumnChunkMetaData &chunk);
/* Those pages. */
std::unique_ptr<parquet::PageReader> open_pages(page_source *source,
						const parquet::ColumnChunkMetaData &chunk,
						const parquet::ColumnDescriptor &descr,
						const parquet::ApplicationVersion &writer);

/* --- parquet_columns.cpp --- */

/* A wanted column that the file has. */
class column
{
      public:
	const parquet::ColumnDescriptor *const descr;
	const int leaf; /* among the columns of the row groups */

	column(const parquet::ColumnDescriptor *descr_, int leaf_) : descr(descr_), leaf(leaf_)
	{
	}
	virtual ~column() = default;
	/* The column's pages in the next row group. */
	virtual void start(std::unique_ptr<parquet::PageReader> pages, arrow::MemoryPool *pool) = 0;
	/* The next value, its text not longer than max; it lives until the next call. */
	virtual void next(int64_t max, struct cell *out) = 0;
};

/* NULL where the type is not read. */
std::unique_ptr<column> make_column(const parquet::ColumnDescriptor *descr, int leaf);
/* A type that is not read, in words: "a list". */
const char *type_words(const parquet::schema::Node &node);

} // namespace parquet_impl

#endif
