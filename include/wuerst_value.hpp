// wuerst_value.hpp: errors, results, values and callbacks of wuerst.hpp, which includes it.
#ifndef WUERST_VALUE_HPP
#define WUERST_VALUE_HPP

#include <chrono>
#include <cstdlib>
#include <exception>
#include <functional>
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
#define WUERST_TRY try
#define WUERST_CATCH_ALL catch (...)
#else
#define WUERST_TRY if (true)
#define WUERST_CATCH_ALL else
#endif

namespace wuerst {

inline wst_str str(std::string_view text) { return {text.data(), text.size()}; }
inline std::string_view view(wst_str text) { return {text.data, text.len}; }

namespace detail {

template <class T, void (*Free)(T *)> struct Deleter {
    void operator()(T *handle) const { Free(handle); }
};
template <class T, void (*Free)(T *)> using Handle = std::unique_ptr<T, Deleter<T, Free>>;

// What a callback threw, until the run is over.
inline std::exception_ptr current()
{
#if defined(__cpp_exceptions) || defined(_CPPUNWIND)
    return std::current_exception();
#else
    return nullptr;
#endif
}

// The exception that is being handled, as an error of a node.
inline wst_error *described()
{
#if defined(__cpp_exceptions) || defined(_CPPUNWIND)
    try {
        throw;
    } catch (const std::exception &exception) {
        return wst_error_new(WST_NODE, wst_str_of(exception.what()));
    } catch (...) {
    }
#endif
    return wst_error_new(WST_NODE, wst_str_of("an exception of an unknown type"));
}

}  // namespace detail

// Why a call failed. Copies share it.
class Error : public std::exception {
public:
    struct Place {
        std::uint32_t line = 0, column = 0;
        std::string path, message;
    };

    explicit Error(wst_error *taken, std::exception_ptr thrown = nullptr)
        : error_(taken, wst_error_free), thrown_(std::move(thrown)) {}
    // One of your own, for a node to fail with.
    Error(wst_code code, std::string_view message) : Error(wst_error_new(code, str(message))) {}

    wst_code code() const { return wst_error_code(error_.get()); }
    const char *what() const noexcept override { return wst_error_message(error_.get()).data; }
    // Of a wrong graph: everything that is wrong with it.
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
    // What a callback threw, when that is why.
    const std::exception_ptr &thrown() const { return thrown_; }

private:
    std::shared_ptr<wst_error> error_;
    std::exception_ptr thrown_;
};

// A value, or why there is none.
template <class T> class [[nodiscard]] Result {
public:
    Result(T value) : result_(std::in_place_index<0>, std::move(value)) {}
    Result(Error error) : result_(std::in_place_index<1>, std::move(error)) {}

    explicit operator bool() const { return result_.index() == 0; }
    const Error &error() const { return *std::get_if<1>(&result_); }
    T &value() & { return must(), *std::get_if<0>(&result_); }
    T value() && { return must(), std::move(*std::get_if<0>(&result_)); }

private:
    void must() const
    {
        if (*this)
            return;
#if defined(__cpp_exceptions) || defined(_CPPUNWIND)
        if (error().thrown())
            std::rethrow_exception(error().thrown());
        throw error();
#else
        std::abort();
#endif
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
    // One after the other: arguments of a call have no order.
    wst_error *error = call(&out);
    return when(error, out);
}

// A class over a new handle, from `call(&handle)`.
template <class T, class Raw, class Call> Result<T> made(Call &&call)
{
    Raw *raw = nullptr;
    if (wst_error *error = call(&raw))
        return Error(error);
    return T(raw);
}

}  // namespace detail

// What flows through a graph. Copies share its elements.
class Value {
public:
    explicit Value(wst_value *taken) : value_(taken) {}
    Value(bool value) : value_(wst_value_bool(value)) {}
    Value(double value) : value_(wst_value_float(value)) {}
    template <class T, std::enable_if_t<std::is_integral_v<T> && !std::is_same_v<T, bool>, int> = 0>
    Value(T value) : value_(wst_value_int(static_cast<std::int64_t>(value))) {}
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
    static Result<Value> image(const wst_image &copied)
    {
        return detail::made<Value, wst_value>([&](auto out) { return wst_value_image(&copied, out); });
    }

