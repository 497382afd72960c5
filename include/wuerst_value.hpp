// wuerst_value.hpp: texts, errors, results and values of wuerst.hpp, which includes it.
#ifndef WUERST_VALUE_HPP
#define WUERST_VALUE_HPP

#include <cstdlib>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "wuerst.h"

#if defined(__cpp_exceptions) || defined(_CPPUNWIND)
#define WUERST_EXCEPTIONS 1
#define WUERST_TRY try
#define WUERST_CATCH_ALL catch (...)
#else
#define WUERST_EXCEPTIONS 0
#define WUERST_TRY if (true)
#define WUERST_CATCH_ALL else
#endif

namespace wuerst {

inline wst_str str(std::string_view text) { return {text.data(), text.size()}; }
inline std::string_view view(wst_str text) { return {text.data, text.len}; }

// An owned text, made from a literal, a string, a view in C or C++, or a std::filesystem::path.
class Text {
public:
    Text() = default;
    Text(const char *text) : text_(text ? text : "") {}
    Text(std::string text) : text_(std::move(text)) {}
    Text(std::string_view text) : text_(text) {}
    Text(wst_str text) : text_(view(text)) {}
    template <class Path, class = decltype(std::declval<const Path &>().u8string())> Text(const Path &path)
    {
        const auto utf8 = path.u8string();
        text_.assign(reinterpret_cast<const char *>(utf8.data()), utf8.size());
    }

    const std::string &string() const { return text_; }
    operator std::string_view() const { return text_; }
    // A view for C.
    wst_str raw() const { return str(text_); }

private:
    std::string text_;
};

// The reason why a call failed. Copies share it; an empty one has the code WST_OK.
class Error : public std::exception {
public:
    struct Place {
        std::uint32_t line = 0, column = 0;
        std::string path, message;
    };

    Error() = default;
    explicit Error(wst_error *taken, std::exception_ptr thrown = nullptr)
        : error_(taken, wst_error_free), thrown_(std::move(thrown)) {}
    // A new error that a node can return.
    Error(wst_code code, std::string_view message) : Error(wst_error_new(code, str(message))) {}

    wst_code code() const noexcept { return wst_error_code(error_.get()); }
    const char *what() const noexcept override { return wst_error_message(error_.get()).data; }
    // All places of a wrong graph.
    std::vector<Place> places() const
    {
        std::vector<Place> places;
        wst_str path, message;
        for (Place place; wst_error_place(error_.get(), places.size(), &place.line, &place.column, &path, &message);) {
            place.path = view(path);
            place.message = view(message);
            places.push_back(place);
        }
        return places;
    }
    // The exception of a callback or node, if that is the reason.
    const std::exception_ptr &thrown() const noexcept { return thrown_; }

private:
    std::shared_ptr<wst_error> error_;
    std::exception_ptr thrown_;
};

namespace detail {

// Throws the original exception or the error itself; without exceptions it ends the process.
[[noreturn]] inline void raise(const Error &error)
{
#if WUERST_EXCEPTIONS
    if (error.thrown())
        std::rethrow_exception(error.thrown());
    throw error;
#else
    (void)error;
    std::abort();
#endif
}

}  // namespace detail

// A value, or an error.
template <class T> class [[nodiscard]] Result {
public:
    Result(T value) : result_(std::in_place_index<0>, std::move(value)) {}
    Result(Error error) : result_(std::in_place_index<1>, std::move(error)) {}

    explicit operator bool() const { return result_.index() == 0; }
    // Empty if there is a value.
    const Error &error() const
    {
        static const Error none;
        const Error *error = std::get_if<1>(&result_);
        return error ? *error : none;
    }
    T &value() & { return must(), *std::get_if<0>(&result_); }
    const T &value() const & { return must(), *std::get_if<0>(&result_); }
    T value() && { return must(), std::move(*std::get_if<0>(&result_)); }
    T &operator*() & { return value(); }
    T *operator->() { return &value(); }

private:
    void must() const
    {
        if (!*this)
            detail::raise(error());
    }
    std::variant<T, Error> result_;
};

using Done = std::monostate;

namespace detail {

inline Result<Done> done(wst_error *error) { return error ? Result<Done>(Error(error)) : Result<Done>(Done()); }

template <class T> Result<T> when(wst_error *error, T value)
{
    if (error)
        return Error(error);
    return value;
}

// A struct that the library fills, by `call(&out)`.
template <class T, class Call> Result<T> filled(T out, Call &&call)
{
    // A separate statement, because the arguments of a call are evaluated in any order.
    wst_error *error = call(&out);
    return when(error, out);
}

// An object for a new handle from `call(&handle)`.
template <class T, class Raw, class Call> Result<T> made(Call &&call)
{
    Raw *raw = nullptr;
    if (wst_error *error = call(&raw))
        return Error(error);
    return T(raw);
}

// Arithmetic types that become numbers. A char is a letter, so it is neither a number nor a text.
template <class T>
constexpr bool is_letter = std::is_same_v<T, char> || std::is_same_v<T, wchar_t> || std::is_same_v<T, char16_t>
                           || std::is_same_v<T, char32_t>;
template <class T> constexpr bool is_whole = std::is_integral_v<T> && !std::is_same_v<T, bool> && !is_letter<T>;
template <class T>
constexpr bool is_number = std::is_same_v<T, bool> || is_whole<T> || std::is_floating_point_v<T>;

template <class T> wst_value *number(T value)
{
    if constexpr (std::is_same_v<T, bool>)
        return wst_value_bool(value);
    else if constexpr (std::is_floating_point_v<T>)
        return wst_value_float(static_cast<double>(value));
    else if constexpr (std::is_unsigned_v<T>)
        return wst_value_uint(value);
    else
        return wst_value_int(value);
}

// The dtype of tensors of T.
template <class T> constexpr wst_dtype dtype()
{
    static_assert(std::is_same_v<T, float> || std::is_same_v<T, std::int64_t> || std::is_same_v<T, std::uint8_t>,
                  "tensors are of float, std::int64_t or std::uint8_t");
    if (std::is_same_v<T, float>)
        return WST_F32;
    return std::is_same_v<T, std::int64_t> ? WST_I64 : WST_U8;
}

}  // namespace detail

// A value in a graph: a bool, a number, a text, a tensor, a model or a file. Without one its type is WST_NONE. Copies
// share its elements.
class Value {
public:
    Value() = default;
    explicit Value(wst_value *taken) : value_(taken) {}
    Value(std::nullptr_t) = delete;
    template <class T, std::enable_if_t<detail::is_number<T>, int> = 0>
    Value(T value) : value_(detail::number(value)) {}
    // A text. Throws if it is not UTF-8; Value::text returns a Result instead.
    explicit Value(const char *text) : Value(std::string_view(text)) {}
    explicit Value(const std::string &text) : Value(std::string_view(text)) {}
    explicit Value(std::string_view text) : Value(Value::text(text).value()) {}
    Value(const Value &other) : value_(wst_value_clone(other.get())) {}
    Value(Value &&) = default;
    Value &operator=(Value other) noexcept { return value_ = std::move(other.value_), *this; }

