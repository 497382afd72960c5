/* callbacks.c: every function inside every callback, where each works or says at once that it cannot. A test holds the
 * names in here against those in the header.   callbacks MODELS GRAPH
 */
#include <unistd.h>

#include "check.h"

/* What the callbacks use: an engine with a job of its own, and the job and run that call back. */
static struct {
    wst_engine *engine;
    wst_graph *graph;
    wst_job *idle, *own;
    wst_run *run;
    wst_call *call;
} host;

enum { PROGRESS, PREVIEW, WARNING, OVERALL, PART, RUN, CHECK_, STATE, BATCH, DROP, LOG, KINDS };
static const char *const NAMES[KINDS] = {"progress", "preview", "warning", "overall", "part", "run",
                                         "check",    "state",   "batch",   "drop",    "log"};
static int called[KINDS], busy;

static const char *const PLAIN = "{wuerstchen: 1, inputs: {n: int = 1}, outputs: {n: $n}, nodes: {}}";

static void errors(void)
{
    wst_error *error = wst_error_new(WST_NODE, text("mine"));
    CHECK(wst_error_code(error) == WST_NODE && is(wst_error_message(error), "mine"));
    CHECK(!wst_error_place(error, 0, NULL, NULL, NULL, NULL));
    wst_error_free(error);
}

static void values(void)
{
    wst_value *truth = wst_value_bool(1), *whole = wst_value_int(-1), *large = wst_value_uint(UINT64_MAX);
    wst_value *real = wst_value_float(0.5), *words = NULL, *tensor = NULL, *picture = NULL,
              *copy = wst_value_clone(whole);
    uint8_t pixels[3] = {1, 2, 3}, out[3];
    int64_t shape[3] = {1, 1, 3}, signed_ = 0;
    uint64_t unsigned_ = 0;
    wst_tensor view = {WST_U8, 3, NULL, NULL};
    wst_image image = WST_IMAGE_INIT;
    wst_digest digest;
    wst_str shown;
    double number = 0;
    int flag = 0;

    view.shape = shape;
    view.data = pixels;
    image.data = out;
    image.width = image.height = 1;
    image.format = WST_RGB8;
    CHECK(good(wst_value_text(text("a"), &words)) && good(wst_value_tensor(&view, &tensor)));
    CHECK(wst_value_type(tensor) == WST_TENSOR && good(wst_value_as_bool(truth, &flag)));
    CHECK(good(wst_value_as_int(copy, &signed_)) && good(wst_value_as_uint(large, &unsigned_)));
    CHECK(good(wst_value_as_float(real, &number)) && good(wst_value_as_text(words, &shown)));
    CHECK(good(wst_value_as_tensor(tensor, &view)) && fails(wst_value_as_path(words, &shown), WST_INVALID, "file"));
    CHECK(good(wst_value_read(tensor, WST_U8, out, 3)) && good(wst_value_copy(tensor, &image)));
    CHECK(good(wst_value_image(&image, &picture)) && good(wst_value_digest(picture, &digest)));
    wst_value_free(truth);
    wst_value_free(whole);
    wst_value_free(large);
    wst_value_free(real);
    wst_value_free(words);
    wst_value_free(tensor);
    wst_value_free(picture);
    wst_value_free(copy);
}

static wst_error *nothing(void *user, wst_call *call)
{
    (void)user;
    (void)call;
    return NULL;
}

/* Kinds are new each time, so that adding them succeeds; `check` is called again when the engine was changed. */
static wst_str fresh(char *room, const char *kind)
{
    static int count;
    sprintf(room, "test.%s%d", kind, ++count);
    return text(room);
}

