// wuerst_run.hpp: jobs, runs and their callbacks of wuerst.hpp, which includes it.
#ifndef WUERST_RUN_HPP
#define WUERST_RUN_HPP

#include <chrono>

#include "wuerst_node.hpp"

namespace wuerst {

// Callbacks of a run; empty ones are not called.
struct Observer {
    std::function<void(std::string_view node, std::uint32_t done, std::uint32_t of)> progress;
    std::function<void(std::string_view node, const wst_tensor &rgb)> preview;
    std::function<void(std::string_view node, std::string_view message)> warning;
    std::function<void(std::string_view node, double fraction)> overall;
    // The value is an owned handle.
    std::function<void(std::string_view output, std::uint32_t index, std::uint32_t of, Value value)> part;
    std::uint32_t preview_every = 0;
};

namespace detail {

// A shared handle that keeps other objects alive until it is freed.
template <class T> std::shared_ptr<T> owned(T *handle, void (*free)(T *), std::shared_ptr<void> uses)
{
    return std::shared_ptr<T>(handle, [free, uses = std::move(uses)](T *handle) { free(handle); });
}

// An Observer for C, with exceptions of its callbacks. A callback keeps it alive, since it may free its run.
class Observing : public std::enable_shared_from_this<Observing> {
public:
    Observing(Observer observer, std::shared_ptr<wst_job> job) : observer_(std::move(observer)), job_(std::move(job))
    {
        raw_.user = this;
        raw_.preview_every = observer_.preview_every;
        if (observer_.progress)
            raw_.progress = [](void *user, wst_str node, std::uint32_t done, std::uint32_t of) {
                self(user)->guard([&](Observer &observer) { observer.progress(view(node), done, of); });
            };
        if (observer_.preview)
            raw_.preview = [](void *user, wst_str node, const wst_tensor *rgb) {
                self(user)->guard([&](Observer &observer) { observer.preview(view(node), *rgb); });
            };
        if (observer_.warning)
            raw_.warning = [](void *user, wst_str node, wst_str message) {
                self(user)->guard([&](Observer &observer) { observer.warning(view(node), view(message)); });
            };
        if (observer_.part)
            raw_.part = [](void *user, wst_str output, std::uint32_t index, std::uint32_t of, const wst_value *value) {
                self(user)->guard([&](Observer &observer) {
                    observer.part(view(output), index, of, Value(wst_value_clone(value)));
                });
            };
        // The first callback, before any node: it sets where the run's thread stores exceptions.
        raw_.overall = [](void *user, wst_str node, double fraction) {
            std::shared_ptr<Observing> observing = self(user);
            thrown_here() = observing->thrown_;
            observing->guard([&](Observer &observer) {
                if (observer.overall)
                    observer.overall(view(node), fraction);
            });
        };
    }
    Observing(const Observing &) = delete;
    Observing &operator=(const Observing &) = delete;
    const wst_observer *raw() const { return &raw_; }
    const Thrown &catches() const { return thrown_; }
    const std::exception_ptr &thrown() const { return *thrown_; }

private:
    static std::shared_ptr<Observing> self(void *user) { return static_cast<Observing *>(user)->shared_from_this(); }
    template <class Call> void guard(Call &&call)
    {
        WUERST_TRY {
            if (!*thrown_)
                call(observer_);
        }
        WUERST_CATCH_ALL {
            *thrown_ = current();
            wst_job_cancel(job_.get());
        }
    }
    Observer observer_;
    std::shared_ptr<wst_job> job_;
    wst_observer raw_ = WST_OBSERVER_INIT;
    Thrown thrown_ = std::make_shared<std::exception_ptr>();
};

inline std::vector<wst_str> strs(const std::vector<std::string> &texts)
{
    std::vector<wst_str> all;
    for (const std::string &text : texts)
        all.push_back(str(text));
    return all;
}

// Values written by `call(handles)`, or the exception of a callback or node.
template <class Call>
Result<std::vector<Value>> values(std::size_t count, const std::exception_ptr &thrown, Call &&call)
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

// A run in the background. Destroying or replacing it cancels it and waits for its thread, except inside a callback.
class Run {
public:
    // An empty object, which counts as ended.
    Run() = default;
    Run(Run &&) = default;
    Run &operator=(Run &&) = default;
    explicit operator bool() const { return run_ != nullptr; }

