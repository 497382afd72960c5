// wuerst.hpp: wuerst.h in C++17. Header-only; handles free themselves.
//
//   wuerst::Options options;
//   options.models = "models/icons";
//   auto engine = wuerst::Engine::make(options).value();
//   auto job = engine.open("graphs/text-to-image.yaml").value().job().value();
//   job.set("prompt", "a red apple").value();
//   wuerst::Value image = job.get("image").value();
//   wst_tensor pixels = image.tensor().value();
//
// A function that can fail returns a Result: test it (`if (!result) use(result.error())`), or call value(), which
// throws the wuerst::Error on failure. With -fno-exceptions, value() of a failure ends the process, so test first.
// The documentation of functions, threads and views in wuerst.h applies here too.
//
// Engine, Graph, Job and Value can be copied, and copies share one object; Run can be moved. Each has an empty state,
// the initial state of members, in which calls give WST_INVALID. Objects that a handle uses, such as the engine's log
// and a run's callbacks, live as long as the handle. An exception in a callback or node stops the run, and the Result
// of the run throws it again.
#ifndef WUERST_HPP
#define WUERST_HPP

#include "wuerst_run.hpp"

namespace wuerst {

inline std::uint32_t abi_version() { return wst_abi_version(); }
inline std::string_view version() { return view(wst_version()); }

// Options of an engine: the fields of wst_options, with owned texts. Engine::make takes the log as a separate argument.
struct Options {
    Text runtime, models, devices;
    std::uint64_t model_bytes = 0, cache_bytes = 0;
    std::uint32_t threads = 0;
    Text cache_folder;
    std::uint64_t cache_folder_bytes = 0;
    const void *ort_api_base = nullptr;
    Text files, outputs, stage_devices, stage_threads;
    bool strict = false;
    std::uint64_t outputs_bytes = 0;
    std::uint32_t outputs_files = 0;
    Text settings, lora;

    // The C struct, with views of the texts here.
    wst_options raw() const
    {
        wst_options raw = WST_OPTIONS_INIT;
        raw.runtime = runtime.raw();
        raw.models = models.raw();
        raw.devices = devices.raw();
        raw.model_bytes = model_bytes;
        raw.cache_bytes = cache_bytes;
        raw.threads = threads;
        raw.cache_folder = cache_folder.raw();
        raw.cache_folder_bytes = cache_folder_bytes;
        raw.ort_api_base = ort_api_base;
        raw.files = files.raw();
        raw.outputs = outputs.raw();
        raw.stage_devices = stage_devices.raw();
        raw.stage_threads = stage_threads.raw();
        raw.strict = strict;
        raw.outputs_bytes = outputs_bytes;
        raw.outputs_files = outputs_files;
        raw.settings = settings.raw();
        raw.lora = lora.raw();
        return raw;
    }
};

// Receives messages, from any thread.
using Log = std::function<void(int level, std::string_view message)>;

// A checked graph. Copies share it.
class Graph {
public:
    // An empty object: every call gives WST_INVALID or an empty result.
    Graph() = default;
    explicit operator bool() const { return graph_ != nullptr; }

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
    std::vector<Node> nodes() const
    {
        std::vector<Node> nodes;
        for (std::size_t index = 0; index < wst_graph_node_count(get()); index++) {
            wst_node node = WST_NODE_INIT;
            if (wst_error *error = wst_graph_node(get(), index, &node)) {
                wst_error_free(error);
                continue;
            }
            std::vector<Change> arguments;
            for (std::size_t at = 0; at < node.argument_count; at++)
                arguments.emplace_back(node.arguments[at]);
            nodes.push_back({std::string(view(node.name)), std::string(view(node.kind)),
                             std::string(view(node.devices)), std::move(arguments)});
        }
        return nodes;
    }
    // Missing models of a graph from Engine::open_without_models: arguments, such as "prior.model", and messages.
    std::vector<std::pair<std::string, std::string>> missing_models() const
    {
        std::vector<std::pair<std::string, std::string>> missing;
        wst_str argument, message;
        for (std::size_t index = 0; wst_graph_missing_model(get(), index, &argument, &message); index++)
            missing.emplace_back(view(argument), view(message));
        return missing;
    }
    // The value used for input `index` if a job does not set it; empty if there is none, or if it is not known.
    Result<Value> left_out(std::size_t index) const
    {
        wst_value *value = nullptr;
        if (wst_error *error = wst_graph_left_out(get(), index, &value))
            return Error(error);
        return Value(value);
    }
    // A digest of the graph and its models alone, without the values that a job sets.
    Result<wst_digest> digest() const
    {
        return detail::filled(wst_digest(), [&](auto out) { return wst_graph_digest(get(), out); });
    }
    const wst_graph *get() const { return graph_.get(); }

private:
    friend class Engine;
    Graph(wst_graph *graph, std::shared_ptr<void> log)
        : log_(log), graph_(detail::owned(graph, wst_graph_free, std::move(log))) {}
    std::shared_ptr<void> log_;
    std::shared_ptr<wst_graph> graph_;
};

// Runs graphs; holds node kinds, loaded models and remembered results. Copies share the engine.
class Engine {
public:
    // An empty object: every call gives WST_INVALID or an empty result.
    Engine() = default;
    explicit operator bool() const { return engine_ != nullptr; }