static void engines(void)
{
    wst_asset asset = WST_ASSET_INIT;
    wst_engine *other = NULL;
    wst_kinds *kinds = NULL;
    wst_kind kind = WST_KIND_INIT;
    wst_port port = WST_PORT_INIT;
    wst_node_kind node = WST_NODE_KIND_INIT;
    wst_value *report = NULL;
    char room[32];

    CHECK(good(wst_engine_new(NULL, &other)));
    node.kind = fresh(room, "node");
    node.signature = text("a: int -> b: int");
    node.run = nothing;
    CHECK(good(wst_engine_add(host.engine, &node)));
    CHECK(good(wst_engine_add_graph(host.engine, fresh(room, "graph"), text(PLAIN))));
    CHECK(fails(wst_engine_add_file(host.engine, text("/x"), &asset), WST_INVALID, "models folder"));
    CHECK(fails(wst_engine_open_graph(host.engine, text("test.x"), text("/nowhere")), WST_FILE, "/nowhere"));
    CHECK(fails(wst_engine_load(host.engine, text("/nowhere")), WST_NOT_FOUND, "/nowhere"));
    CHECK(good(wst_engine_kinds(other, &kinds)) && wst_kinds_count(kinds) > 0);
    CHECK(good(wst_kinds_at(kinds, 0, &kind)) && good(wst_kinds_input(kinds, 0, 0, &port)));
    CHECK(good(wst_kinds_output(kinds, 0, 0, &port)));
    CHECK(good(wst_engine_report(host.engine, &report)));
    wst_engine_release(host.engine);
    wst_value_free(report);
    wst_kinds_free(kinds);
    wst_engine_free(other);
}

static void graphs(void)
{
    wst_graph *graph = NULL, *changed = NULL;
    wst_job *job = NULL;
    wst_port port = WST_PORT_INIT;
    wst_node shown = WST_NODE_INIT;
    wst_value *value = NULL;

    CHECK(good(wst_graph_new(host.engine, text(PLAIN), &graph)));
    CHECK(good(wst_graph_new_with(host.engine, text(PLAIN), NULL, 0, &changed)));
    wst_graph_free(changed);
    CHECK(fails(wst_graph_open(host.engine, text("/nowhere"), &changed), WST_FILE, "/nowhere"));
    CHECK(wst_graph_input_count(graph) == 1 && wst_graph_output_count(graph) == 1 && !wst_graph_node_count(graph));
    CHECK(good(wst_graph_input(graph, 0, &port)) && good(wst_graph_output(graph, 0, &port)));
    CHECK(fails(wst_graph_node(graph, 0, &shown), WST_INVALID, "index"));
    CHECK(fails(wst_graph_open_without_models(host.engine, text("/nowhere"), &changed), WST_FILE, "/nowhere"));
    CHECK(good(wst_graph_left_out(graph, 0, &value)) && !wst_graph_missing_model(graph, 0, NULL, NULL));
    {
        wst_digest digest;
        CHECK(good(wst_graph_digest(graph, &digest)));
    }
    wst_value_free(value);
    CHECK(good(wst_job_new(graph, &job)));
    wst_job_free(job);
    wst_graph_free(graph);
}

/* A run that waits in a callback would wait for itself. */
static void waits(wst_job *job, const char *name)
{
    wst_str output = text(name);
    wst_value *value = NULL;
    CHECK(fails(wst_job_save(job, output, text("/nowhere/a.txt"), NULL, 0), WST_INVALID, "inside a callback"));
    CHECK(fails(wst_job_get(job, output, NULL, &value), WST_INVALID, "inside a callback"));
    CHECK(fails(wst_job_get_all(job, &output, 1, NULL, &value), WST_INVALID, "inside a callback"));
    CHECK(good(wst_job_report(job, &value)));
    wst_value_free(value);
}

