// wrapper.cpp: everything in wuerst.hpp, with exceptions and without.   wrapper MODELS GRAPH
#include <atomic>
#include <cstdio>
#include <cstring>
#include <stdexcept>
#include <thread>

#include "wuerst.hpp"

#if defined(__cpp_exceptions)
#define EXCEPTIONS 1
#else
#define EXCEPTIONS 0
#endif

static int wrong = 0;

#define CHECK(condition)                                                   \
    do {                                                                   \
        if (!(condition)) {                                                \
            std::printf("%s:%d: %s\n", __FILE__, __LINE__, #condition);    \
            wrong = 1;                                                     \
        }                                                                  \
    } while (0)

using namespace std::string_view_literals;

static bool same(const wst_digest &a, const wst_digest &b) { return std::memcmp(a.bytes, b.bytes, 32) == 0; }

static void values()
{
    wuerst::Value number(7), copy = number, real(0.5), flag(true);
    CHECK(copy.integer().value() == 7 && number.number().value() == 7.0 && flag.truth().value());
    CHECK(real.type() == WST_FLOAT && same(number.digest().value(), copy.digest().value()));
    wuerst::Value text = wuerst::Value::text("würst").value();
    CHECK(text.text().value() == "würst");
    copy = text;
    CHECK(copy.text().value() == "würst" && !copy.integer());
    CHECK(copy.integer().error().code() == WST_INVALID);
    CHECK(std::string_view(copy.integer().error().what()).find("wants int") != std::string_view::npos);

    std::uint8_t pixels[2 * 3] = {1, 2, 3, 4, 5, 6}, out[2 * 4];
    wst_image image = WST_IMAGE_INIT;
    image.data = pixels;
    image.width = 2;
    image.height = 1;
    image.format = WST_RGB8;
    wuerst::Value picture = wuerst::Value::image(image).value();
    CHECK(picture.tensor().value().rank == 3);
    image.data = out;
    image.format = WST_BGRA8;
    CHECK(picture.copy(image) && out[0] == 3 && out[6] == 4 && out[7] == 255);
    image.width = 1;
    CHECK(!picture.copy(image));
}

static void files(const wuerst::Engine &engine)
{
    CHECK(!engine.add_file("../a", std::vector<std::uint8_t>{1}));
    CHECK(!!engine.add_file("notes/one.txt", std::vector<std::uint8_t>{'o', 'k'}));
    CHECK(!engine.add_file("notes/one.txt", std::vector<std::uint8_t>{}));
    CHECK(!!engine.add_file("notes/two.txt", 2, [](std::uint64_t, void *into, std::size_t bytes) {
        std::memset(into, 'x', bytes);
        return true;
    }));
    auto graph = engine.graph("wuerstchen: 1\nnodes:\n  a: { use: text.load, with: { file: notes/one.txt } }\n"
                              "  b: { use: text.load, with: { file: notes/two.txt } }\n"
                              "outputs: { a: $a.text, b: $b.text }\n");
    CHECK(graph && graph.value().job().value().get("a").value().text().value() == "ok");
    CHECK(graph.value().job().value().get("b").value().text().value() == "xx");
}

static void descriptions(const wuerst::Engine &engine, const wuerst::Graph &graph)
{
    CHECK(wuerst::version() == WST_VERSION);
    std::vector<wuerst::Port> inputs = graph.inputs();
    CHECK(graph.missing_models().empty() && !graph.left_out(99));
    for (std::size_t at = 0; at < inputs.size(); at++)
        if (inputs[at].name == "steps")
            CHECK(graph.left_out(at).value().integer().value() >= 1);
    CHECK(same(graph.digest().value(), graph.digest().value()));
    CHECK(inputs[0].title == "Prompt" && inputs[0].role == WST_ROLE_NONE && graph.outputs()[0].role == WST_ROLE_PICTURE);
    CHECK(inputs.size() == 9 && inputs[0].name == "prompt" && inputs[0].type == WST_TEXT && inputs[0].initial.empty());
    CHECK(!inputs[1].initial.empty() && inputs[1].initial.text().value() == "" && inputs[2].optional);
    CHECK(graph.outputs().size() == 3 && graph.nodes().size() == 7 && graph.nodes()[0].kind == "wuerst.tokenize");
    std::vector<wuerst::Kind> kinds = engine.kinds().value();
    CHECK(kinds.size() > 20 && !kinds[0].inputs.empty() && !kinds[0].signature.empty());
    auto broken = engine.graph("wuerstchen: 1\nnodes: {}\noutputs: { a: $b, c: $d }\n");
    CHECK(!broken && broken.error().code() == WST_GRAPH && broken.error().places().size() == 2);
    CHECK(broken.error().places()[1].line == 3);
}

// Pictures of a batch come one by one.
static void parts(const wuerst::Engine &engine)
{
    wuerst::Graph graph = engine.graph("wuerstchen: 1\n"
                                       "inputs: { latents: 'f32[b,4,H,W]' }\n"
                                       "nodes: { a: { use: wuerst.vqgan_decode_batch,"
                                       " with: { latents: $latents, model: vqgan-decoder } } }\n"
                                       "outputs: { images: $a.images }\n")
                              .value();
    std::vector<float> numbers(3 * 64, 0.25f);
    const std::int64_t shape[] = {3, 4, 4, 4};
    wuerst::Job job = graph.job().value();
    CHECK(job.set("latents", wuerst::Value::tensor({WST_F32, 4, shape, numbers.data()}).value()));
    std::vector<wuerst::Value> kept;
    wuerst::Observer observer;
    observer.part = [&](std::string_view output, std::uint32_t index, std::uint32_t of, wuerst::Value value) {
        CHECK(output == "images" && index == kept.size() && of == 3);
        kept.push_back(std::move(value));
    };
    CHECK(job.get("images", observer) && kept.size() == 3 && kept[0].tensor().value().shape[0] == 1);
}

static void runs(const wuerst::Graph &graph)
{
    wuerst::Job job = graph.job().value();
    CHECK(job.set("prompt", "a red apple") && job.set("seed", 7) && job.set_text("steps", "4"));
    CHECK(!job.set("promt", "a") && !job.unset("stepz"));
    int steps = 0, previews = 0;
    double overall = 0;
    wuerst::Observer observer;
    observer.progress = [&](std::string_view node, std::uint32_t, std::uint32_t) { steps += node == "prior"; };
    observer.preview = [&](std::string_view, const wst_tensor &rgb) { previews += rgb.rank == 3; };
    observer.overall = [&](std::string_view, double fraction) { overall = fraction; };
    wst_digest before = job.digest("image").value();
    std::vector<wuerst::Value> both = job.get_all({"image", "embedding"}, observer).value();
    CHECK(both.size() == 2 && steps >= 4 && previews >= 0 && overall == 1);
    CHECK(same(before, job.digest("image").value()));
    CHECK(job.xmp("image").value().find("/trainedAlgorithmicMedia") != std::string::npos);
    CHECK(job.xmp("imag").error().code() == WST_NOT_FOUND);
    CHECK(job.report().value().find("\"did\":\"ran\"") != std::string::npos);

    wuerst::Job other = graph.job().value();
    CHECK(other.set("prompt", "a red apple") && other.set("seed", 7) && other.set("steps", 4));
    std::atomic<int> seen{0};
    observer = {};
    observer.progress = [&](std::string_view, std::uint32_t, std::uint32_t) { seen++; };
    wuerst::Run run = other.start({"image"}, observer).value();
    // The run keeps what it needs.
    { wuerst::Job gone = std::move(other); }
    while (!run.wait(std::chrono::milliseconds(5)))
        CHECK(run.poll().value().state == WST_RUNNING && run.preview());
    CHECK(run.poll().value().state == WST_DONE && run.warnings().empty());
    CHECK(same(run.take().value()[0].digest().value(), both[0].digest().value()));
    CHECK(!run.take());

    CHECK(job.set("seed", 8));
    wuerst::Run stopped = job.start({"image"}).value();
    stopped.cancel();
    auto taken = stopped.take();
    CHECK(!taken && taken.error().code() == WST_CANCELLED && stopped.poll().value().state == WST_STOPPED);
    // Dropped while it goes on.
    CHECK(job.start({"image"}));
}

static void nodes()
{
    auto engine = wuerst::Engine::make({}, [](int, std::string_view) {}).value();
    wst_node_kind node = WST_NODE_KIND_INIT;
    node.kind = wuerst::str("test.twice");
    node.signature = wuerst::str("n: int -> n: int");
    int calls = 0;
    auto twice = [&calls](wuerst::Call &call) -> wuerst::Result<wuerst::Done> {
        calls++;
        std::int64_t n = call.argument(0).value().integer().value();
        if (n == 13)
            return wuerst::Error(WST_NODE, "thirteen");
#if EXCEPTIONS
        if (n == 14)
            throw std::runtime_error("fourteen");
        if (n == 15)
            throw 15;
#endif
        return call.step(0, 1) ? call.result(0, 2 * n) : wuerst::Result<wuerst::Done>(wuerst::Error(WST_CANCELLED, ""));
    };
    CHECK(engine.add(node, twice) && !engine.add(node, twice));
    auto graph = engine.graph("{wuerstchen: 1, inputs: {n: int}, outputs: {n: $a.n},"
                              " nodes: {a: {use: test.twice, with: {n: $n}}}}");
    wuerst::Job job = graph.value().job().value();
    CHECK(job.set("n", 21) && job.get("n").value().integer().value() == 42 && calls == 1);
    auto fails = [&](int n, std::string_view with) {
        CHECK(job.set("n", n));
        auto got = job.get("n");
        return !got && got.error().code() == WST_NODE && std::string_view(got.error().what()).find(with) != with.npos;
    };
    CHECK(fails(13, "thirteen"));
#if EXCEPTIONS
    CHECK(fails(14, "fourteen") && fails(15, "unknown type"));
    // What a callback throws comes out as it was.
    wuerst::Observer observer;
    observer.progress = [](std::string_view, std::uint32_t, std::uint32_t) { throw std::logic_error("mine"); };
    CHECK(job.set("n", 1));
    bool thrown = false;
    try {
        job.get("n", observer).value();
    } catch (const std::logic_error &error) {
        thrown = error.what() == "mine"sv;
    }
    CHECK(thrown && job.set("n", 3));
    thrown = false;
    try {
        job.start({"n"}, observer).value().take().value();
    } catch (const std::logic_error &error) {
        thrown = error.what() == "mine"sv;
    }
    CHECK(thrown);
    thrown = false;
    try {
        job.get("m").value();
    } catch (const wuerst::Error &error) {
        thrown = error.code() == WST_NOT_FOUND;
    }
    CHECK(thrown);
    CHECK(job.get("n").value().integer().value() == 6);
#endif
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    wuerst::Options options;
    options.models = wuerst::str(argv[1]);
    auto engine = wuerst::Engine::make(options);
    auto graph = engine.value().open(argv[2]);
    wuerst::Options none;
    none.models = "/nowhere";
    auto without = wuerst::Engine::make(none).value().open_without_models(argv[2]);
    CHECK(!graph.value().job().value().save("image", "/nowhere/a.jpg"));
    CHECK(without && without.value().missing_models().size() == 7);
    values();
    descriptions(engine.value(), graph.value());
    files(engine.value());
    runs(graph.value());
    parts(engine.value());
    CHECK(engine.value().report().value().find("\"device\":\"cpu\"") != std::string::npos);
    engine.value().release();
    nodes();
    return wrong;
}
