/* background.c: runs in the background, polled, waited for, watched, cancelled and freed.   background MODELS GRAPH */
#include <pthread.h>
#include <time.h>

#include "check.h"

static wst_job *new_job(const wst_engine *engine, const char *path, const char *seed)
{
    wst_graph *graph = NULL;
    wst_job *job = NULL;
    CHECK(good(wst_graph_open(engine, text(path), &graph)) && good(wst_job_new(graph, &job)));
    CHECK(good(wst_job_set_text(job, text("prompt"), text("a red apple"))));
    CHECK(good(wst_job_set_text(job, text("seed"), text(seed))));
    CHECK(good(wst_job_set_text(job, text("steps"), text("6"))));
    wst_graph_free(graph);
    return job;
}

static int same(const wst_value *a, const wst_value *b)
{
    wst_digest one, other;
    CHECK(good(wst_value_digest(a, &one)) && good(wst_value_digest(b, &other)));
    return memcmp(one.bytes, other.bytes, sizeof one.bytes) == 0;
}

static wst_status status_of(const wst_run *run)
{
    wst_status status = WST_STATUS_INIT;
    CHECK(good(wst_run_poll(run, &status)));
    return status;
}

static void nap(void)
{
    struct timespec millisecond = {0, 1000000};
    nanosleep(&millisecond, NULL);
}

/* As a tool does that has no thread to spare: starts, polls, shows previews, takes. */
static void polled(const wst_engine *engine, const char *path)
{
    wst_job *job = new_job(engine, path, "7"), *plain = new_job(engine, path, "7");
    wst_str outputs[2];
    wst_value *values[2] = {NULL, NULL}, *again[2] = {NULL, NULL}, *preview = NULL;
    wst_run *run = NULL;
    wst_status status;
    double fraction = 0;
    int previews = 0;

    outputs[0] = text("image");
    outputs[1] = text("embedding");
    CHECK(good(wst_job_start(job, outputs, 2, NULL, &run)));
    /* The run keeps what it needs. */
    wst_job_free(job);
    do {
        CHECK(good(wst_run_preview(run, &preview)));
        if (preview) {
            wst_tensor rgb;
            previews++;
            CHECK(good(wst_value_as_tensor(preview, &rgb)) && rgb.rank == 3 && rgb.dtype == WST_U8);
            wst_value_free(preview);
        }
        status = status_of(run);
        CHECK(status.fraction >= fraction && status.fraction <= 1 && status.done <= status.of);
        fraction = status.fraction;
        nap();
    } while (status.state == WST_RUNNING);
    CHECK(status.state == WST_DONE && status.fraction == 1 && status.node.len > 0);
    CHECK(status.previews >= (uint64_t)previews);
    CHECK(wst_run_wait(run, 0) == 1 && wst_run_wait(run, -1) == 1);
    CHECK(fails(wst_run_take(run, values, 1), WST_INVALID, "count"));
    CHECK(good(wst_run_take(run, values, 2)));
    CHECK(fails(wst_run_take(run, again, 2), WST_INVALID, "taken before") && !again[0]);
    wst_run_free(run);

    /* Several outputs of a plain job are the same. */
    CHECK(good(wst_job_get_all(plain, outputs, 2, NULL, again)));
    CHECK(same(values[0], again[0]) && same(values[1], again[1]) && !same(values[0], values[1]));
    wst_value_free(values[0]);
    wst_value_free(values[1]);
    wst_value_free(again[0]);
    wst_value_free(again[1]);
    wst_job_free(plain);
}

struct seen {
    wst_run *run;
    wst_job *job;
    pthread_t thread;
    int steps, previews, cancel_at, other_thread, free_inside;
};

static void progress(void *user, wst_str node, uint32_t done, uint32_t of)
{
    struct seen *seen = (struct seen *)user;
    (void)node;
    (void)done;
    (void)of;
    seen->other_thread |= !pthread_equal(seen->thread, pthread_self());
    if (++seen->steps == seen->cancel_at) {
        wst_value *value = NULL;
        /* It cannot wait for itself. */
        CHECK(wst_run_wait(seen->run, -1) == 0);
        CHECK(fails(wst_run_take(seen->run, &value, 1), WST_INVALID, "itself"));
        wst_run_cancel(seen->run);
    }
}

static void preview(void *user, wst_str node, const wst_tensor *rgb)
{
    struct seen *seen = (struct seen *)user;
    (void)node;
    seen->previews += rgb->rank == 3;
}

static wst_error *nothing(void *user, wst_call *call)
{
    const wst_value *gate = NULL;
    wst_error *error = wst_call_argument(call, 0, &gate);
    volatile int *open = (volatile int *)user;
    while (!error && !*open && wst_call_step(call, 0, 1)) {
        static const uint8_t grey[3] = {7, 7, 7};
        static const int64_t shape[3] = {1, 1, 3};
        wst_tensor pixel;
        pixel.dtype = WST_U8;
        pixel.rank = 3;
        pixel.shape = shape;
        pixel.data = grey;
        if (wst_call_wants_preview(call))
            error = wst_call_preview(call, &pixel);
        nap();
    }
    if (!error)
        error = wst_call_warn(call, text("the gate was shut"));
    return error ? error : wst_call_result(call, 0, gate);
}

/* With callbacks, which come in the run's thread. The gate keeps the run until `seen` is complete. */
static void called_back(wst_engine *engine, const char *path)
{
    wst_observer observer = WST_OBSERVER_INIT;
    struct seen seen;
    wst_value *value = NULL, *again = NULL;
    wst_str image = text("image");

    memset(&seen, 0, sizeof seen);
    seen.thread = pthread_self();
    seen.job = new_job(engine, path, "8");
    observer.progress = progress;
    observer.preview = preview;
    observer.user = &seen;
    CHECK(good(wst_job_start(seen.job, &image, 1, &observer, &seen.run)));
    CHECK(good(wst_run_take(seen.run, &value, 1)));
    CHECK(seen.other_thread && seen.steps > 6);
    wst_run_free(seen.run);
    CHECK(good(wst_job_get(seen.job, image, NULL, &again)) && same(value, again));
    wst_value_free(value);
    wst_value_free(again);
    wst_job_free(seen.job);
}

