/* introspect.c: what a host is told of graphs and node kinds, and digests.   introspect MODELS GRAPH */
#include <math.h>

#include "check.h"

static const char *GRAPH =
    "wuerstchen: 1\n"
    "inputs:\n"
    "  image: u8[h,w,3]\n"
    "  amount: float = 0.5 {0.25..4.0}\n"
    "  mode: text = \"soft\"\n"
    "  model: model?\n"
    "nodes:\n"
    "  a: { use: test.blur, with: { image: $image, amount: $amount, mode: $mode, model: $model },"
    " devices: [cuda, cpu] }\n"
    "  b: { use: test.blur, with: { image: $a.image, amount: 0.75 } }\n"
    "outputs: { image: $b.image, first: $a.image }\n";

static wst_error *run(void *user, wst_call *call)
{
    const wst_value *image = NULL;
    wst_error *error = wst_call_argument(call, 0, &image);
    (void)user;
    return error ? error : wst_call_result(call, 0, image);
}

static void add(wst_engine *engine, const char *kind, uint32_t flags)
{
    wst_node_kind node = WST_NODE_KIND_INIT;
    node.kind = text(kind);
    node.signature = text("image: u8[h,w,3], amount: float = 1.0 {0.0..1.0}, mode: text = \"soft\" {soft|hard}, "
                          "model: model? -> image: u8[h,w,3]");
    node.about = text("Blurs.");
    node.ports = text("amount: How much.\nmode: Which way.");
    node.version = 3;
    node.flags = flags;
    node.run = run;
    CHECK(good(wst_engine_add(engine, &node)));
}

static void kinds(wst_engine *engine)
{
    wst_kinds *kinds = NULL;
    wst_kind kind = WST_KIND_INIT;
    wst_port port = WST_PORT_INIT;
    size_t count, index, found = 0;

    CHECK(good(wst_engine_kinds(engine, &kinds)));
    add(engine, "test.later", WST_KIND_VOLATILE);
    count = wst_kinds_count(kinds);
    for (index = 0; index < count; index++) {
        CHECK(good(wst_kinds_at(kinds, index, &kind)) && kind.kind.len > 0 && kind.version > 0);
        CHECK(!is(kind.kind, "test.later"));
        if (is(kind.kind, "test.blur"))
            found = index;
    }
    CHECK(count > 20 && found > 0);
    CHECK(good(wst_kinds_at(kinds, found, &kind)));
    CHECK(kind.version == 3 && kind.flags == 0 && kind.input_count == 4 && kind.output_count == 1);
    CHECK(is(kind.about, "Blurs.") && holds(kind.signature, "amount: float = 1.0 {0.0..1.0}"));
    CHECK(good(wst_kinds_input(kinds, found, 2, &port)) && is(port.name, "mode") && is(port.about, "Which way."));
    CHECK(port.choice_count == 2 && is(port.choices[0], "soft") && is(port.choices[1], "hard"));
    CHECK(good(wst_kinds_output(kinds, found, 0, &port)) && is(port.type_text, "u8[h,w,3]"));
    CHECK(fails(wst_kinds_at(kinds, count, &kind), WST_INVALID, "beyond the end"));
    CHECK(fails(wst_kinds_input(kinds, found, 4, &port), WST_INVALID, "beyond the end"));
    CHECK(fails(wst_kinds_output(kinds, found, 1, &port), WST_INVALID, "beyond the end"));
    wst_kinds_free(kinds);
    CHECK(good(wst_engine_kinds(engine, &kinds)));
    CHECK(wst_kinds_count(kinds) == count + 1);
    wst_kinds_free(kinds);
}

