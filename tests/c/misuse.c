/* misuse.c: what a host can do wrong gives an error, never a crash.   misuse MODELS GRAPH */
#include "check.h"

static void values(void)
{
    static const float halves[2] = {0.5f, -0.5f};
    /* More than any machine's address space, and yet a number of bytes. */
    static const int64_t two = 2, minus = -1, huge = (int64_t)1 << 60;
    wst_tensor tensor;
    wst_value *value = NULL, *second;
    int64_t number;
    double real;
    int truth;
    wst_str view;

    tensor.dtype = WST_F32;
    tensor.rank = 1;
    tensor.shape = &two;
    tensor.data = halves;
    CHECK(!wst_value_tensor(&tensor, &value));
    second = wst_value_clone(value);
    wst_value_free(value);
    memset(&tensor, 0, sizeof tensor);
    CHECK(wst_value_type(second) == WST_TENSOR && !wst_value_as_tensor(second, &tensor));
    CHECK(tensor.dtype == WST_F32 && tensor.rank == 1 && tensor.shape[0] == 2);
    CHECK(memcmp(tensor.data, halves, sizeof halves) == 0);
    CHECK(fails(wst_value_as_int(second, &number), WST_INVALID, "f32[2]"));
    wst_value_free(second);
    tensor.shape = &minus;
    tensor.data = halves;
    CHECK(fails(wst_value_tensor(&tensor, &value), WST_INVALID, "negative"));
    tensor.rank = 1000000000;
    CHECK(fails(wst_value_tensor(&tensor, &value), WST_INVALID, "the maximum is 128"));
    tensor.rank = 1;
    tensor.shape = &huge;
    CHECK(fails(wst_value_tensor(&tensor, &value), WST_OUT_OF_MEMORY, "out of memory"));

    value = wst_value_int(-7);
    CHECK(!wst_value_as_int(value, &number) && number == -7);
    CHECK(!wst_value_as_float(value, &real) && real == -7.0);
    CHECK(fails(wst_value_as_text(value, &view), WST_INVALID, "wants text, got int"));
    wst_value_free(value);
    value = wst_value_float(0.25);
    CHECK(wst_value_type(value) == WST_FLOAT && !wst_value_as_float(value, &real) && real == 0.25);
    wst_value_free(value);
    value = wst_value_bool(5);
    CHECK(wst_value_type(value) == WST_BOOL && !wst_value_as_bool(value, &truth) && truth == 1);
    wst_value_free(value);
    CHECK(!wst_value_text(text("W\xc3\xbcrst"), &value));
    CHECK(!wst_value_as_text(value, &view) && view.len == 6 && memcmp(view.data, "W\xc3\xbcrst", 6) == 0);
    wst_value_free(value);
    CHECK(fails(wst_value_text(text("\xff"), &value), WST_INVALID, "UTF-8"));
}

static void options(void)
{
    wst_options options = WST_OPTIONS_INIT;
    wst_engine *engine = NULL;

    CHECK(!wst_engine_new(NULL, &engine));
    wst_engine_free(engine);
    options.struct_size = 0;
    CHECK(fails(wst_engine_new(&options, &engine), WST_INVALID, "_INIT"));
    options.struct_size = sizeof options;
    options.devices = text("abacus");
    CHECK(fails(wst_engine_new(&options, &engine), WST_INVALID, "abacus"));
    options.devices = text("\xc3\x28");
    CHECK(fails(wst_engine_new(&options, &engine), WST_INVALID, "devices"));
    options.devices = text("cpu");
    options.reserved = 1;
    CHECK(fails(wst_engine_new(&options, &engine), WST_INVALID, "reserved"));
    options.reserved = 0;
    options.reserved3 = 1;
    CHECK(fails(wst_engine_new(&options, &engine), WST_INVALID, "reserved"));
}

static void graphs(wst_engine *engine)
{
    static const char *broken = "wuerstchen: 1\nnodes:\n  a:\n    use: wuerst.pryor\noutputs:\n  x: $b.y\n";
    static const wst_change change = {{NULL, 0}, {NULL, 0}, NULL};
    wst_graph *graph = NULL;
    wst_error *error;
    uint32_t line = 0, column = 0;
    wst_str path, message;
    size_t places = 0;

    error = wst_graph_new(engine, text(broken), &graph);
    CHECK(wst_error_code(error) == WST_GRAPH);
    CHECK(wst_error_place(error, 0, &line, &column, &path, &message) == 1);
    CHECK(line == 4 && column == 10 && path.len > 0 && message.len > 0);
    while (wst_error_place(error, places, NULL, NULL, NULL, NULL))
        places++;
    CHECK(places == 2);
    wst_error_free(error);
    CHECK(fails(wst_graph_new(engine, text("a: \xff"), &graph), WST_INVALID, "UTF-8"));
    CHECK(fails(wst_graph_new_with(engine, text(broken), &change, (size_t)-1, &graph), WST_INVALID, "the maximum is"));
    CHECK(fails(wst_graph_open(engine, text("/nowhere.yaml"), &graph), WST_FILE, "/nowhere.yaml"));
    CHECK(!graph);
}