    static Result<Value> text(std::string_view text)
    {
        return detail::made<Value, wst_value>([&](auto out) { return wst_value_text(str(text), out); });
    }
    static Result<Value> tensor(const wst_tensor &copied)
    {
        return detail::made<Value, wst_value>([&](auto out) { return wst_value_tensor(&copied, out); });
    }
    // A tensor. The number of elements must match the shape.
    template <class T>
    static Result<Value> tensor(const std::vector<T> &elements, const std::vector<std::int64_t> &shape)
    {
        std::uint64_t count = 1;
        for (std::int64_t length : shape)
            count = length < 0 || (length > 0 && count > elements.size()) ? ~std::uint64_t() : count * length;
        if (count != elements.size())
            return Error(WST_INVALID, "shape: is not that of so many elements");
        return tensor({detail::dtype<T>(), static_cast<std::uint32_t>(shape.size()), shape.data(), elements.data()});
    }
    static Result<Value> image(const wst_image &copied)
    {
        return detail::made<Value, wst_value>([&](auto out) { return wst_value_image(&copied, out); });
    }

    explicit operator bool() const = delete;
    bool empty() const { return !value_; }
    wst_type type() const { return wst_value_type(get()); }
    Result<std::int64_t> integer() const
    {
        return detail::filled(std::int64_t(), [&](auto out) { return wst_value_as_int(get(), out); });
    }
    // A whole number from 0 on, such as a seed.
    Result<std::uint64_t> unsigned_integer() const
    {
        return detail::filled(std::uint64_t(), [&](auto out) { return wst_value_as_uint(get(), out); });
    }
    Result<double> number() const
    {
        return detail::filled(double(), [&](auto out) { return wst_value_as_float(get(), out); });
    }
    Result<bool> truth() const
    {
        int truth = 0;
        wst_error *error = wst_value_as_bool(get(), &truth);
        return detail::when(error, truth != 0);
    }
    // A view, valid as long as this value.
    Result<std::string_view> text() const
    {
        wst_str text = {nullptr, 0};
        wst_error *error = wst_value_as_text(get(), &text);
        return detail::when(error, view(text));
    }
    // Path of a model or file: a view, valid as long as this value.
    Result<std::string_view> path() const
    {
        wst_str path = {nullptr, 0};
        wst_error *error = wst_value_as_path(get(), &path);
        return detail::when(error, view(path));
    }
    // A view, valid as long as this value.
    Result<wst_tensor> tensor() const
    {
        return detail::filled(wst_tensor(), [&](auto out) { return wst_value_as_tensor(get(), out); });
    }
    // Copies the elements into memory of yours.
    Result<Done> read(wst_dtype dtype, void *data, std::size_t bytes) const
    {
        return detail::done(wst_value_read(get(), dtype, data, bytes));
    }
    // A copy of the elements as float (f16 is widened), std::int64_t or std::uint8_t.
    template <class T> Result<std::vector<T>> read() const
    {
        Result<wst_tensor> shown = tensor();
        if (!shown)
            return shown.error();
        std::size_t count = 1;
        for (std::uint32_t at = 0; at < shown.value().rank; at++)
            count *= static_cast<std::size_t>(shown.value().shape[at]);
        std::vector<T> elements(count);
        Result<Done> done = read(detail::dtype<T>(), elements.data(), count * sizeof(T));
        return done ? Result<std::vector<T>>(std::move(elements)) : Result<std::vector<T>>(done.error());
    }
    Result<Done> copy(const wst_image &into) const { return detail::done(wst_value_copy(get(), &into)); }
    Result<wst_digest> digest() const
    {
        return detail::filled(wst_digest(), [&](auto out) { return wst_value_digest(get(), out); });
    }
    const wst_value *get() const { return value_.get(); }

private:
    struct Free {
        void operator()(wst_value *value) const { wst_value_free(value); }
    };
    std::unique_ptr<wst_value, Free> value_;
};

}  // namespace wuerst

#endif
