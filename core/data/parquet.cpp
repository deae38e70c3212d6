/* The Parquet reader: see parquet.h. Arrow's low-level column readers, a page at a time; its
 * exceptions end in guard(). */
#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <unistd.h>

#include <arrow/buffer.h>
#include <arrow/io/interfaces.h>
#include <arrow/memory_pool.h>
#include <arrow/util/compression.h>
#include <arrow/util/key_value_metadata.h>
#include <parquet/column_page.h>
#include <parquet/column_reader.h>
#include <parquet/exception.h>
#include <parquet/metadata.h>
#include <parquet/properties.h>
#include <parquet/schema.h>
#include <parquet/types.h>

extern "C" {
#include "data/parquet.h"

#include "base/json.h"
#include "base/mem.h"
#include "data/class_names.h"
#include "data/dataset.h"
#include "data/faults.h"
#include "data/parquet_footer.h"
#include "text/unicode.h"
}

namespace
{

constexpr int BATCH = 256;			 /* values decoded at once */
constexpr int64_t WINDOW_BYTES = 64 * 1024;	 /* of the file, for each column */
constexpr int64_t MAX_DICTIONARY_HEADER = 100;	 /* bytes */
constexpr size_t MAX_HUB_METADATA = 1024 * 1024; /* bytes of JSON; longer is not looked at */

/* What is wrong, in words that follow the name of the file, column or value: "is damaged". */
struct fault {
	enum err code;
	struct errinfo words;
};

[[noreturn]] PRINTF_LIKE(2, 3) void fail(enum err code, const char *fmt, ...)
{
	fault f = { code, {} };
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(f.words.msg, sizeof(f.words.msg), fmt, ap);
	va_end(ap);
	throw f;
}

std::string quoted(const std::string &text)
{
	struct excerpt x;

	return excerpt_of(text.data(), text.size(), &x);
}

/* Memory from malloc, up to a limit. */
class bounded_pool final : public arrow::MemoryPool
{
	arrow::MemoryPool *all = arrow::system_memory_pool();
	int64_t used = 0, most = 0, total = 0, calls = 0;

	arrow::Status grow(int64_t by)
	{
		if (by > PARQUET_MAX_MEMORY - used) {
			refused = true;
			return arrow::Status::OutOfMemory("above the limit");
		}
		used += by;
		most = std::max(most, used);
		total += std::max<int64_t>(by, 0);
		calls++;
		return arrow::Status::OK();
	}

      public:
	bool refused = false;

	arrow::Status Allocate(int64_t size, int64_t alignment, uint8_t **out) override
	{
		ARROW_RETURN_NOT_OK(grow(size));
		arrow::Status s = all->Allocate(size, alignment, out);
		used -= s.ok() ? 0 : size;
		return s;
	}

	arrow::Status Reallocate(int64_t old_size, int64_t new_size, int64_t alignment,
				 uint8_t **ptr) override
	{
		ARROW_RETURN_NOT_OK(grow(new_size - old_size));
		arrow::Status s = all->Reallocate(old_size, new_size, alignment, ptr);
		used -= s.ok() ? 0 : new_size - old_size;
		return s;
	}

	void Free(uint8_t *buffer, int64_t size, int64_t alignment) override
	{
		all->Free(buffer, size, alignment);
		used -= size;
	}

	int64_t bytes_allocated() const override
	{
		return used;
	}
	int64_t max_memory() const override
	{
		return most;
	}
	int64_t total_bytes_allocated() const override
	{
		return total;
	}
	int64_t num_allocations() const override
	{
		return calls;
	}
	std::string backend_name() const override
	{
		return "bounded";
	}
};

/* A part of the caller's file, read by pread. It gives no more than there is, so that a page costs
 * what it has in the file and not what it says. */
class part final : public arrow::io::InputStream
{
	int fd;
	int64_t at, end;
	arrow::MemoryPool *pool;
	int *failed;		  /* gets the errno of what ended the reading */
	std::vector<char> window; /* bytes of the file from window_at on */
	int64_t window_at = 0;

