/* callbacks.c: every function inside every callback, where each works or says at once that it cannot.
 *
 *   callbacks MODELS GRAPH
 */
#include <unistd.h>

#include "every_function.h"

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
