/* forked.c: what a child may do with the objects of its parent, and with its own.   forked MODELS GRAPH */
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

static wst_engine *engine;
static wst_graph *graph;
static wst_job *job;
static wst_run *run;
static wst_value *number;

static void begin(const char *models, const char *path)
{
    wst_options options = WST_OPTIONS_INIT;
    options.models = text(models);
    CHECK(good(wst_engine_new(&options, &engine)) && good(wst_graph_open(engine, text(path), &graph)));
    CHECK(good(wst_job_new(graph, &job)) && good(wst_job_set_text(job, text("prompt"), text("an apple"))));
    CHECK(good(wst_job_set_text(job, text("steps"), text("1"))));
    CHECK(good(wst_job_set_text(job, text("decoder_steps"), text("1"))));
}

static wst_digest picture(void)
{
    wst_digest digest;
    wst_value *value = NULL;
    memset(&digest, 0, sizeof digest);
    CHECK(good(wst_job_get(job, text("image"), NULL, &value)) && good(wst_value_digest(value, &digest)));
    wst_value_free(value);
    return digest;
}

static void end(void)
{
    wst_run_free(run);
    wst_job_free(job);
    wst_graph_free(graph);
    wst_engine_free(engine);
    run = NULL;
}

#define REFUSED(call) CHECK(fails(call, WST_INVALID, "forked"))

/* Every function on each object of the parent. */
static void refused(void)
{
    wst_str image = text("image");
    wst_node_kind node = WST_NODE_KIND_INIT;
    wst_kinds *kinds = NULL;
    wst_graph *other = NULL;
    wst_job *second = NULL;
    wst_run *started = NULL;
    wst_value *value = NULL;
    wst_port port = WST_PORT_INIT;
    wst_node shown = WST_NODE_INIT;
    wst_status status = WST_STATUS_INIT;
    wst_digest digest;

    REFUSED(wst_engine_report(engine, &value));
    REFUSED(wst_engine_add(engine, &node));
    REFUSED(wst_engine_load(engine, text("/nowhere")));
    REFUSED(wst_engine_add_file(engine, text("a"), NULL));
    REFUSED(wst_engine_add_graph(engine, text("a.b"), text("")));
    REFUSED(wst_engine_open_graph(engine, text("a.b"), text("/nowhere")));
    REFUSED(wst_engine_kinds(engine, &kinds));
    wst_engine_release(engine);
    REFUSED(wst_graph_new(engine, text(""), &other));
    REFUSED(wst_graph_new_with(engine, text(""), NULL, 0, &other));
    REFUSED(wst_graph_open(engine, text("/nowhere"), &other));
    REFUSED(wst_graph_open_without_models(engine, text("/nowhere"), &other));
    REFUSED(wst_graph_input(graph, 0, &port));
    REFUSED(wst_job_save(job, image, text("/nowhere/a.png"), NULL, 0));
    REFUSED(wst_graph_left_out(graph, 0, &value));
    REFUSED(wst_graph_digest(graph, &digest));
    CHECK(!wst_graph_missing_model(graph, 0, NULL, NULL));
    REFUSED(wst_graph_output(graph, 0, &port));
    REFUSED(wst_graph_node(graph, 0, &shown));
    CHECK(!wst_graph_input_count(graph) && !wst_graph_output_count(graph) && !wst_graph_node_count(graph));
    REFUSED(wst_job_new(graph, &second));
    REFUSED(wst_job_set(job, image, number));
    REFUSED(wst_job_set_text(job, image, image));
    REFUSED(wst_job_unset(job, image));
    REFUSED(wst_job_digest(job, image, &digest));
    REFUSED(wst_job_get(job, image, NULL, &value));
    REFUSED(wst_job_get_all(job, &image, 1, NULL, &value));
    REFUSED(wst_job_start(job, &image, 1, NULL, &started));
    REFUSED(wst_job_report(job, &value));
    wst_job_cancel(job);
    REFUSED(wst_run_poll(run, &status));
    REFUSED(wst_run_preview(run, &value));
    REFUSED(wst_run_take(run, &value, 1));
    CHECK(!wst_run_warning(run, 0, NULL, NULL) && wst_run_wait(run, -1) == 1);
    wst_run_cancel(run);
}

int main(int argc, char **argv)
{
    wst_str image = text("image");
    wst_digest before, after;
    int64_t n = 0;
    int ended = 0;
    pid_t child;

    if (argc != 3)
        return 2;
    number = wst_value_int(7);
    begin(argv[1], argv[2]);
    before = picture();
    CHECK(good(wst_job_set_text(job, text("seed"), text("1"))) && good(wst_job_start(job, &image, 1, NULL, &run)));
    /* Its threads and locks are in the midst of things half of the time. */
    child = fork();
    if (child == 0) {
        alarm(300);
        refused();
        end();
        CHECK(good(wst_value_as_int(number, &n)) && n == 7);
        begin(argv[1], argv[2]);
        after = picture();
        CHECK(memcmp(&before, &after, sizeof before) == 0);
        end();
        fflush(stdout);
        _exit(wrong);
    }
    CHECK(waitpid(child, &ended, 0) == child && WIFEXITED(ended) && WEXITSTATUS(ended) == 0);
    CHECK(wst_run_wait(run, -1));
    CHECK(good(wst_job_set_text(job, text("seed"), text("0"))));
    after = picture();
    CHECK(memcmp(&before, &after, sizeof before) == 0);
    end();
    wst_value_free(number);
    return wrong;
}
