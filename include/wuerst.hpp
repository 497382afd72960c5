// wuerst.hpp: wuerst.h in C++17. Header-only; handles free themselves.
//
//   wuerst::Options options;
//   options.models = wuerst::str("models/icons");
//   auto engine = wuerst::Engine::make(options).value();
//   auto job = engine.open("graphs/text-to-image.yaml").value().job().value();
//   job.set("prompt", "a red apple").value();
//   wuerst::Value image = job.get("image").value();
//   wst_tensor pixels = image.tensor().value();
//
// What can fail gives a Result: test it (`if (!result) use(result.error())`), or take its value(), which throws the
// wuerst::Error when there is none. The same header serves -fno-exceptions, where value() of a failure ends the process,
// so test first. What wuerst.h says of each function, of threads and of views holds here too.
//
// Classes are movable; Value, and what is described by structs, can be copied. An exception in a callback or node stops
// the run, and comes out of the Result of the run as it was thrown.
#ifndef WUERST_HPP
#define WUERST_HPP

#include "wuerst_value.hpp"

namespace wuerst {

inline std::string_view version() { return view(wst_version()); }

// How an engine is set up: the fields of wst_options, with their defaults.
struct Options : wst_options {
    Options() : wst_options(WST_OPTIONS_INIT) {}
};

// Gets messages, from any thread.
using Log = std::function<void(int level, std::string_view message)>;

// An input or output, of a graph or of a node kind.
struct Port {
    std::string name, type_text, declaration, about;
    wst_type type = WST_NONE;
    bool optional = false;
    std::optional<Value> initial;
    double minimum = 0, maximum = 0;
    std::vector<std::string> choices;

    explicit Port(const wst_port &port)
        : name(view(port.name)), type_text(view(port.type_text)), declaration(view(port.declaration)),
          about(view(port.about)), type(port.type), optional(port.flags & WST_PORT_OPTIONAL), minimum(port.minimum),
          maximum(port.maximum)
    {
        if (port.initial)
            initial = Value(wst_value_clone(port.initial));
        for (std::size_t at = 0; at < port.choice_count; at++)
            choices.emplace_back(view(port.choices[at]));
    }
};

// A node kind.
struct Kind {
    std::string kind, signature, about;
    std::uint32_t version = 0;
    bool is_volatile = false;
    std::vector<Port> inputs, outputs;
};

// A node of a graph.
struct Step {
    std::string name, kind, devices;
};

namespace detail {

// All ports that `call(index, &port)` shows.
template <class Call> std::vector<Port> ports(std::size_t count, Call &&call)
{
    std::vector<Port> ports;
    for (std::size_t index = 0; index < count; index++) {
        wst_port port = WST_PORT_INIT;
        if (wst_error *error = call(index, &port))
            wst_error_free(error);
        else
            ports.emplace_back(port);
    }
    return ports;
}

}  // namespace detail

// A run in the background. Destroying it stops it, and waits for its thread.
class Run {
public:
    Result<wst_status> poll() const
    {
        return detail::filled(wst_status(WST_STATUS_INIT), [&](auto out) { return wst_run_poll(get(), out); });
    }
    // The newest preview that was not given yet, if there is one; they are made from the first call on.
    Result<std::optional<Value>> preview() const
    {
        wst_value *value = nullptr;
        if (wst_error *error = wst_run_preview(get(), &value))
            return Error(error);
        return value ? std::optional<Value>(Value(value)) : std::nullopt;
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
    // Whether it is over.
    bool wait() const { return wst_run_wait(get(), -1) != 0; }
    bool wait(std::chrono::milliseconds at_most) const { return wst_run_wait(get(), at_most.count()) != 0; }
    void cancel() const { wst_run_cancel(get()); }
    // The values, once; waits until they are there.
    Result<std::vector<Value>> take()
    {
        wst_run_wait(get(), -1);
        return detail::values(count_, watch_->thrown(),
                              [&](wst_value **out) { return wst_run_take(run_.get(), out, count_); });
    }
    const wst_run *get() const { return run_.get(); }

private:
    friend class Job;
    Run(wst_run *run, std::unique_ptr<detail::Watching> watch, std::size_t count)
        : watch_(std::move(watch)), run_(run), count_(count) {}
    // After the run, which uses it, in destruction.
    std::unique_ptr<detail::Watching> watch_;
    detail::Handle<wst_run, wst_run_free> run_;
    std::size_t count_;
};

// One graph with the values of its inputs.
class Job {
public:
    Result<Done> set(std::string_view input, const Value &value)
    {
        return detail::done(wst_job_set(job_.get(), str(input), value.get()));
    }
    Result<Done> set(std::string_view input, std::string_view text)
    {
        Result<Value> value = Value::text(text);
        return value ? set(input, value.value()) : Result<Done>(value.error());
    }
    Result<Done> set(std::string_view input, const char *text) { return set(input, std::string_view(text)); }
    // From text, read as the input's type demands: "12", "true".
    Result<Done> set_text(std::string_view input, std::string_view text)
    {
        return detail::done(wst_job_set_text(job_.get(), str(input), str(text)));
    }
    Result<Done> unset(std::string_view input) { return detail::done(wst_job_unset(job_.get(), str(input))); }

