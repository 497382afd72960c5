/* every_function.h: calls every function of the interface, from within a callback. A test holds the names in here, and in
 * the program that includes it, against those in the header.
 */
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
