/* Pages of a Parquet file: memory with a limit, and the bytes of a column. See parquet_impl.hpp. */
#include "data/parquet_impl.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

#include <sys/stat.h>
#include <unistd.h>

#include <arrow/buffer.h>
#include <arrow/io/interfaces.h>
#include <parquet/column_page.h>

extern "C" {
#include "data/parquet.h"
}

namespace parquet_impl
{

constexpr int64_t WINDOW_BYTES = 64 * 1024;    /* of the file, for each column */
constexpr int64_t MAX_DICTIONARY_HEADER = 100; /* bytes */

arrow::Status bounded_pool::grow(int64_t by)
{
	if (by > limit - used) {
		refused = true;
		return arrow::Status::OutOfMemory("above the limit");
	}
	used += by;
	most = std::max(most, used);
	total += std::max<int64_t>(by, 0);
	calls++;
	return arrow::Status::OK();
}

arrow::Status bounded_pool::Allocate(int64_t size, int64_t alignment, uint8_t **out)
{
	ARROW_RETURN_NOT_OK(grow(size));
	arrow::Status s = arrow::system_memory_pool()->Allocate(size, alignment, out);
	used -= s.ok() ? 0 : size;
	return s;
}

arrow::Status bounded_pool::Reallocate(int64_t old_size, int64_t new_size, int64_t alignment,
				       uint8_t **ptr)
{
	ARROW_RETURN_NOT_OK(grow(new_size - old_size));
	arrow::Status s =
		arrow::system_memory_pool()->Reallocate(old_size, new_size, alignment, ptr);
	used -= s.ok() ? 0 : new_size - old_size;
	return s;
}

void bounded_pool::Free(uint8_t *buffer, int64_t size, int64_t alignment)
{
	arrow::system_memory_pool()->Free(buffer, size, alignment);
	used -= size;
}

int64_t bounded_pool::bytes_allocated() const
{
	return used;
}

int64_t bounded_pool::max_memory() const
{
	return most;
}

int64_t bounded_pool::total_bytes_allocated() const
{
	return total;
}

int64_t bounded_pool::num_allocations() const
{
	return calls;
}

std::string bounded_pool::backend_name() const
{
	return "bounded";
}

void budget::take(int64_t n)
{
	if (n > left)
		fail(ERR_TOO_LARGE, "makes the wanted columns larger than %lld bytes",
		     static_cast<long long>(max));
	left -= n;
}

/* A small file has no large pages, unless they are made to hurt. */
static int64_t memory_for(int fd)
{
	struct stat st;
	int64_t bytes = fstat(fd, &st) == 0 ? static_cast<int64_t>(st.st_size) : 0;
	int64_t most = PARQUET_MAX_MEMORY, least = PARQUET_MIN_MEMORY;

	return bytes > (most - least) / PARQUET_MEMORY_RATIO ? most
							     : least + bytes * PARQUET_MEMORY_RATIO;
}

page_source::page_source(int fd_, int64_t max_bytes)
    : fd(fd_), size(0), failed(0), pool(memory_for(fd_)),
      properties(&pool), bytes{ max_bytes, max_bytes }
{
}

/* A part of the caller's file, read by pread. It gives no more than there is, so that a page costs
 * what it has in the file and not what it says. */
class part final : public arrow::io::InputStream
{
	page_source *source;
	int64_t at, end;
	std::vector<char> window; /* bytes of the file from window_at on */
	int64_t window_at = 0;

	arrow::Status read(int64_t from, int64_t n, char *out)
	{
		for (int64_t done = 0; done < n;) {
			ssize_t got = pread(source->fd, out + done, static_cast<size_t>(n - done),
					    from + done);
			if (got < 0 && errno == EINTR)
				continue;
			if (got < 0)
				source->failed = errno;
			if (got <= 0)
				return arrow::Status::IOError("the file has become shorter");
			done += got;
		}
		return arrow::Status::OK();
	}