    static Result<Engine> make(const Options &options = {}, Log log = nullptr)
    {
        auto kept = std::make_shared<Log>(std::move(log));
        wst_options raw = options.raw();
        if (*kept) {
            raw.user = kept.get();
            raw.log = [](void *user, int level, wst_str message) {
                WUERST_TRY { (*static_cast<Log *>(user))(level, view(message)); }
                WUERST_CATCH_ALL {}
            };
        }
        wst_engine *engine = nullptr;
        if (wst_error *error = wst_engine_new(&raw, &engine))
            return Error(error);
        return Engine(engine, std::move(kept));
    }
    // Reads and checks a graph from YAML text.
    Result<Graph> graph(std::string_view yaml, const std::vector<Change> &changes = {}) const
    {
        std::vector<wst_change> raw;
        for (const Change &change : changes)
            raw.push_back({change.name.raw(), change.text.raw(), change.value.get()});
        return loaded([&](wst_graph **out) {
            return wst_graph_new_with(get(), str(yaml), raw.data(), raw.size(), out);
        });
    }
    // Reads and checks a graph file.
    Result<Graph> open(const Text &path) const
    {
        return loaded([&](wst_graph **out) { return wst_graph_open(get(), path.raw(), out); });
    }
    // Reads and checks a graph file, and accepts missing models; see Graph::missing_models.
    Result<Graph> open_without_models(const Text &path) const
    {
        return loaded([&](wst_graph **out) { return wst_graph_open_without_models(get(), path.raw(), out); });
    }
    // Adds a node kind.
    Result<Done> add(NodeKind node) const
    {
        auto owner = std::make_unique<detail::Owner>();
        owner->node = std::move(node);
        const NodeKind &own = owner->node;
        if (!own.run)
            return Error(WST_INVALID, "run: is empty");
        owner->raw.kind = own.kind.raw();
        owner->raw.signature = own.signature.raw();
        owner->raw.about = own.about.raw();
        owner->raw.ports = own.ports.raw();
        owner->raw.version = own.version;
        owner->raw.flags = own.is_volatile ? WST_KIND_VOLATILE : 0;
        owner->raw.expected_ms = own.expected_ms;
        return add(std::move(owner));
    }
    // Adds a C node kind whose run function is replaced by `run`. The other functions get their own user.
    Result<Done> add(const wst_node_kind &node, std::function<Result<Done>(Call &)> run) const
    {
        auto owner = std::make_unique<detail::Owner>();
        owner->raw = node;
        owner->node.run = std::move(run);
        return add(std::move(owner));
    }
    // Adds a graph as a node kind.
    Result<Done> add_graph(std::string_view kind, std::string_view yaml) const
    {
        return during([&] { return wst_engine_add_graph(get(), str(kind), str(yaml)); });
    }
    Result<Done> open_graph(std::string_view kind, const Text &path) const
    {
        return during([&] { return wst_engine_open_graph(get(), str(kind), path.raw()); });
    }
    // Adds a file in memory, in place of one in the models folder. Nothing is written to a disk.
    Result<Done> add_file(std::string_view name, std::vector<std::uint8_t> content) const
    {
        auto owner = std::make_unique<std::vector<std::uint8_t>>(std::move(content));
        wst_asset asset = WST_ASSET_INIT;
        asset.size = owner->size();
        asset.data = owner->data();
        asset.drop = [](void *user) { delete static_cast<std::vector<std::uint8_t> *>(user); };
        return add_file(name, asset, owner);
    }
    // Adds a file that `read` reads when it is needed, from any thread: it fills `bytes` bytes from `offset` on, and
    // returns whether it could.
    Result<Done> add_file(std::string_view name, std::uint64_t size,
                          std::function<bool(std::uint64_t offset, void *into, std::size_t bytes)> read) const
    {
        using Read = decltype(read);
        auto owner = std::make_unique<Read>(std::move(read));
        wst_asset asset = WST_ASSET_INIT;
        asset.size = size;
        asset.read = [](void *user, std::uint64_t offset, void *into, std::size_t bytes) {
            int done = 0;
            WUERST_TRY { done = (*static_cast<Read *>(user))(offset, into, bytes); }
            // It must not pass through C; the library names the file.
            WUERST_CATCH_ALL { done = 0; }
            return done;
        };
        asset.drop = [](void *user) { delete static_cast<Read *>(user); };
        return add_file(name, asset, owner);
    }
    // Loads a plug-in.
    Result<Done> load(const Text &path) const { return during([&] { return wst_engine_load(get(), path.raw()); }); }
    Result<std::vector<Kind>> kinds() const
    {
        wst_kinds *raw = nullptr;
        if (wst_error *error = wst_engine_kinds(get(), &raw))
            return Error(error);
        std::unique_ptr<wst_kinds, void (*)(wst_kinds *)> kinds(raw, wst_kinds_free);
        std::vector<Kind> all;
        for (std::size_t at = 0; at < wst_kinds_count(raw); at++) {
            wst_kind kind = WST_KIND_INIT;
            if (wst_error *error = wst_kinds_at(raw, at, &kind))
                return Error(error);
            auto inputs = [&](auto index, auto out) { return wst_kinds_input(raw, at, index, out); };
            auto outputs = [&](auto index, auto out) { return wst_kinds_output(raw, at, index, out); };
            all.push_back({std::string(view(kind.kind)), std::string(view(kind.signature)),
                           std::string(view(kind.about)), kind.version, (kind.flags & WST_KIND_VOLATILE) != 0,
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
    Engine(wst_engine *engine, std::shared_ptr<void> log)
        : log_(log), engine_(detail::owned(engine, wst_engine_free, std::move(log))) {}
    // A call that may run functions of nodes, whose exceptions are passed to its caller.
    template <class Raw> static Result<Done> during(Raw &&call)
    {
        detail::Catching catching;
        wst_error *error = call();
        return error ? Result<Done>(Error(error, catching.thrown())) : Result<Done>(Done());
    }
    template <class T> Result<Done> add_file(std::string_view name, const wst_asset &asset, std::unique_ptr<T> &owner) const
    {
        wst_asset owned = asset;
        owned.user = owner.get();
        if (wst_error *error = wst_engine_add_file(get(), str(name), &owned))
            return Error(error);
        // The engine owns it now.
        owner.release();
        return Done();
    }
    template <class Raw> Result<Graph> loaded(Raw &&call) const
    {
        wst_graph *graph = nullptr;
        Result<Done> done = during([&] { return call(&graph); });
        return done ? Result<Graph>(Graph(graph, log_)) : Result<Graph>(done.error());
    }
    Result<Done> add(std::unique_ptr<detail::Owner> owner) const
    {
        wst_node_kind node = detail::adapted(owner.get());
        Result<Done> done = detail::done(wst_engine_add(get(), &node));
        // The engine owns it now, and drops it.
        if (done)
            owner.release();
        return done;
    }
    std::shared_ptr<void> log_;
    std::shared_ptr<wst_engine> engine_;
};

}  // namespace wuerst

#undef WUERST_TRY
#undef WUERST_CATCH_ALL
#undef WUERST_EXCEPTIONS

#endif