static void inputs(const wst_graph *graph)
{
    wst_port port = WST_PORT_INIT;
    double initial = 0;
    wst_str word = {NULL, 0};

    CHECK(wst_graph_input_count(graph) == 4 && wst_graph_output_count(graph) == 2);
    CHECK(good(wst_graph_input(graph, 0, &port)));
    CHECK(is(port.name, "image") && port.type == WST_TENSOR && is(port.type_text, "u8[h,w,3]"));
    CHECK(port.initial == NULL && port.flags == 0 && port.minimum == -INFINITY && port.maximum == INFINITY);
    /* What the node allows and means counts too. */
    CHECK(good(wst_graph_input(graph, 1, &port)));
    CHECK(is(port.name, "amount") && port.type == WST_FLOAT && port.minimum == 0.25 && port.maximum == 1.0);
    CHECK(is(port.about, "How much.") && is(port.declaration, "float = 0.5 {0.25..1.0}"));
    CHECK(good(wst_value_as_float(port.initial, &initial)) && initial == 0.5);
    CHECK(good(wst_graph_input(graph, 2, &port)));
    CHECK(port.type == WST_TEXT && port.choice_count == 2 && is(port.choices[1], "hard"));
    CHECK(good(wst_value_as_text(port.initial, &word)) && is(word, "soft"));
    CHECK(good(wst_graph_input(graph, 3, &port)));
    CHECK(port.type == WST_MODEL_NAME && port.flags == WST_PORT_OPTIONAL && port.choice_count == 0);
    CHECK(good(wst_graph_output(graph, 1, &port)) && is(port.name, "first") && port.type == WST_TENSOR);
    CHECK(fails(wst_graph_input(graph, 4, &port), WST_INVALID, "there are only 4"));
    CHECK(fails(wst_graph_output(graph, 2, &port), WST_INVALID, "there are only 2"));
}

static void nodes(const wst_graph *graph)
{
    wst_node shown = WST_NODE_INIT;
    double amount = 0;

    CHECK(wst_graph_node_count(graph) == 2);
    CHECK(good(wst_graph_node(graph, 0, &shown)) && is(shown.name, "a") && is(shown.kind, "test.blur"));
    CHECK(is(shown.devices, "cuda,cpu") && shown.argument_count == 4);
    CHECK(is(shown.arguments[1].name, "a.amount") && is(shown.arguments[1].text, "$amount") &&
          !shown.arguments[1].value);
    CHECK(good(wst_graph_node(graph, 1, &shown)) && is(shown.name, "b") && shown.devices.len == 0);
    /* The model is left out; the mode is the port's. */
    CHECK(shown.argument_count == 3 && is(shown.arguments[0].text, "$a.image"));
    CHECK(good(wst_value_as_float(shown.arguments[1].value, &amount)) && amount == 0.75);
    CHECK(fails(wst_graph_node(graph, 2, &shown), WST_INVALID, "there are only 2"));
}

static int same(wst_digest a, wst_digest b)
{
    return memcmp(a.bytes, b.bytes, sizeof a.bytes) == 0;
}

static wst_digest digest_of(const wst_job *job, const char *output)
{
    wst_digest digest;
    memset(&digest, 0, sizeof digest);
    CHECK(good(wst_job_digest(job, text(output), &digest)));
    return digest;
}

static void digests(wst_engine *engine, wst_graph *graph)
{
    static const uint8_t grey[3] = {7, 7, 7};
    static const int64_t one[3] = {1, 1, 3};
    wst_tensor pixel;
    wst_value *value = NULL, *again = NULL, *xmp = NULL;
    wst_str mark;
    wst_digest a, b, whole;
    wst_job *job = NULL;
    wst_graph *other = NULL;
    wst_change change = {text("b"), text("test.later"), NULL};

    pixel.dtype = WST_U8;
    pixel.rank = 3;
    pixel.shape = one;
    pixel.data = grey;
    CHECK(good(wst_value_tensor(&pixel, &value)) && good(wst_value_tensor(&pixel, &again)));
    CHECK(good(wst_value_digest(value, &a)) && good(wst_value_digest(again, &b)) && same(a, b));
    wst_value_free(again);
    again = wst_value_int(7);
    CHECK(good(wst_value_digest(again, &b)) && !same(a, b));

    CHECK(good(wst_job_new(graph, &job)));
    CHECK(fails(wst_job_digest(job, text("image"), &a), WST_INVALID, "image"));
    CHECK(fails(wst_job_digest(job, text("imag"), &a), WST_NOT_FOUND, "did you mean `image`"));
    CHECK(good(wst_job_set(job, text("image"), value)));
    CHECK(good(wst_job_xmp(job, text("first"), &xmp)) && good(wst_value_as_text(xmp, &mark)) && !mark.len);
    wst_value_free(xmp);
    CHECK(fails(wst_job_xmp(job, text("imag"), &xmp), WST_NOT_FOUND, "did you mean `image`"));
    whole = digest_of(job, "image");
    CHECK(!same(whole, digest_of(job, "first")));
    CHECK(good(wst_job_set_text(job, text("amount"), text("0.3"))) && !same(whole, digest_of(job, "image")));
    CHECK(good(wst_job_unset(job, text("amount"))) && same(whole, digest_of(job, "image")));
    CHECK(fails(wst_job_unset(job, text("amont")), WST_NOT_FOUND, "did you mean `amount`"));
    wst_job_free(job);

    CHECK(good(wst_graph_new_with(engine, text(GRAPH), &change, 1, &other)) && good(wst_job_new(other, &job)));
    CHECK(good(wst_graph_digest(graph, &a)) && good(wst_graph_digest(graph, &b)) && same(a, b));
    CHECK(good(wst_graph_digest(other, &b)) && !same(a, b));
    CHECK(good(wst_job_set(job, text("image"), value)));
    CHECK(fails(wst_job_digest(job, text("image"), &a), WST_INVALID, "run every time"));
    CHECK(same(digest_of(job, "first"), digest_of(job, "first")));
    wst_job_free(job);
    wst_graph_free(other);
    wst_value_free(value);
    wst_value_free(again);
}

