/* Values of a Parquet file, by type. See parquet_impl.hpp. */
#include "data/parquet_impl.hpp"

#include <algorithm>
#include <string>
#include <type_traits>
#include <utility>

#include <parquet/types.h>

extern "C" {
#include "text/unicode.h"
}

namespace parquet_impl
{

constexpr int BATCH = 256; /* values decoded at once */

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

using logical = parquet::LogicalType::Type;

static const struct {
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

static bool is_number(const parquet::LogicalType &type)
{
	return type.is_none() || type.is_int() || type.is_null();
}

std::unique_ptr<column> make_column(const parquet::ColumnDescriptor *d, int leaf)
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

} // namespace parquet_impl