    Result<wst_status> poll() const
    {
        return detail::filled(wst_status(WST_STATUS_INIT), [&](auto out) { return wst_run_poll(get(), out); });
    }
    // The newest preview that was not returned before, or an empty value; previews are made from the first call on.
    Result<Value> preview() const
    {
        return detail::made<Value, wst_value>([&](auto out) { return wst_run_preview(get(), out); });
    }
    // Warnings so far: node and message.
    std::vector<std::pair<std::string, std::string>> warnings() const
    {
        std::vector<std::pair<std::string, std::string>> warnings;
        wst_str node, message;
        while (wst_run_warning(get(), warnings.size(), &node, &message))
            warnings.emplace_back(view(node), view(message));
        return warnings;
    }
    // Waits; returns whether the run has ended.
    bool wait() const { return wst_run_wait(get(), -1) != 0; }
    bool wait(std::chrono::milliseconds at_most) const { return wst_run_wait(get(), at_most.count()) != 0; }
    void cancel() const { wst_run_cancel(get()); }
    // Waits for the values and returns them, once.
    Result<std::vector<Value>> take()
    {
        // Exceptions are complete once the run has ended.
        wst_run_wait(get(), -1);
        const std::exception_ptr none;
        const bool ended = observing_ && wait(std::chrono::milliseconds(0));
        const std::exception_ptr &thrown = ended ? observing_->thrown() : none;
        return detail::values(count_, thrown, [&](wst_value **out) { return wst_run_take(run_.get(), out, count_); });
    }
    const wst_run *get() const { return run_.get(); }

private:
    friend class Job;
    Run(wst_run *run, std::shared_ptr<detail::Observing> observing, std::size_t count)
        : observing_(observing), run_(detail::owned(run, wst_run_free, observing)), count_(count) {}
    std::shared_ptr<detail::Observing> observing_;
    std::shared_ptr<wst_run> run_;
    std::size_t count_ = 0;
};

// A graph with values for its inputs. Copies share the job.
class Job {
public:
    // An empty object: every call gives WST_INVALID.
    Job() = default;
    explicit operator bool() const { return job_ != nullptr; }

    Result<Done> set(std::string_view input, const Value &value)
    {
        return detail::done(wst_job_set(job_.get(), str(input), value.get()));
    }
    template <class T, std::enable_if_t<detail::is_number<T>, int> = 0>
    Result<Done> set(std::string_view input, T number)
    {
        return set(input, Value(number));
    }
    // A text, the name of a model, or the path of a file.
    Result<Done> set(std::string_view input, const Text &text)
    {
        Result<Value> value = Value::text(text);
        return value ? set(input, value.value()) : Result<Done>(value.error());
    }
    Result<Done> set(std::string_view input, const char *text)
    {
        return text ? set(input, Text(text)) : Result<Done>(Error(WST_INVALID, "text: is NULL"));
    }
    Result<Done> set(std::string_view, std::nullptr_t) = delete;
    // From text, parsed according to the input's type: "12", "true".
    Result<Done> set_text(std::string_view input, std::string_view text)
    {
        return detail::done(wst_job_set_text(job_.get(), str(input), str(text)));
    }
    Result<Done> unset(std::string_view input) { return detail::done(wst_job_unset(job_.get(), str(input))); }

    Result<Value> get(std::string_view output, Observer observer = {})
    {
        Result<std::vector<Value>> values = get_all({std::string(output)}, std::move(observer));
        return values ? Result<Value>(std::move(values.value()[0])) : Result<Value>(values.error());
    }
    Result<std::vector<Value>> get_all(const std::vector<std::string> &outputs, Observer observer = {})
    {
        auto observing = std::make_shared<detail::Observing>(std::move(observer), job_);
        detail::Catching catching(observing->catches());
        std::vector<wst_str> names = detail::strs(outputs);
        return detail::values(names.size(), observing->thrown(), [&](wst_value **out) {
            return wst_job_get_all(job_.get(), names.data(), names.size(), observing->raw(), out);
        });
    }
    // Computes an output and writes it as a file; see wst_job_save.
    Result<Done> save(std::string_view output, const Text &path, Observer observer = {}, std::uint32_t flags = 0)
    {
        auto observing = std::make_shared<detail::Observing>(std::move(observer), job_);
        detail::Catching catching(observing->catches());
        if (wst_error *error = wst_job_save(job_.get(), str(output), path.raw(), observing->raw(), flags))
            return Error(error, observing->thrown());
        return Done();
    }
    // Begins a run in the background.
    Result<Run> start(const std::vector<std::string> &outputs, Observer observer = {})
    {
        auto observing = std::make_shared<detail::Observing>(std::move(observer), job_);
        std::vector<wst_str> names = detail::strs(outputs);
        wst_run *run = nullptr;
        if (wst_error *error = wst_job_start(job_.get(), names.data(), names.size(), observing->raw(), &run))
            return Error(error);
        return Run(run, std::move(observing), names.size());
    }
    void cancel() const { wst_job_cancel(job_.get()); }
    Result<std::string> report() const
    {
        auto report = detail::made<Value, wst_value>([&](auto out) { return wst_job_report(job_.get(), out); });
        return report ? Result<std::string>(std::string(report.value().text().value())) : report.error();
    }
    Result<wst_digest> digest(std::string_view output) const
    {
        detail::Catching catching;
        wst_digest digest = {};
        wst_error *error = wst_job_digest(job_.get(), str(output), &digest);
        return error ? Result<wst_digest>(Error(error, catching.thrown())) : Result<wst_digest>(digest);
    }
    Result<std::string> xmp(std::string_view output) const
    {
        auto xmp = detail::made<Value, wst_value>([&](auto out) { return wst_job_xmp(job_.get(), str(output), out); });
        return xmp ? Result<std::string>(std::string(xmp.value().text().value())) : xmp.error();
    }
    const wst_job *get() const { return job_.get(); }

private:
    friend class Graph;
    Job(wst_job *job, std::shared_ptr<void> log) : job_(detail::owned(job, wst_job_free, std::move(log))) {}
    std::shared_ptr<wst_job> job_;
};

}  // namespace wuerst

#endif