/* A host that was built for an older, shorter struct gets no more than it has room for; one that is newer gets
 * zeros. */
static void growth(const wst_graph *graph)
{
    struct {
        wst_port port;
        uint64_t beyond;
    } newer;
    wst_port port = WST_PORT_INIT;

    memset(&newer, 1, sizeof newer);
    newer.port.struct_size = sizeof newer;
    CHECK(good(wst_graph_input(graph, 0, &newer.port)));
    CHECK(newer.port.struct_size == sizeof newer && newer.beyond == 0 && is(newer.port.name, "image"));
    port.struct_size = 8;
    CHECK(fails(wst_graph_input(graph, 0, &port), WST_INVALID, "_INIT"));
}

/* The shipped kinds and graphs have something to show. */
static void shipped(wst_engine *engine, const char *path)
{
    wst_graph *graph = NULL;
    wst_job *job = NULL;
    wst_value *xmp = NULL;
    wst_str mark;
    wst_port port = WST_PORT_INIT;
    size_t index;

    CHECK(good(wst_graph_open(engine, text(path), &graph)));
    CHECK(wst_graph_node_count(graph) == 7 && wst_graph_input_count(graph) == 9);
    for (index = 0; index < wst_graph_input_count(graph); index++)
        CHECK(good(wst_graph_input(graph, index, &port)) && port.about.len > 0);
    for (index = 0; index < wst_graph_output_count(graph); index++) {
        CHECK(good(wst_graph_output(graph, index, &port)) && port.title.len == port.name.len);
        CHECK(port.role == (is(port.name, "embedding") ? WST_ROLE_EMBEDDING : WST_ROLE_PICTURE));
    }
    CHECK(good(wst_job_new(graph, &job)));
    CHECK(good(wst_job_xmp(job, text("image"), &xmp)) && good(wst_value_as_text(xmp, &mark)));
    CHECK(holds(mark, "/trainedAlgorithmicMedia"));
    wst_value_free(xmp);
    /* The model makes no such width, whatever the other inputs are. */
    CHECK(fails(wst_job_set_text(job, text("width"), text("63")), WST_INVALID, "width"));
    CHECK(good(wst_job_set_text(job, text("width"), text("128"))));
    wst_job_free(job);
    wst_graph_free(graph);
}

/* A picture in memory serves for a file: the same pixels give the same result. */
static void pictures(wst_engine *engine)
{
    static const char LOADED[] =
        "wuerstchen: 1\ninputs: { file: file }\nnodes: { a: { use: image.load, with: { file: $file } } }\n"
        "outputs: { image: $a.image }\n";
    static const uint8_t bytes[2 * 2 * 3] = {0, 51, 102, 153, 204, 255, 1, 2, 3, 4, 5, 6};
    static float floats[2 * 2 * 3];
    static const int64_t shape[3] = {2, 2, 3};
    wst_tensor picture = {WST_U8, 3, NULL, NULL}, seen;
    wst_graph *graph = NULL;
    wst_job *job = NULL;
    wst_value *value = NULL, *image = NULL;
    wst_port port = WST_PORT_INIT;
    wst_str path;
    int at;

    picture.shape = shape;
    for (at = 0; at < 12; at++)
        floats[at] = (float)bytes[at] / 255;
    CHECK(good(wst_graph_new(engine, text(LOADED), &graph)) && good(wst_job_new(graph, &job)));
    CHECK(good(wst_graph_input(graph, 0, &port)) && port.type == WST_FILE_NAME);
    for (at = 0; at < 2; at++) {
        picture.dtype = at ? WST_F32 : WST_U8;
        picture.data = at ? (const void *)floats : bytes;
        CHECK(good(wst_value_tensor(&picture, &value)) && good(wst_job_set(job, text("file"), value)));
        CHECK(good(wst_job_get(job, text("image"), NULL, &image)) && good(wst_value_as_tensor(image, &seen)));
        CHECK(seen.dtype == WST_U8 && seen.rank == 3 && memcmp(seen.data, bytes, sizeof bytes) == 0);
        CHECK(fails(wst_value_as_path(value, &path), WST_INVALID, "model or file"));
        wst_value_free(value);
        wst_value_free(image);
    }
    picture.rank = 1;
    picture.data = floats;
    CHECK(good(wst_value_tensor(&picture, &value)));
    CHECK(fails(wst_job_set(job, text("file"), value), WST_INVALID, "wants file"));
    wst_value_free(value);
    wst_job_free(job);
    wst_graph_free(graph);
}