    Result<Value> get(std::string_view output, Watch watch = {})
    {
        Result<std::vector<Value>> values = get_all({std::string(output)}, std::move(watch));
        return values ? Result<Value>(std::move(values.value()[0])) : Result<Value>(values.error());
    }
    Result<std::vector<Value>> get_all(const std::vector<std::string> &outputs, Watch watch = {})
    {
        detail::Watching watching(std::move(watch), job_);
        std::vector<wst_str> names = detail::strs(outputs);
        return detail::values(names.size(), watching.thrown(), [&](wst_value **out) {
            return wst_job_get_all(job_.get(), names.data(), names.size(), watching.raw(), out);
        });
    }
    // Begins a run in the background.
    Result<Run> start(const std::vector<std::string> &outputs, Watch watch = {})
    {
        auto watching = std::make_unique<detail::Watching>(std::move(watch), job_);
        std::vector<wst_str> names = detail::strs(outputs);
        wst_run *run = nullptr;
        if (wst_error *error = wst_job_start(job_.get(), names.data(), names.size(), watching->raw(), &run))
            return Error(error);
        return Run(run, std::move(watching), names.size());
    }
    void cancel() const { wst_job_cancel(job_.get()); }
    Result<std::string> report() const
    {
        auto report = detail::made<Value, wst_value>([&](auto out) { return wst_job_report(job_.get(), out); });
        return report ? Result<std::string>(std::string(report.value().text().value())) : report.error();
    }
    Result<wst_digest> digest(std::string_view output) const
    {
        return detail::filled(wst_digest(), [&](auto out) { return wst_job_digest(job_.get(), str(output), out); });
    }
    const wst_job *get() const { return job_.get(); }

private:
    friend class Graph;
    Job(wst_job *job, std::shared_ptr<Log> log) : log_(std::move(log)), job_(job, wst_job_free) {}
    std::shared_ptr<Log> log_;
    std::shared_ptr<wst_job> job_;
};

// A checked graph.
class Graph {
public:
    Result<Job> job() const
    {
        wst_job *job = nullptr;
        if (wst_error *error = wst_job_new(get(), &job))
            return Error(error);
        return Job(job, log_);
    }
    std::vector<Port> inputs() const
    {
        return detail::ports(wst_graph_input_count(get()), [&](auto index, auto out) {
            return wst_graph_input(get(), index, out);
        });
    }
    std::vector<Port> outputs() const
    {
        return detail::ports(wst_graph_output_count(get()), [&](auto index, auto out) {
            return wst_graph_output(get(), index, out);
        });
    }
    std::vector<Step> steps() const
    {
        std::vector<Step> steps;
        wst_step step = WST_STEP_INIT;
        for (std::size_t index = 0; index < wst_graph_step_count(get()); index++) {
            if (wst_error *error = wst_graph_step(get(), index, &step))
                wst_error_free(error);
            else
                steps.push_back({std::string(view(step.name)), std::string(view(step.kind)),
                                 std::string(view(step.devices))});
        }
        return steps;
    }
    const wst_graph *get() const { return graph_.get(); }

private:
    friend class Engine;
    Graph(wst_graph *graph, std::shared_ptr<Log> log) : log_(std::move(log)), graph_(graph) {}
    std::shared_ptr<Log> log_;
    detail::Handle<wst_graph, wst_graph_free> graph_;
};

// One run of one node of yours, inside its function.
class Call {
public:
    // None when an optional input was left out.
    Result<std::optional<Value>> argument(std::size_t index) const
    {
        const wst_value *value = nullptr;
        if (wst_error *error = wst_call_argument(call_, index, &value))
            return Error(error);
        return value ? std::optional<Value>(Value(wst_value_clone(value))) : std::nullopt;
    }
    Result<Done> result(std::size_t index, const Value &value)
    {
        return detail::done(wst_call_result(call_, index, value.get()));
    }
    // Whether to go on.
    bool step(std::uint32_t done, std::uint32_t of) { return wst_call_step(call_, done, of) != 0; }
    bool wants_preview() const { return wst_call_wants_preview(call_) != 0; }
    Result<Done> preview(const wst_tensor &rgb) { return detail::done(wst_call_preview(call_, &rgb)); }
    Result<Done> warn(std::string_view message) { return detail::done(wst_call_warn(call_, str(message))); }
    std::string_view node() const { return view(wst_call_node(call_)); }

private:
    friend class Engine;
    explicit Call(wst_call *call) : call_(call) {}
    wst_call *call_;
};

// Node kinds, loaded models, remembered results.
class Engine {
public:
    static Result<Engine> make(Options options = {}, Log log = nullptr)
    {
        auto kept = std::make_shared<Log>(std::move(log));
        if (*kept) {
            options.user = kept.get();
            options.log = [](void *user, int level, wst_str message) {
                WUERST_TRY { (*static_cast<Log *>(user))(level, view(message)); }
                WUERST_CATCH_ALL {}
            };
        }
        wst_engine *engine = nullptr;
        if (wst_error *error = wst_engine_new(&options, &engine))
            return Error(error);
        return Engine(engine, std::move(kept));
    }
    Result<Graph> graph(std::string_view yaml, const std::vector<wst_change> &changes = {}) const
    {
        wst_graph *graph = nullptr;
        if (wst_error *error = wst_graph_new_with(get(), str(yaml), changes.data(), changes.size(), &graph))
            return Error(error);
        return Graph(graph, log_);
    }
    Result<Graph> open(std::string_view path) const
    {
        wst_graph *graph = nullptr;
        if (wst_error *error = wst_graph_open(get(), str(path), &graph))
            return Error(error);
        return Graph(graph, log_);
    }
    // Adds a node kind that runs a function: `Result<Done> run(Call &)`. node says the rest; its functions and user
    // are set here.
    Result<Done> add(wst_node node, std::function<Result<Done>(Call &)> run) const
    {
        using Function = std::function<Result<Done>(Call &)>;
        auto function = std::make_unique<Function>(std::move(run));
        node.user = function.get();
        node.run = [](void *user, wst_call *raw) -> wst_error * {
            WUERST_TRY {
                Call call(raw);
                Result<Done> done = (*static_cast<Function *>(user))(call);
                return done ? nullptr : wst_error_new(done.error().code(), wst_str_of(done.error().what()));
            }
            WUERST_CATCH_ALL { return detail::described(); }
        };
        node.drop = [](void *user) { delete static_cast<Function *>(user); };
        Result<Done> done = detail::done(wst_engine_add(get(), &node));
        if (done)
            function.release();
        return done;
    }
    Result<Done> load(std::string_view path) const { return detail::done(wst_engine_load(get(), str(path))); }
    Result<std::vector<Kind>> kinds() const
    {
        wst_kinds *raw = nullptr;
        if (wst_error *error = wst_engine_kinds(get(), &raw))
            return Error(error);
        detail::Handle<wst_kinds, wst_kinds_free> kinds(raw);
        std::vector<Kind> all;
        wst_kind kind = WST_KIND_INIT;
        for (std::size_t at = 0; at < wst_kinds_count(raw); at++) {
            if (wst_error *error = wst_kinds_at(raw, at, &kind))
                return Error(error);
            auto inputs = [&](auto index, auto out) { return wst_kinds_input(raw, at, index, out); };
            auto outputs = [&](auto index, auto out) { return wst_kinds_output(raw, at, index, out); };
            all.push_back({std::string(view(kind.kind)), std::string(view(kind.signature)),
                           std::string(view(kind.about)), kind.version, (kind.flags & WST_NODE_VOLATILE) != 0,
                           detail::ports(kind.input_count, inputs), detail::ports(kind.output_count, outputs)});
        }
        return all;
    }
    Result<std::string> report() const
    {
        auto report = detail::made<Value, wst_value>([&](auto out) { return wst_engine_report(get(), out); });
        return report ? Result<std::string>(std::string(report.value().text().value())) : report.error();
    }
    void release() const { wst_engine_release(get()); }
    const wst_engine *get() const { return engine_.get(); }

private:
    Engine(wst_engine *engine, std::shared_ptr<Log> log) : log_(std::move(log)), engine_(engine) {}
    std::shared_ptr<Log> log_;
    detail::Handle<wst_engine, wst_engine_free> engine_;
};

}  // namespace wuerst

#undef WUERST_TRY
#undef WUERST_CATCH_ALL

#endif
