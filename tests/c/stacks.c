/* stacks.c: threads with small stacks, which do all that a host does.   stacks MODELS GRAPH */
#include <limits.h>
#include <pthread.h>

#include "check.h"

static const char *models, *path;

static void progress(void *user, wst_str node, uint32_t done, uint32_t of)
{
    (void)node, (void)done, (void)of;
    ++*(int *)user;
}

static void *works(void *pointer)
{
    wst_options options = WST_OPTIONS_INIT;
    wst_observer observer = WST_OBSERVER_INIT;
    wst_engine *engine = NULL;
    wst_graph *graph = NULL;
    wst_job *job = NULL;
    wst_kinds *kinds = NULL;
    wst_value *value = NULL, *report = NULL;
    int steps = 0;

    options.models = text(models);
    observer.progress = progress;
    observer.user = &steps;
    CHECK(good(wst_engine_new(&options, &engine)) && good(wst_graph_open(engine, text(path), &graph)));
    CHECK(good(wst_job_new(graph, &job)) && good(wst_job_set_text(job, text("prompt"), text("an apple"))));
    CHECK(good(wst_job_set_text(job, text("steps"), text("2"))));
    CHECK(good(wst_job_set_text(job, text("decoder_steps"), text("1"))));
    CHECK(good(wst_job_get(job, text("image"), &observer, &value)) && wst_value_type(value) == WST_TENSOR && steps > 2);
    CHECK(good(wst_job_report(job, &report)) && good(wst_engine_kinds(engine, &kinds)));
    wst_value_free(value);
    wst_value_free(report);
    wst_kinds_free(kinds);
    wst_job_free(job);
    wst_graph_free(graph);
    wst_engine_free(engine);
    return pointer;
}

int main(int argc, char **argv)
{
    const size_t SIZES[] = {(size_t)PTHREAD_STACK_MIN + 8192, 64 << 10, 96 << 10, 256 << 10, 600 << 10};
    size_t at;

    if (argc != 3)
        return 2;
    models = argv[1];
    path = argv[2];
    for (at = 0; at < sizeof SIZES / sizeof *SIZES; at++) {
        pthread_t thread;
        pthread_attr_t with;
        CHECK(pthread_attr_init(&with) == 0 && pthread_attr_setstacksize(&with, SIZES[at]) == 0);
        CHECK(pthread_create(&thread, &with, works, NULL) == 0 && pthread_join(thread, NULL) == 0);
        pthread_attr_destroy(&with);
    }
    return wrong;
}