	/* How many of the n bytes from `at` on are in the window. */
	int64_t in_window(int64_t n) const
	{
		int64_t window_end = window_at + static_cast<int64_t>(window.size());
		return at < window_at || at >= window_end ? 0 : std::min(n, window_end - at);
	}

      public:
	part(page_source *source_, int64_t from, int64_t to) : source(source_), at(from), end(to)
	{
	}

	arrow::Result<int64_t> Read(int64_t n, void *out) override
	{
		n = std::min(n, end - at);
		int64_t ready = in_window(n);
		if (ready > 0)
			memcpy(out, window.data() + (at - window_at), static_cast<size_t>(ready));
		ARROW_RETURN_NOT_OK(read(at + ready, n - ready, static_cast<char *>(out) + ready));
		at += n;
		return n;
	}

	arrow::Result<std::shared_ptr<arrow::Buffer>> Read(int64_t n) override
	{
		n = std::min(n, end - at);
		ARROW_ASSIGN_OR_RAISE(auto buffer,
				      arrow::AllocateResizableBuffer(n, &source->pool));
		ARROW_RETURN_NOT_OK(Read(n, buffer->mutable_data()));
		return std::shared_ptr<arrow::Buffer>(std::move(buffer));
	}

	arrow::Result<std::string_view> Peek(int64_t n) override
	{
		n = std::min(n, end - at);
		if (in_window(n) < n) {
			int64_t wide = std::min(std::max(n, WINDOW_BYTES), end - at);
			window.resize(static_cast<size_t>(wide));
			window_at = at;
			ARROW_RETURN_NOT_OK(read(at, wide, window.data()));
		}
		return std::string_view(window.data() + (at - window_at), static_cast<size_t>(n));
	}

	arrow::Result<int64_t> Tell() const override
	{
		return at;
	}
	arrow::Status Close() override
	{
		return arrow::Status::OK();
	}
	bool closed() const override
	{
		return false;
	}
};

/* Pages on their way to a column reader, their decompressed bytes counted. */
class counted_pages final : public parquet::PageReader
{
	std::unique_ptr<parquet::PageReader> pages;
	budget *bytes;

      public:
	counted_pages(std::unique_ptr<parquet::PageReader> pages_, budget *bytes_)
	    : pages(std::move(pages_)), bytes(bytes_)
	{
	}

	std::shared_ptr<parquet::Page> NextPage() override
	{
		std::shared_ptr<parquet::Page> page = pages->NextPage();
		if (page)
			bytes->take(page->size());
		return page;
	}

	void set_max_page_header_size(uint32_t size) override
	{
		pages->set_max_page_header_size(size);
	}
};

/* Where the pages begin: the dictionary is the first of them. */
int64_t chunk_start(const parquet::ColumnChunkMetaData &chunk)
{
	int64_t data = chunk.data_page_offset();

	if (chunk.has_dictionary_page() && chunk.dictionary_page_offset() > 0)
		return std::min(data, chunk.dictionary_page_offset());
	return data;
}

/* Two old writers need help: parquet-mr left the header of the dictionary out of the size, and
 * Arrow forgot to say that its pages are compressed. */
std::unique_ptr<parquet::PageReader> open_pages(page_source *source,
						const parquet::ColumnChunkMetaData &chunk,
						const parquet::ColumnDescriptor &descr,
						const parquet::ApplicationVersion &writer)
{
	using version = parquet::ApplicationVersion;
	int64_t from = chunk_start(chunk), to = from + chunk.total_compressed_size();

	if (writer.VersionLt(version::PARQUET_816_FIXED_VERSION()))
		to = std::min(to + MAX_DICTIONARY_HEADER, source->size);
	auto pages = parquet::PageReader::Open(
		std::make_shared<part>(source, from, to), chunk.num_values(), chunk.compression(),
		source->properties, descr,
		writer.VersionLt(version::PARQUET_CPP_10353_FIXED_VERSION()));
	return std::make_unique<counted_pages>(std::move(pages), &source->bytes);
}

} // namespace parquet_impl