static const char *GATE = "{wuerstchen: 1, inputs: {n: int}, outputs: {n: $a.n},"
                          " nodes: {a: {use: test.gate, with: {n: $n}}}}";

static void gated(void)
{
    static volatile int open;
    wst_options options = WST_OPTIONS_INIT;
    wst_node_kind node = WST_NODE_KIND_INIT;
    wst_engine *engine = NULL;
    wst_graph *graph = NULL;
    wst_job *job = NULL;
    wst_run *run = NULL, *second = NULL;
    wst_observer observer = WST_OBSERVER_INIT;
    wst_value *value = NULL;
    wst_str n = text("n"), where, what;
    struct seen seen;

    node.kind = text("test.gate");
    node.signature = text("n: int -> n: int");
    node.run = nothing;
    node.user = (void *)&open;
    CHECK(good(wst_engine_new(&options, &engine)) && good(wst_engine_add(engine, &node)));
    CHECK(good(wst_graph_new(engine, text(GATE), &graph)) && good(wst_job_new(graph, &job)));

    /* What is wrong with the request is said at once, and what is wrong with the run, later. */
    where = text("m");
    CHECK(fails(wst_job_start(job, &where, 1, NULL, &run), WST_NOT_FOUND, "`m`") && !run);
    CHECK(good(wst_job_start(job, &n, 1, NULL, &run)) && wst_run_wait(run, -1));
    CHECK(status_of(run).state == WST_FAILED && fails(wst_run_take(run, &value, 1), WST_INVALID, "n: this input"));
    wst_run_free(run);

    /* It goes on until the gate opens; who waits with a limit comes back. */
    CHECK(good(wst_job_set_text(job, n, text("1"))));
    CHECK(good(wst_job_start(job, &n, 1, NULL, &run)));
    CHECK(wst_run_wait(run, 20) == 0 && status_of(run).state == WST_RUNNING);
    CHECK(wst_run_warning(run, 0, NULL, NULL) == 0);
    CHECK(status_of(run).previews == 0 && good(wst_run_preview(run, &value)) && !value);
    while (!value) {
        nap();
        CHECK(good(wst_run_preview(run, &value)));
    }
    CHECK(wst_value_type(value) == WST_TENSOR && status_of(run).previews > 0);
    wst_value_free(value);
    value = NULL;
    open = 1;
    CHECK(wst_run_wait(run, 60000) == 1 && status_of(run).state == WST_DONE && status_of(run).warnings == 1);
    CHECK(wst_run_warning(run, 0, &where, &what) == 1 && is(where, "a") && is(what, "the gate was shut"));
    CHECK(wst_run_warning(run, 1, &where, &what) == 0);
    wst_run_cancel(run);
    CHECK(good(wst_run_take(run, &value, 1)));
    wst_value_free(value);
    value = NULL;
    wst_run_free(run);

    /* Cancelled by the run, which leaves another run of the job alone; by the job, which does not. */
    open = 0;
    CHECK(good(wst_job_set_text(job, n, text("2"))));
    CHECK(good(wst_job_start(job, &n, 1, NULL, &run)) && good(wst_job_start(job, &n, 1, NULL, &second)));
    wst_run_cancel(run);
    CHECK(wst_run_wait(run, -1) && status_of(run).state == WST_STOPPED && status_of(second).state == WST_RUNNING);
    CHECK(fails(wst_run_take(run, &value, 1), WST_CANCELLED, "cancelled") && !value);
    wst_job_cancel(job);
    CHECK(wst_run_wait(second, -1) && status_of(second).state == WST_STOPPED);
    wst_run_free(run);
    wst_run_free(second);

    /* Cancelled before its thread has begun: the switch is that of the moment of the start. */
    CHECK(good(wst_job_start(job, &n, 1, NULL, &run)));
    wst_job_cancel(job);
    CHECK(wst_run_wait(run, -1) && status_of(run).state == WST_STOPPED);
    wst_run_free(run);

    /* From a callback. The gate is shut, so that `seen.run` is there before the first step that counts. */
    memset(&seen, 0, sizeof seen);
    seen.cancel_at = 5;
    observer.progress = progress;
    observer.preview = preview;
    observer.user = &seen;
    CHECK(good(wst_job_start(job, &n, 1, &observer, &seen.run)));
    CHECK(wst_run_wait(seen.run, -1) && status_of(seen.run).state == WST_STOPPED && seen.steps == 5);
    CHECK(seen.previews >= 4);
    wst_run_free(seen.run);

    /* Freed while it goes on, with all that it belongs to: stopped, and waited for. */
    CHECK(good(wst_job_start(job, &n, 1, &observer, &run)));
    wst_job_free(job);
    wst_graph_free(graph);
    wst_engine_free(engine);
    memset(&seen, 0, sizeof seen);
    wst_run_free(run);
    seen.steps = 0;
    nap();
    CHECK(seen.steps == 0);
}

int main(int argc, char **argv)
{
    wst_options options = WST_OPTIONS_INIT;
    wst_engine *engine = NULL;

    if (argc != 3)
        return 2;
    options.models = text(argv[1]);
    CHECK(good(wst_engine_new(&options, &engine)));
    polled(engine, argv[2]);
    called_back(engine, argv[2]);
    wst_engine_free(engine);
    gated();
    return wrong;
}