static void jobs(void)
{
    wst_str n = text("n");
    wst_value *one = wst_value_int(1), *value = NULL;
    wst_digest digest;
    wst_status status = WST_STATUS_INIT;
    wst_run *run = NULL;

    CHECK(good(wst_job_set(host.idle, n, one)) && good(wst_job_set_text(host.idle, n, text("2"))));
    CHECK(good(wst_job_unset(host.idle, n)) && good(wst_job_digest(host.idle, n, &digest)));
    CHECK(good(wst_job_xmp(host.idle, n, &value)));
    wst_value_free(value), value = NULL;
    waits(host.idle, "n");
    if (host.own)
        waits(host.own, "image");
    CHECK(good(wst_job_start(host.idle, &n, 1, NULL, &run)) && good(wst_run_poll(run, &status)));
    CHECK(good(wst_run_preview(run, &value)) && !wst_run_warning(run, 0, NULL, NULL));
    CHECK(wst_run_wait(run, -1) ? good(wst_run_take(run, &value, 1))
                                : (wst_error_free(wst_run_take(run, &value, 1)), 1));
    wst_run_cancel(run);
    wst_run_free(run);
    wst_job_cancel(host.idle);
    if (host.run) {
        wst_value *taken = NULL;
        CHECK(wst_run_wait(host.run, -1) == 0);
        CHECK(fails(wst_run_take(host.run, &taken, 1), WST_INVALID, "inside a callback"));
    }
    wst_value_free(one);
    wst_value_free(value);
}

static void calls(void)
{
    const wst_value *argument = NULL;
    uint8_t pixel[3] = {0, 0, 0};
    int64_t shape[3] = {1, 1, 3};
    wst_tensor rgb = {WST_U8, 3, NULL, NULL};

    rgb.shape = shape;
    rgb.data = pixel;
    wst_error_free(wst_call_argument(host.call, 0, &argument));
    wst_error_free(wst_call_result(host.call, 0, argument));
    (void)(wst_call_has(host.call, 0) + wst_call_step(host.call, 0, 1) + wst_call_wants_preview(host.call));
    wst_error_free(wst_call_preview(host.call, &rgb));
    wst_error_free(wst_call_warn(host.call, text("inside")));
    (void)wst_call_node(host.call);
}

static void everything(int kind)
{
    if (busy || !host.engine)
        return;
    busy = 1;
    called[kind]++;
    CHECK(wst_abi_version() == WST_ABI_VERSION && is(wst_version(), WST_VERSION));
    errors();
    values();
    engines();
    graphs();
    jobs();
    calls();
    busy = 0;
}

static void progress(void *user, wst_str node, uint32_t done, uint32_t of)
{
    (void)user, (void)node, (void)done, (void)of;
    everything(PROGRESS);
}

static void preview(void *user, wst_str node, const wst_tensor *rgb)
{
    (void)user, (void)node, (void)rgb;
    everything(PREVIEW);
}

static void warning(void *user, wst_str node, wst_str message)
{
    (void)user, (void)node, (void)message;
    everything(WARNING);
}

static void overall(void *user, wst_str node, double fraction)
{
    (void)user, (void)node, (void)fraction;
    everything(OVERALL);
}

static void part(void *user, wst_str output, uint32_t index, uint32_t of, const wst_value *value)
{
    (void)user, (void)output, (void)index, (void)of, (void)value;
    everything(PART);
}

static void logged(void *user, int level, wst_str message)
{
    (void)user, (void)level, (void)message;
    everything(LOG);
}

/* test.every: rows: f32[b,1] -> image: f32[b,1] */
static wst_error *run(void *user, wst_call *call)
{
    static const float ONE[1] = {1};
    int64_t shape[2] = {1, 1};
    wst_tensor row = {WST_F32, 2, NULL, NULL};
    wst_value *value = NULL;
    wst_error *error;

    (void)user;
    row.shape = shape;
    row.data = ONE;
    host.call = call;
    everything(RUN);
    /* Each of these calls back. */
    calls();
    error = wst_value_tensor(&row, &value);
    if (!error)
        error = wst_call_result(call, 0, value);
    wst_value_free(value);
    host.call = NULL;
    return error;
}

static wst_error *check(void *user, wst_call *known)
{
    (void)user;
    host.call = known;
    everything(CHECK_);
    host.call = NULL;
    return NULL;
}

static wst_error *state(void *user, wst_call *known, wst_digest *out)
{
    (void)user, (void)out;
    host.call = known;
    everything(STATE);
    host.call = NULL;
    return NULL;
}

static int batch(void *user, wst_call *given, wst_batch *out)
{
    (void)user;
    host.call = given;
    everything(BATCH);
    host.call = NULL;
    out->over = text("rows");
    return 1;
}