	arrow::Status read(int64_t from, int64_t n, char *out)
	{
		for (int64_t done = 0; done < n;) {
			ssize_t got =
				pread(fd, out + done, static_cast<size_t>(n - done), from + done);
			if (got < 0 && errno == EINTR)
				continue;
			if (got < 0)
				*failed = errno;
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
	part(int fd_, int64_t from, int64_t to, arrow::MemoryPool *pool_, int *failed_)
	    : fd(fd_), at(from), end(to), pool(pool_), failed(failed_)
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
		ARROW_ASSIGN_OR_RAISE(auto buffer, arrow::AllocateResizableBuffer(n, pool));
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

/* What all wanted columns together may still come to. */
struct budget {
	int64_t max, left;

	void take(int64_t n)
	{
		if (n > left)
			fail(ERR_TOO_LARGE, "makes the wanted columns larger than %lld bytes",
			     static_cast<long long>(max));
		left -= n;
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

template <class Type> class typed_column final : public column
{
	using T = typename Type::c_type;

	std::shared_ptr<parquet::TypedColumnReader<Type>> reader;
	int16_t levels[BATCH]; /* `present`, or less for a null */
	T values[BATCH];       /* those that are not null */
	int64_t n_levels = 0, level = 0;
	int64_t value = 0;
	int16_t present;	   /* 0: the column has no nulls, and no levels */
	int width = sizeof(T) * 8; /* bits of a whole number */
	bool is_signed = true;
	std::string text;

	void fill()
	{
		int64_t n_values = 0;

		n_levels = level = value = 0;
		if (reader->HasNext())
			n_levels = reader->ReadBatch(BATCH, levels, nullptr, values, &n_values);
		int64_t n = present ? std::count(levels, levels + n_levels, present) : n_levels;
		if (n_levels == 0 || n != n_values)
			fail(ERR_SYNTAX, "is not there: the column has fewer values than rows");
	}

	void show_text(const parquet::ByteArray &v, int64_t max, struct cell *out)
	{
		if (v.len > max)
			fail(ERR_TOO_LARGE, "is longer than %lld bytes",
			     static_cast<long long>(max));
		text.assign(reinterpret_cast<const char *>(v.ptr), v.len);
		if (utf8_valid_length(text.data(), text.size()) != text.size())
			fail(ERR_SYNTAX, "is not UTF-8");
		*out = { text.c_str(), v.len, CELL_STRING };
	}

	/* A narrow number stands in the low bits of a wide one. */
	void show_number(int64_t v, struct cell *out)
	{
		uint64_t high = static_cast<uint64_t>(v) << (64 - width);

		text = is_signed ? std::to_string(static_cast<int64_t>(high) >> (64 - width))
				 : std::to_string(high >> (64 - width));
		*out = { text.c_str(), static_cast<uint32_t>(text.size()), CELL_INTEGER };
	}

	void show(const T &v, int64_t max, struct cell *out)
	{
		if constexpr (std::is_same_v<T, parquet::ByteArray>)
			show_text(v, max, out);
		else if constexpr (std::is_same_v<T, bool>)
			*out = v ? cell{ "true", 4, CELL_BOOLEAN }
				 : cell{ "false", 5, CELL_BOOLEAN };
		else if constexpr (std::is_integral_v<T>)
			show_number(v, out);
		else
			*out = { nullptr, 0, CELL_REAL };
	}

      public:
	typed_column(const parquet::ColumnDescriptor *descr_, int leaf_)
	    : column(descr_, leaf_), present(descr_->max_definition_level())
	{
		auto type = descr->logical_type();
		if (type && type->is_int()) {
			auto &number = static_cast<const parquet::IntLogicalType &>(*type);
			width = number.bit_width();
			is_signed = number.is_signed();
		}
	}

	void start(std::unique_ptr<parquet::PageReader> pages, arrow::MemoryPool *pool) override
	{
		reader = std::static_pointer_cast<parquet::TypedColumnReader<Type>>(
			parquet::ColumnReader::Make(descr, std::move(pages), pool));
		n_levels = level = 0;
	}

	void next(int64_t max, struct cell *out) override
	{
		if (level == n_levels)
			fill();
		bool null = present && levels[level] < present;
		level++;
		if (null)
			*out = { nullptr, 0, CELL_MISSING };
		else
			show(values[value++], max, out);
	}
};

/* --- types --- */

using logical = parquet::LogicalType::Type;

const struct {
	logical::type type;
	const char *words;
} unread[] = {
	{ logical::MAP, "a map" },
	{ logical::LIST, "a list" },
	{ logical::ENUM, "an enumeration" },
	{ logical::DECIMAL, "a decimal" },
	{ logical::DATE, "a date" },
	{ logical::TIME, "a time of day" },
	{ logical::TIMESTAMP, "a timestamp" },
	{ logical::INTERVAL, "an interval" },
	{ logical::BSON, "BSON" },
	{ logical::UUID, "a UUID" },
	{ logical::GEOMETRY, "a geometry" },
	{ logical::GEOGRAPHY, "a geography" },
	{ logical::VARIANT, "a variant" },
};

/* A type that is not read, in words. */
const char *type_words(const parquet::schema::Node &node)
{
	auto type = node.logical_type();

	for (auto &u : unread)
		if (type && type->type() == u.type)
			return u.words;
	if (node.is_repeated())
		return "a list";
	if (node.is_group())
		return "a struct";
	auto physical = static_cast<const parquet::schema::PrimitiveNode &>(node).physical_type();
	return physical == parquet::Type::INT96 ? "a timestamp" : "binary data";
}

bool is_number(const parquet::LogicalType &type)
{
	return type.is_none() || type.is_int() || type.is_null();
}

/* NULL where the type is not read. */
std::unique_ptr<column> typed(const parquet::ColumnDescriptor *d, int leaf)
{
	auto type = d->logical_type();

	switch (d->physical_type()) {
	case parquet::Type::BOOLEAN:
		return std::make_unique<typed_column<parquet::BooleanType>>(d, leaf);
	case parquet::Type::INT32:
		if (is_number(*type))
			return std::make_unique<typed_column<parquet::Int32Type>>(d, leaf);
		break;
	case parquet::Type::INT64:
		if (is_number(*type))
			return std::make_unique<typed_column<parquet::Int64Type>>(d, leaf);
		break;
	case parquet::Type::FLOAT:
		return std::make_unique<typed_column<parquet::FloatType>>(d, leaf);
	case parquet::Type::DOUBLE:
		return std::make_unique<typed_column<parquet::DoubleType>>(d, leaf);
	case parquet::Type::FIXED_LEN_BYTE_ARRAY:
		if (type->is_float16())
			return std::make_unique<typed_column<parquet::FLBAType>>(d, leaf);
		break;
	case parquet::Type::BYTE_ARRAY:
		if (type->is_string() || type->is_JSON())
			return std::make_unique<typed_column<parquet::ByteArrayType>>(d, leaf);
		break;
	case parquet::Type::INT96:
	case parquet::Type::UNDEFINED:
		break;
	}
	return nullptr;
}

} // namespace

struct wanted_column {
	const char *name;
	int index = -1; /* at top level */
	std::unique_ptr<column> values;
	struct class_names classes = {};
};

struct parquet_file {
	const struct dataset_limits *limits;
	int fd;
	int64_t size;	    /* of the file */
	int read_errno = 0; /* of what ended the reading of pages */
	bounded_pool pool;  /* outlives what allocates from it */
	parquet::ReaderProperties properties = parquet::ReaderProperties(&pool);
	std::shared_ptr<parquet::FileMetaData> metadata;
	std::vector<char *> columns; /* at top level */
	std::vector<wanted_column> wanted;
	budget pages, texts; /* bytes that are decompressed, and given out */
	int64_t n_rows = 0, row = 0;
	int group = -1;		  /* the open row group */
	int64_t left = 0;	  /* its rows to come */
	const char *at = nullptr; /* the wanted column that is worked on, for messages */
	bool opened = false, over = false;

	~parquet_file()
	{
		for (char *name : columns)
			free(name);
		for (wanted_column &w : wanted)
			class_names_clear(&w.classes);
	}
};

/* --- errors --- */

/* What a message is about. */
static std::string subject(const struct parquet_file *p)
{
	if (!p->at)
		return "the Parquet file";
	if (!p->opened)
		return "the column " + quoted(p->at);
	return "row " + std::to_string(p->row + 1) + ": " + quoted(p->at);
}

static enum err library_fault(const struct parquet_file *p, const char *what, struct errinfo *ei)
{
	if (p->read_errno) {
		errno = p->read_errno;
		err_errno(ei, "reading the file failed");
		return ERR_IO;
	}
	if (p->pool.refused)
		return err_set(ei, ERR_TOO_LARGE, "%s needs more than %d bytes of memory at once",
			       subject(p).c_str(), PARQUET_MAX_MEMORY);
	bool unknown = strstr(what, "Not yet implemented") || strstr(what, "NotImplemented");
	return err_set(ei, unknown ? ERR_UNSUPPORTED : ERR_SYNTAX, "%s %s: %s", subject(p).c_str(),
		       unknown ? "is in a form that is not read" : "is damaged",
		       quoted(what).c_str());
}

template <class F> static enum err guard(struct parquet_file *p, struct errinfo *ei, F &&f) noexcept
{
	try {
		f();
		return OK;
	} catch (const fault &x) {
		return err_set(ei, x.code, "%s %s", subject(p).c_str(), x.words.msg);
	} catch (const std::bad_alloc &) {
		return err_set(ei, ERR_TOO_LARGE, "%s needs too much memory", subject(p).c_str());
	} catch (const std::exception &x) {
		return library_fault(p, x.what(), ei);
	} catch (...) {
		return library_fault(p, "unknown C++ exception", ei);
	}
}

/* --- opening --- */

static void read_columns(struct parquet_file *p)
{
	const parquet::schema::GroupNode *root = p->metadata->schema()->group_node();

	if (root->field_count() > PARQUET_MAX_COLUMNS)
		fail(ERR_TOO_LARGE, "has more than %d columns", PARQUET_MAX_COLUMNS);
	for (int i = 0; i < root->field_count(); i++) {
		const std::string &name = root->field(i)->name();
		if (utf8_valid_length(name.data(), name.size()) != name.size() ||
		    memchr(name.data(), 0, name.size()))
			fail(ERR_SYNTAX, "has a column whose name is no text: number %d", i + 1);
		p->columns.push_back(mem_strdup(name.c_str()));
	}
}

static void find_column(struct parquet_file *p, wanted_column *w)
{
	const parquet::SchemaDescriptor *schema = p->metadata->schema();

	for (size_t i = 0; i < p->columns.size(); i++) {
		if (strcmp(p->columns[i], w->name) != 0)
			continue;
		if (w->index >= 0)
			fail(ERR_SYNTAX, "is there twice");
		w->index = static_cast<int>(i);
	}
	if (w->index < 0)
		return;
	const parquet::schema::Node &node = *schema->group_node()->field(w->index);
	if (node.is_primitive() && !node.is_repeated()) {
		int leaf = schema->ColumnIndex(node);
		w->values = typed(schema->Column(leaf), leaf);
	}
	if (!w->values)
		fail(ERR_UNSUPPORTED, "is %s, which is not read", type_words(node));
}

/* Where the pages begin: the dictionary is the first of them. */
static int64_t chunk_start(const parquet::ColumnChunkMetaData &chunk)
{
	int64_t data = chunk.data_page_offset();

	if (chunk.has_dictionary_page() && chunk.dictionary_page_offset() > 0)
		return std::min(data, chunk.dictionary_page_offset());
	return data;
}

/* What the footer says of a wanted column's part in a row group. */
static void check_chunk(const struct parquet_file *p, const parquet::RowGroupMetaData &group,
			int leaf)
{
	auto chunk = group.ColumnChunk(leaf);

	if (chunk->crypto_metadata())
		fail(ERR_UNSUPPORTED, "is encrypted");
	if (!chunk->file_path().empty())
		fail(ERR_UNSUPPORTED, "lies in another file");
	if (!chunk->can_decompress())
		fail(ERR_UNSUPPORTED, "is compressed with %s, which is not read",
		     arrow::util::Codec::GetCodecAsString(chunk->compression()).c_str());
	if (chunk->num_values() != group.num_rows())
		fail(ERR_SYNTAX, "has not as many values as rows");
	int64_t start = chunk_start(*chunk), size = chunk->total_compressed_size();
	if (start < 0 || size < 0 || start > p->size || size > p->size - start)
		fail(ERR_SYNTAX, "lies outside the file");
	if (chunk->total_uncompressed_size() < 0)
		fail(ERR_SYNTAX, "has a negative size");
}

static void check_groups(struct parquet_file *p)
{
	budget declared = p->pages;
	int64_t rows = 0;

	p->n_rows = p->metadata->num_rows();
	if (p->n_rows > p->limits->max_rows)
		fail(ERR_TOO_LARGE, "has more than %lld rows",
		     static_cast<long long>(p->limits->max_rows));
	for (int i = 0; i < p->metadata->num_row_groups(); i++) {
		auto group = p->metadata->RowGroup(i);
		if (group->num_rows() < 0 || group->num_rows() > p->n_rows - rows)
			fail(ERR_SYNTAX,
			     "is damaged: its row groups have not the rows of the file");
		rows += group->num_rows();
		for (wanted_column &w : p->wanted) {
			if (!w.values)
				continue;
			p->at = w.name;
			check_chunk(p, *group, w.values->leaf);
			declared.take(
				group->ColumnChunk(w.values->leaf)->total_uncompressed_size());
			p->at = nullptr;
		}
	}
	if (rows != p->n_rows)
		fail(ERR_SYNTAX, "is damaged: its row groups have not the rows of the file");
}

/* The names that the Hub's library left; what is not its JSON is not ours to judge. */
static void read_class_names(struct parquet_file *p)
{
	auto pairs = p->metadata->key_value_metadata();
	int i = pairs ? pairs->FindKey("huggingface") : -1;
	struct errinfo ei;
	json_t *json = nullptr;

	if (i < 0 || pairs->value(i).size() > MAX_HUB_METADATA ||
	    json_parse(pairs->value(i).data(), pairs->value(i).size(), &json, &ei) != OK)
		return;
	enum err e = OK;
	for (wanted_column &w : p->wanted) {
		if (e != OK || !w.values)
			continue;
		p->at = w.name;
		e = class_names_read(json, w.name, p->limits->max_labels, &w.classes, &ei);
	}
	json_decref(json);
	if (e != OK)
		throw fault{ e, ei };
	p->at = nullptr;
}

static void read_footer(struct parquet_file *p, const struct buf *footer)
{
	p->metadata = parquet::FileMetaData::Make(footer->data, static_cast<int64_t>(footer->len),
						  p->properties);
	read_columns(p);
	for (wanted_column &w : p->wanted) {
		p->at = w.name;
		find_column(p, &w);
	}
	p->at = nullptr;
	check_groups(p);
	read_class_names(p);
}

enum err parquet_open(int fd, const char *const *wanted, int n_wanted,
		      const struct dataset_limits *limits, struct parquet_file **out,
		      struct errinfo *ei)
{
	auto p = std::make_unique<parquet_file>();
	struct buf footer = {};

	p->limits = limits;
	p->fd = fd;
	p->pages = p->texts = { limits->max_bytes, limits->max_bytes };
	for (int i = 0; i < n_wanted; i++)
		p->wanted.push_back({ .name = wanted[i] });
	enum err e = parquet_footer_read(fd, limits->max_bytes, &footer, &p->size, ei);
	if (e == OK)
		e = guard(p.get(), ei, [&] { read_footer(p.get(), &footer); });
	buf_clear(&footer);
	p->opened = true;
	if (e == OK)
		*out = p.release();
	return e;
}

void parquet_close(struct parquet_file *p)
{
	delete p;
}

/* --- reading --- */

/* The pages of a column in a row group. Two old writers need help: parquet-mr left the header of
 * the dictionary out of the size, and Arrow forgot to say that its pages are compressed. */
static std::unique_ptr<parquet::PageReader> pages_of(struct parquet_file *p,
						     const parquet::ColumnChunkMetaData &chunk,
						     const parquet::ColumnDescriptor &descr)
{
	using version = parquet::ApplicationVersion;
	const version &writer = p->metadata->writer_version();
	int64_t from = chunk_start(chunk), to = from + chunk.total_compressed_size();

	if (writer.VersionLt(version::PARQUET_816_FIXED_VERSION()))
		to = std::min(to + MAX_DICTIONARY_HEADER, p->size);
	return parquet::PageReader::Open(
		std::make_shared<part>(p->fd, from, to, &p->pool, &p->read_errno),
		chunk.num_values(), chunk.compression(), p->properties, descr,
		writer.VersionLt(version::PARQUET_CPP_10353_FIXED_VERSION()));
}

static void start_group(struct parquet_file *p)
{
	auto group = p->metadata->RowGroup(++p->group);

	p->left = group->num_rows();
	for (wanted_column &w : p->wanted) {
		if (!w.values || p->left == 0)
			continue;
		p->at = w.name;
		auto pages = pages_of(p, *group->ColumnChunk(w.values->leaf), *w.values->descr);
		w.values->start(std::make_unique<counted_pages>(std::move(pages), &p->pages),
				&p->pool);
	}
}

static void read_row(struct parquet_file *p, struct cell *cells)
{
	while (p->left == 0)
		start_group(p);
	for (size_t i = 0; i < p->wanted.size(); i++) {
		wanted_column &w = p->wanted[i];
		cells[i] = { nullptr, 0, CELL_MISSING };
		if (!w.values)
			continue;
		p->at = w.name;
		w.values->next(p->limits->max_field, &cells[i]);
		p->texts.take(cells[i].len);
	}
	p->left--;
	p->row++;
}

enum err parquet_next(struct parquet_file *p, struct cell *cells, bool *end, struct errinfo *ei)
{
	BUG_ON(p->over);
	*end = p->row == p->n_rows;
	if (*end)
		return OK;
	enum err e = guard(p, ei, [&] { read_row(p, cells); });
	p->over = e != OK;
	return e;
}

int parquet_n_columns(const struct parquet_file *p)
{
	return static_cast<int>(p->columns.size());
}

char *const *parquet_columns(const struct parquet_file *p)
{
	return p->columns.data();
}

int parquet_column_of(const struct parquet_file *p, int wanted)
{
	return p->wanted[static_cast<size_t>(wanted)].index;
}

int64_t parquet_n_rows(const struct parquet_file *p)
{
	return p->n_rows;
}

int parquet_class_names(const struct parquet_file *p, int wanted, char *const **names)
{
	const struct class_names &c = p->wanted[static_cast<size_t>(wanted)].classes;

	*names = c.names;
	return c.n;
}