    wst_type type() const { return wst_value_type(get()); }
    Result<std::int64_t> integer() const
    {
        return detail::filled(std::int64_t(), [&](auto out) { return wst_value_as_int(get(), out); });
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
    // A view, as long as this value lives.
    Result<std::string_view> text() const
    {
        wst_str text = {nullptr, 0};
        wst_error *error = wst_value_as_text(get(), &text);
        return detail::when(error, view(text));
    }
    // A view, as long as this value lives.
    Result<wst_tensor> tensor() const
    {
        return detail::filled(wst_tensor(), [&](auto out) { return wst_value_as_tensor(get(), out); });
    }
    Result<Done> copy(const wst_image &into) const { return detail::done(wst_value_copy(get(), &into)); }
    Result<wst_digest> digest() const
    {
        return detail::filled(wst_digest(), [&](auto out) { return wst_value_digest(get(), out); });
    }
    const wst_value *get() const { return value_.get(); }

private:
    detail::Handle<wst_value, wst_value_free> value_;
};

// Watches a run; what is not set is not called.
struct Watch {
    std::function<void(std::string_view node, std::uint32_t done, std::uint32_t of)> progress;
    std::function<void(std::string_view node, const wst_tensor &rgb)> preview;
    std::function<void(std::string_view node, std::string_view message)> warning;
    std::function<void(std::string_view node, double fraction)> overall;
    // The value is a copy of the handle, to keep.
    std::function<void(std::string_view output, std::uint32_t index, std::uint32_t of, Value value)> part;
    std::uint32_t preview_every = 0;
};

namespace detail {

// A Watch with what its callbacks threw, for C.
class Watching {
public:
    Watching(Watch watch, std::shared_ptr<wst_job> job) : watch_(std::move(watch)), job_(std::move(job))
    {
        raw_ = WST_WATCH_INIT;
        raw_.user = this;
        raw_.preview_every = watch_.preview_every;
        if (watch_.progress)
            raw_.progress = [](void *user, wst_str node, std::uint32_t done, std::uint32_t of) {
                self(user).guard([&](Watch &watch) { watch.progress(view(node), done, of); });
            };
        if (watch_.preview)
            raw_.preview = [](void *user, wst_str node, const wst_tensor *rgb) {
                self(user).guard([&](Watch &watch) { watch.preview(view(node), *rgb); });
            };
        if (watch_.warning)
            raw_.warning = [](void *user, wst_str node, wst_str message) {
                self(user).guard([&](Watch &watch) { watch.warning(view(node), view(message)); });
            };
        if (watch_.part)
            raw_.part = [](void *user, wst_str output, std::uint32_t index, std::uint32_t of, const wst_value *value) {
                self(user).guard([&](Watch &watch) {
                    watch.part(view(output), index, of, Value(wst_value_clone(value)));
                });
            };
        if (watch_.overall)
            raw_.overall = [](void *user, wst_str node, double fraction) {
                self(user).guard([&](Watch &watch) { watch.overall(view(node), fraction); });
            };
    }
    Watching(const Watching &) = delete;
    const wst_watch *raw() const { return &raw_; }
    const std::exception_ptr &thrown() const { return thrown_; }

private:
    static Watching &self(void *user) { return *static_cast<Watching *>(user); }
    template <class Call> void guard(Call &&call)
    {
        WUERST_TRY {
            if (!thrown_)
                call(watch_);
        }
        WUERST_CATCH_ALL {
            thrown_ = current();
            wst_job_cancel(job_.get());
        }
    }
    Watch watch_;
    std::shared_ptr<wst_job> job_;
    wst_watch raw_;
    std::exception_ptr thrown_;
};

inline std::vector<wst_str> strs(const std::vector<std::string> &texts)
{
    std::vector<wst_str> all;
    for (const std::string &text : texts)
        all.push_back(str(text));
    return all;
}

// Values that are written by `call(handles)`, or what a callback threw.
template <class Call> Result<std::vector<Value>> values(std::size_t count, const std::exception_ptr &thrown, Call &&call)
{
    std::vector<wst_value *> handles(count);
    if (wst_error *error = call(handles.data()))
        return Error(error, thrown);
    std::vector<Value> values;
    for (wst_value *handle : handles)
        values.emplace_back(Value(handle));
    if (thrown)
        return Error(wst_error_new(WST_CANCELLED, str("a callback threw")), thrown);
    return values;
}

}  // namespace detail

}  // namespace wuerst

#endif