static void drop(void *user)
{
    (void)user;
    everything(DROP);
}

static const char *const EVERY = "{wuerstchen: 1, inputs: {rows: 'f32[b,1]'}, outputs: {image: $a.image},"
                                 " nodes: {a: {use: test.every, with: {rows: $rows}}}}";

/* All kinds of callback but the log's. */
static void watched(int background)
{
    static const float ROWS[2] = {1, 2};
    int64_t shape[2] = {2, 1};
    wst_tensor rows = {WST_F32, 2, NULL, NULL};
    wst_str image = text("image");
    wst_observer observer = WST_OBSERVER_INIT;
    wst_engine *engine = NULL;
    wst_graph *graph = NULL;
    wst_value *value = NULL;
    wst_node_kind node = WST_NODE_KIND_INIT;

    rows.shape = shape;
    rows.data = ROWS;
    node.kind = text("test.every");
    node.signature = text("rows: f32[b,1] -> image: f32[b,1]");
    node.run = run;
    node.check = check;
    node.state = state;
    node.batch = batch;
    node.drop = drop;
    observer.progress = progress;
    observer.preview = preview;
    observer.warning = warning;
    observer.overall = overall;
    observer.part = part;
    CHECK(good(wst_engine_new(NULL, &engine)) && good(wst_engine_add(engine, &node)));
    CHECK(good(wst_engine_add_graph(engine, text("test.within"), text(EVERY))));
    CHECK(good(wst_graph_new(engine, text(EVERY), &graph)) && good(wst_job_new(graph, &host.own)));
    CHECK(good(wst_value_tensor(&rows, &value)) && good(wst_job_set(host.own, text("rows"), value)));
    wst_value_free(value);
    value = NULL;
    if (background) {
        CHECK(good(wst_job_start(host.own, &image, 1, &observer, &host.run)));
        while (!wst_run_wait(host.run, 100))
            ;
        CHECK(good(wst_run_take(host.run, &value, 1)));
        wst_run_free(host.run);
        host.run = NULL;
    } else {
        CHECK(good(wst_job_get(host.own, image, &observer, &value)));
    }
    wst_value_free(value);
    wst_job_free(host.own);
    host.own = NULL;
    wst_graph_free(graph);
    wst_engine_free(engine);
}

/* A device that is not there is logged when a model is loaded. */
static void log_of(const char *models, const char *path)
{
    wst_options options = WST_OPTIONS_INIT;
    wst_engine *engine = NULL;
    wst_graph *graph = NULL;
    wst_value *value = NULL;

    options.models = text(models);
    options.devices = text("coreml,cpu");
    options.log = logged;
    CHECK(good(wst_engine_new(&options, &engine)) && good(wst_graph_open(engine, text(path), &graph)));
    CHECK(good(wst_job_new(graph, &host.own)) && good(wst_job_set_text(host.own, text("prompt"), text("a"))));
    CHECK(good(wst_job_set_text(host.own, text("steps"), text("1"))));
    CHECK(good(wst_job_get(host.own, text("image"), NULL, &value)));
    wst_value_free(value);
    wst_job_free(host.own);
    host.own = NULL;
    wst_graph_free(graph);
    wst_engine_free(engine);
}

int main(int argc, char **argv)
{
    int kind;

    if (argc != 3)
        return 2;
    /* A function that waits for ever ends the test. */
    alarm(300);
    CHECK(good(wst_engine_new(NULL, &host.engine)) && good(wst_graph_new(host.engine, text(PLAIN), &host.graph)));
    CHECK(good(wst_job_new(host.graph, &host.idle)));
    watched(0);
    watched(1);
    log_of(argv[1], argv[2]);
    for (kind = 0; kind < KINDS; kind++)
        if (!called[kind]) {
            printf("%s was not called\n", NAMES[kind]);
            wrong = 1;
        }
    wst_job_free(host.idle);
    wst_graph_free(host.graph);
    wst_engine_free(host.engine);
    return wrong;
}