/* What an input stands for that is left out: what the model behind it is made for. */
static void left_out(wst_engine *engine, const char *path)
{
    static const struct { const char *name; wst_type type; } SAID[] = {
        {"prompt", WST_NONE}, {"negative", WST_TEXT}, {"width", WST_INT},        {"height", WST_INT},
        {"seed", WST_INT},    {"steps", WST_INT},     {"guidance", WST_FLOAT},   {"decoder_steps", WST_INT},
    };
    wst_graph *graph = NULL;
    wst_port port = WST_PORT_INIT;
    size_t index, at;

    CHECK(good(wst_graph_open(engine, text(path), &graph)) && !wst_graph_missing_model(graph, 0, NULL, NULL));
    for (index = 0; index < wst_graph_input_count(graph); index++) {
        CHECK(good(wst_graph_input(graph, index, &port)));
        for (at = 0; at < sizeof SAID / sizeof *SAID; at++) {
            wst_value *value = NULL;
            int64_t number = 1;
            if (!is(port.name, SAID[at].name))
                continue;
            CHECK(good(wst_graph_left_out(graph, index, &value)) && wst_value_type(value) == SAID[at].type);
            if (SAID[at].type == WST_INT)
                CHECK(good(wst_value_as_int(value, &number)) && (number >= 1 || is(port.name, "seed")));
            wst_value_free(value);
        }
    }
    wst_graph_free(graph);
}

/* A graph is shown before its models are there, and runs fail. */
static void without_models(const char *path)
{
    wst_options options = WST_OPTIONS_INIT;
    wst_engine *engine = NULL;
    wst_graph *graph = NULL;
    wst_job *job = NULL;
    wst_value *value = NULL;
    wst_str argument = {0, 0}, message = {0, 0};
    wst_port port = WST_PORT_INIT;
    size_t count = 0;

    options.models = text("/nowhere");
    CHECK(good(wst_engine_new(&options, &engine)));
    CHECK(fails(wst_graph_open(engine, text(path), &graph), WST_GRAPH, "no model `prior`"));
    CHECK(good(wst_graph_open_without_models(engine, text(path), &graph)));
    CHECK(wst_graph_node_count(graph) == 7 && wst_graph_input_count(graph) == 9);
    CHECK(good(wst_graph_input(graph, 0, &port)) && is(port.name, "prompt") && port.about.len > 0);
    while (wst_graph_missing_model(graph, count, &argument, &message)) {
        CHECK(holds(argument, ".model") && holds(message, "no model `"));
        count++;
    }
    CHECK(count == 7);
    CHECK(good(wst_job_new(graph, &job)) && good(wst_job_set_text(job, text("prompt"), text("a"))));
    CHECK(fails(wst_job_get(job, text("image"), NULL, &value), WST_NOT_FOUND, "no model `"));
    wst_job_free(job);
    wst_graph_free(graph);
    wst_engine_free(engine);
}

int main(int argc, char **argv)
{
    wst_options options = WST_OPTIONS_INIT;
    wst_engine *engine = NULL;
    wst_graph *graph = NULL;

    if (argc != 3)
        return 2;
    CHECK(is(wst_version(), WST_VERSION) && strlen(wst_version().data) == wst_version().len);
    options.models = text(argv[1]);
    CHECK(good(wst_engine_new(&options, &engine)));
    add(engine, "test.blur", 0);
    CHECK(good(wst_graph_new(engine, text(GRAPH), &graph)));
    kinds(engine);
    inputs(graph);
    nodes(graph);
    growth(graph);
    digests(engine, graph);
    shipped(engine, argv[2]);
    pictures(engine);
    left_out(engine, argv[2]);
    without_models(argv[2]);
    wst_graph_free(graph);
    wst_engine_free(engine);
    return wrong;
}
