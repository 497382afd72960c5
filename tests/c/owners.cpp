// owners.cpp: what handles of wuerst.hpp own, and values as C++ writes them; under sanitizers.   owners MODELS GRAPH
#include <atomic>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <thread>

#include "wuerst.hpp"

static int wrong = 0;

#define CHECK(condition)                                                   \
    do {                                                                   \
        if (!(condition)) {                                                \
            std::printf("%s:%d: %s\n", __FILE__, __LINE__, #condition);    \
            wrong = 1;                                                     \
        }                                                                  \
    } while (0)

using namespace std::chrono_literals;

static const char *const NUMBER = "{wuerstchen: 1, inputs: {n: 'int?', x: 'float?', t: 'text?', f: 'bool?'},"
                                  " outputs: {n: $n, x: $x, t: $t, f: $f}, nodes: {}}";

// Numbers, truths and texts are what they look like.
static void values()
{
    CHECK(wuerst::Value().type() == WST_NONE && wuerst::Value().empty() && !wuerst::Value().integer());
    CHECK(wuerst::Value(0).type() == WST_INT && wuerst::Value(true).type() == WST_BOOL);
    CHECK(wuerst::Value(0.5f).type() == WST_FLOAT && wuerst::Value(std::uint8_t(200)).integer().value() == 200);
    CHECK(wuerst::Value("text").text().value() == "text" && wuerst::Value(std::string("s")).type() == WST_TEXT);
    CHECK(wuerst::Value(std::string_view("view")).text().value() == "view");
    CHECK(wuerst::Value(std::uint64_t(-1)).unsigned_integer().value() == UINT64_MAX);
    CHECK(wuerst::Value(-1).integer().value() == -1 && !wuerst::Value(-1).unsigned_integer());
    bool thrown = false;
    try {
        wuerst::Value bad("\xff");
    } catch (const wuerst::Error &error) {
        thrown = error.code() == WST_INVALID;
    }
    CHECK(thrown);
    wuerst::Value floats = wuerst::Value::tensor(std::vector<float>{1, 2, 3, 4}, {2, 2}).value();
    CHECK((floats.read<float>().value() == std::vector<float>{1, 2, 3, 4}) && !floats.read<std::uint8_t>());
    CHECK(!wuerst::Value::tensor(std::vector<float>{1}, {2, 2}) && !wuerst::Value::tensor(std::vector<float>{1}, {-1}));
    CHECK(wuerst::Error().code() == WST_OK && !*wuerst::Error().what());
    CHECK(!wuerst::Value(7).path() && !wuerst::Value(7).image(wst_image(WST_IMAGE_INIT)));
}

static void sets(const wuerst::Engine &engine)
{
    wuerst::Job job = engine.graph(NUMBER).value().job().value();
    CHECK(job.set("n", 0) && job.get("n").value().integer().value() == 0);
    CHECK(job.set("n", 0u) && job.set("n", 0L) && job.set("n", std::size_t(7)));
    CHECK(job.set("x", 0) && job.set("x", 0.25f) && job.get("x").value().number().value() == 0.25);
    CHECK(job.set("f", false) && !job.get("f").value().truth().value());
    const char *nothing = nullptr;
    CHECK(job.set("t", "literal") && job.set("t", std::string("string")) && !job.set("t", nothing));
    CHECK(job.set("t", std::filesystem::path("a") / "b") && job.get("t").value().text().value() == "a/b");
    CHECK(job.set("n", UINT64_MAX) && job.get("n").value().unsigned_integer().value() == UINT64_MAX);
    auto refused =
        engine.graph("{wuerstchen: 1, inputs: {n: 'int {0..9}'}, outputs: {n: $n}, nodes: {}}").value().job();
    auto said = refused->set("n", UINT64_MAX);
    CHECK(!said &&
          std::string_view(said.error().what()).find("18446744073709551615 is outside 0..9") != std::string_view::npos);
}

// Members begin empty; a moved-from one is so again.
struct Host {
    wuerst::Engine engine;
    wuerst::Graph graph;
    wuerst::Job job;
    wuerst::Run run;
    wuerst::Value value;
};

static void empty()
{
    Host host;
    CHECK(!host.engine && !host.graph && !host.job && !host.run && host.value.empty());
    CHECK(host.engine.graph("").error().code() == WST_INVALID && host.engine.report().error().code() == WST_INVALID);
    CHECK(host.graph.job().error().code() == WST_INVALID && host.graph.inputs().empty() && host.graph.nodes().empty());
    CHECK(host.job.set("n", 1).error().code() == WST_INVALID && host.job.get("n").error().code() == WST_INVALID);
    CHECK(host.job.start({"n"}).error().code() == WST_INVALID && host.job.report().error().code() == WST_INVALID);
    CHECK(host.run.wait() && host.run.take().error().code() == WST_INVALID && host.run.warnings().empty());
    CHECK(host.run.poll().error().code() == WST_INVALID);
    host.engine.release();
    host.job.cancel();
    host.run.cancel();
    host.engine = wuerst::Engine::make().value();
    host.graph = host.engine.graph(NUMBER).value();
    host.job = host.graph.job().value();
    CHECK(host.job.set("n", 1));
    host.run = host.job.start({"n"}).value();
    wuerst::Run moved = std::move(host.run);
    CHECK(moved.take() && !host.run && host.run.wait());
    Host other = std::move(host);
    CHECK(other.job.get("n"));
}

// A gate that a run waits at, and that warns, until it is cancelled.
static wuerst::NodeKind gate()
{
    wuerst::NodeKind node;
    node.kind = "test.gate";
    node.signature = "n: int -> n: int";
    node.run = [](wuerst::Call &call) -> wuerst::Result<wuerst::Done> {
        while (call.step(0, 2))
            std::this_thread::sleep_for(1ms);
        return wuerst::Error(WST_CANCELLED, "stopped");
    };
    return node;
}

static const char *const GATE = "{wuerstchen: 1, inputs: {n: int}, outputs: {n: $a.n},"
                                " nodes: {a: {use: test.gate, with: {n: $n}}}}";

static wuerst::Observer counting(std::atomic<int> &steps)
{
    wuerst::Observer observer;
    observer.progress = [&steps, large = std::string(2000, 'x')](std::string_view, std::uint32_t, std::uint32_t) {
        steps += large.back() == 'x';
    };
    return observer;
}

// Another run over one that goes on, a run that outlives its engine, and one that its own callback ends.
static void runs()
{
    std::atomic<int> steps{0};
    std::atomic<int> messages{0};
    wuerst::Run run;
    {
        auto log = [&messages, large = std::string(2000, 'x')](int, std::string_view) {
            messages += large.size() == 2000;
        };
        wuerst::Engine engine = wuerst::Engine::make({}, log).value();
        CHECK(engine.add(gate()));
        wuerst::Job job = engine.graph(GATE).value().job().value();
        for (int n = 0; n < 20; n++) {
            CHECK(job.set("n", n));
            run = job.start({"n"}, counting(steps)).value();
            for (int seen = steps; steps == seen;)
                std::this_thread::sleep_for(1ms);
        }
        engine = wuerst::Engine();
    }
    for (int seen = steps; steps == seen;)
        std::this_thread::sleep_for(1ms);
    run = wuerst::Run();

    wuerst::Engine engine = wuerst::Engine::make().value();
    CHECK(engine.add(gate()));
    wuerst::Job job = engine.graph(GATE).value().job().value();
    CHECK(job.set("n", 1));
    wuerst::Run own;
    std::atomic<bool> begun{false}, ended{false};
    wuerst::Observer ends;
    ends.progress = [&, large = std::string(2000, 'x')](std::string_view, std::uint32_t, std::uint32_t) {
        if (begun && !ended) {
            own = wuerst::Run();
            ended = large.size() == 2000;
        }
    };
    own = job.start({"n"}, ends).value();
    begun = true;
    while (!ended)
        std::this_thread::sleep_for(1ms);
}

// Options keep their texts, whatever they were made of.
static void options(const char *models)
{
    wuerst::Options options;
    options.models = (std::filesystem::path(models) / ".").string();
    CHECK(wuerst::Engine::make(options));
    options.models = wuerst::str((std::filesystem::path(models) / ".").string());
    CHECK(options.models.string().find(models) == 0);
    options.models = std::filesystem::path(models);
    options.outputs = std::string("a folder whose name is too long for a string of a few letters");
    wuerst::Options copy = options;
    options = wuerst::Options();
    CHECK(copy.models.string() == models && wuerst::Engine::make(copy));
    copy.threads = 2147483648u;
    auto refused = wuerst::Engine::make(copy);
    CHECK(!refused && std::string_view(refused.error().what()).find("more than 1024") != std::string_view::npos);
}

struct Counts {
    int checks = 0, drops = 0;
};

// A node in C beneath a function in C++: its own functions get its own user.
static void users()
{
    Counts counts;
    wst_node_kind node = WST_NODE_KIND_INIT;
    node.kind = wuerst::str("test.c");
    node.signature = wuerst::str("a: int -> b: int");
    node.user = &counts;
    node.check = [](void *user, wst_call *) -> wst_error * { return static_cast<Counts *>(user)->checks++, nullptr; };
    node.drop = [](void *user) { static_cast<Counts *>(user)->drops++; };
    auto run = [](wuerst::Call &call) { return call.result(0, call.argument(0).value()); };
    {
        wuerst::Engine engine = wuerst::Engine::make().value();
        CHECK(engine.add(node, run) && !engine.add(node, run) && counts.drops == 0);
        CHECK(engine.graph("{wuerstchen: 1, nodes: {n: {use: test.c, with: {a: 1}}}, outputs: {b: $n.b}}"));
        CHECK(counts.checks > 0);
    }
    CHECK(counts.drops == 1);
}

struct Odd : std::runtime_error {
    using std::runtime_error::runtime_error;
};

template <class Thrown, class Body> static bool throws(Body &&body)
{
    try {
        body();
    } catch (const Thrown &) {
        return true;
    } catch (...) {
    }
    return false;
}

// What a node throws comes out as it was thrown, from runs here and in the background, and when it is asked.
static void thrown()
{
    wuerst::Engine engine = wuerst::Engine::make().value();
    wuerst::NodeKind node;
    node.kind = "test.odd";
    node.signature = "n: int -> n: int";
    node.run = [](wuerst::Call &call) -> wuerst::Result<wuerst::Done> {
        if (call.argument(0).value().integer().value() % 2)
            throw Odd("odd");
        return call.result(0, call.argument(0).value());
    };
    node.check = [](wuerst::Call &known) -> wuerst::Result<wuerst::Done> {
        if (!known.argument(0).value().empty() && known.argument(0).value().integer().value() == 13)
            throw std::out_of_range("thirteen");
        return wuerst::Done();
    };
    CHECK(engine.add(node));
    wuerst::Job job = engine.graph("{wuerstchen: 1, inputs: {n: int}, outputs: {n: $a.n},"
                                   " nodes: {a: {use: test.odd, with: {n: $n}}}}").value().job().value();
    CHECK(job.set("n", 1) && throws<Odd>([&] { job.get("n").value(); }));
    CHECK(throws<Odd>([&] { job.start({"n"}).value().take().value(); }));
    auto said = job.get("n");
    CHECK(!said && said.error().code() == WST_NODE && said.error().thrown());
    CHECK(std::string_view(said.error().what()).find("`a`: odd") != std::string_view::npos);
    CHECK(job.set("n", 13) && throws<std::out_of_range>([&] { job.get("n").value(); }));
    CHECK(throws<std::out_of_range>([&] {
        engine.graph("{wuerstchen: 1, nodes: {a: {use: test.odd, with: {n: 13}}}, outputs: {n: $a.n}}").value();
    }));
    CHECK(job.set("n", 2) && job.get("n") && !job.get("n").error().thrown());
}

// Changes, arguments of nodes, graphs as kinds, state and batch.
static void whole(const wuerst::Engine &engine, const char *path)
{
    CHECK(wuerst::abi_version() == WST_ABI_VERSION && wuerst::version() == WST_VERSION);
    CHECK(engine.add_graph("test.part", "{wuerstchen: 1, inputs: {n: 'int = 3'}, outputs: {n: $n}, nodes: {}}"));
    CHECK(!engine.open_graph("test.file", "/nowhere.yaml") &&
          engine.open_graph("test.file", std::filesystem::path(path)));
    CHECK(engine.load("/nowhere.so").error().code() == WST_NOT_FOUND);
    const char *use = "{wuerstchen: 1, nodes: {a: {use: test.rows, with: {rows: $rows}}}, outputs: {rows: $a.rows},"
                      " inputs: {rows: 'f32[b,1]'}}";
    std::atomic<int> states{0}, seen{0};
    wuerst::NodeKind node;
    node.kind = std::string("test.rows");
    node.signature = "rows: f32[b,1], by: float = 1.0 -> rows: f32[b,1]";
    node.expected_ms = 7;
    node.run = [&](wuerst::Call &call) -> wuerst::Result<wuerst::Done> {
        seen++;
        float row = call.argument(0).value().read<float>().value().at(0);
        row += static_cast<float>(call.argument(1).value().number().value());
        return call.result(0, wuerst::Value::tensor(std::vector<float>{row}, {1, 1}).value());
    };
    node.state = [&](wuerst::Call &) -> wuerst::Result<std::optional<wst_digest>> {
        wst_digest digest = {};
        digest.bytes[0] = static_cast<std::uint8_t>(states + 1);
        return std::optional<wst_digest>(digest);
    };
    node.batch = [](wuerst::Call &given) -> std::optional<wuerst::Batch> {
        if (!given.has(0))
            return std::nullopt;
        return wuerst::Batch{"rows", "", ""};
    };
    CHECK(engine.add(node));
    wuerst::Graph graph = engine.graph(use, {{"a.by", 2.0}}).value();
    wuerst::Node shown = graph.nodes().at(0);
    CHECK(shown.arguments.size() == 2 && shown.arguments[0].name.string() == "a.rows");
    CHECK(shown.arguments[0].text.string() == "$rows" && shown.arguments[1].value.number().value() == 2.0);
    CHECK(engine.graph(use, {{"a", "test.rows"}, {"a.rows", "$rows"}}) && !engine.graph(use, {{"a.nowhere", 1}}));
    wuerst::Job job = graph.job().value();
    CHECK(job.set("rows", wuerst::Value::tensor(std::vector<float>{1, 2, 3}, {3, 1}).value()));
    CHECK((job.get("rows").value().read<float>().value() == std::vector<float>{3, 4, 5}) && seen == 3);
    CHECK(job.get("rows") && seen == 3);
    states++;
    CHECK(job.get("rows") && seen == 6);
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    wuerst::Options with;
    with.models = argv[1];
    wuerst::Engine engine = wuerst::Engine::make(with).value();
    values();
    sets(engine);
    empty();
    runs();
    options(argv[1]);
    users();
    thrown();
    whole(engine, argv[2]);
    return wrong;
}