struct seen {
    wst_job *job;
    int steps, cancel_at;
    double overall;
};

static void progress(void *user, wst_str node, uint32_t done, uint32_t of)
{
    struct seen *seen = (struct seen *)user;
    if (node.len > 0 && done <= of && ++seen->steps == seen->cancel_at)
        wst_job_cancel(seen->job);
}

static void overall(void *user, wst_str node, double fraction)
{
    struct seen *seen = (struct seen *)user;
    CHECK(fraction >= seen->overall && fraction <= 1 && (node.len > 0 || fraction == 0 || fraction == 1));
    seen->overall = fraction;
}

static void jobs(wst_job *job)
{
    wst_observer observer = WST_OBSERVER_INIT;
    struct seen seen = {job, 0, 2, 0};
    wst_value *image = NULL, *again = NULL, *report = NULL;
    wst_run *run = NULL;
    wst_str output;
    wst_str json = {NULL, 0};
    wst_tensor pixels, pixels_again;

    CHECK(fails(wst_job_set_text(job, text("promt"), text("a")), WST_NOT_FOUND, "did you mean `prompt`"));
    CHECK(fails(wst_job_set_text(job, text("seed"), text("one")), WST_INVALID, "seed"));
    CHECK(fails(wst_job_set_text(job, text("prompt"), text("\xed\xa0\x80")), WST_INVALID, "UTF-8"));
    CHECK(fails(wst_job_get(job, text("image"), NULL, &image), WST_INVALID, "prompt"));
    CHECK(!wst_job_set_text(job, text("prompt"), text("a red apple")));
    CHECK(!wst_job_set_text(job, text("steps"), text("2")));
    CHECK(!wst_job_set_text(job, text("decoder_steps"), text("2")));
    CHECK(fails(wst_job_get(job, text("imag"), NULL, &image), WST_NOT_FOUND, "did you mean `image`"));

    output = text("image");
    CHECK(fails(wst_job_get_all(job, &output, (size_t)-1, NULL, &image), WST_INVALID, "the maximum is"));
    CHECK(fails(wst_job_start(job, &output, (size_t)1 << 40, NULL, &run), WST_INVALID, "the maximum is"));
    observer.reserved = 1;
    CHECK(fails(wst_job_get(job, output, &observer, &image), WST_INVALID, "reserved"));
    CHECK(fails(wst_job_start(job, &output, 1, &observer, &run), WST_INVALID, "reserved"));
    observer.reserved = 0;
    observer.progress = progress;
    observer.user = &seen;
    CHECK(fails(wst_job_get(job, text("image"), &observer, &image), WST_CANCELLED, "cancelled"));
    CHECK(seen.steps == 2 && !image);
    /* Too late for the run that was stopped, and nothing to the next one. */
    wst_job_cancel(job);
    observer.overall = overall;
    CHECK(!wst_job_get(job, text("image"), &observer, &image) && seen.steps > 2 && seen.overall == 1);
    CHECK(!wst_job_report(job, &report) && !wst_value_as_text(report, &json));
    CHECK(holds(json, "{\"milliseconds\":") && holds(json, "\"did\":\"ran\""));
    wst_value_free(report);
    CHECK(!wst_job_get(job, text("image"), NULL, &again));
    CHECK(!wst_value_as_tensor(image, &pixels) && !wst_value_as_tensor(again, &pixels_again));
    CHECK(pixels.dtype == WST_U8 && pixels.rank == 3 && pixels.shape[2] == 3);
    CHECK(memcmp(pixels.data, pixels_again.data, (size_t)(pixels.shape[0] * pixels.shape[1] * 3)) == 0);
    wst_value_free(image);
    wst_value_free(again);
}

int main(int argc, char **argv)
{
    wst_options setup = WST_OPTIONS_INIT;
    wst_engine *engine = NULL;
    wst_graph *graph = NULL;
    wst_job *job = NULL;

    if (argc != 3)
        return 2;
    setup.models = text(argv[1]);
    CHECK(!wst_engine_new(&setup, &engine));
    CHECK(!wst_graph_open(engine, text(argv[2]), &graph));
    CHECK(!wst_job_new(graph, &job));
    /* Handles do not depend on each other. */
    wst_graph_free(graph);
    CHECK(!wst_graph_open(engine, text(argv[2]), &graph));

    values();
    options();
    graphs(engine);
    wst_engine_free(engine);
    jobs(job);

    wst_graph_free(graph);
    wst_job_free(job);
    return wrong;
}
