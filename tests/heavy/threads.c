/* threads.c: threads that share an engine and a graph.   threads MODELS GRAPH [THREADS [JOBS]]
 *
 * Each thread runs so many jobs (8 × 200 without), with inputs that differ; every result must be that of a run alone.
 */
#include <pthread.h>
#include <time.h>

#include "../c/check.h"

enum { SEEDS = 24 };

static wst_graph *graph;
static wst_digest alone[SEEDS];
static int jobs = 200, failures;
static pthread_mutex_t counting = PTHREAD_MUTEX_INITIALIZER;

static wst_error *compute(int seed, int in_background, wst_digest *digest)
{
    wst_str image = wst_str_of("image");
    wst_value *number = wst_value_int(seed), *value = NULL;
    wst_job *job = NULL;
    wst_run *run = NULL;
    wst_error *error = wst_job_new(graph, &job);
    if (!error)
        error = wst_job_set_text(job, text("prompt"), text("a red apple"));
    if (!error)
        error = wst_job_set_text(job, text("steps"), text("1"));
    if (!error)
        error = wst_job_set_text(job, text("decoder_steps"), text("1"));
    if (!error)
        error = wst_job_set(job, text("seed"), number);
    if (!error && in_background) {
        error = wst_job_start(job, &image, 1, NULL, &run);
        if (!error)
            error = wst_run_take(run, &value, 1);
        wst_run_free(run);
    } else if (!error) {
        error = wst_job_get(job, image, NULL, &value);
    }
    if (!error)
        error = wst_value_digest(value, digest);
    wst_value_free(number);
    wst_value_free(value);
    wst_job_free(job);
    return error;
}

static void *work(void *user)
{
    size_t first = (size_t)user;
    int at, bad = 0;
    for (at = 0; at < jobs; at++) {
        int seed = (int)((first * 7 + (size_t)at * 5) % SEEDS);
        wst_digest digest;
        memset(&digest, 0, sizeof digest);
        bad +=
            !good(compute(seed, at % 2, &digest)) || memcmp(digest.bytes, alone[seed].bytes, sizeof digest.bytes) != 0;
    }
    pthread_mutex_lock(&counting);
    failures += bad;
    pthread_mutex_unlock(&counting);
    return NULL;
}

int main(int argc, char **argv)
{
    wst_options options = WST_OPTIONS_INIT;
    wst_engine *engine = NULL;
    pthread_t threads[64];
    int count = 8, at;

    check_uses();
    if (argc < 3)
        return 2;
    if (argc > 3)
        count = atoi(argv[3]) > 64 ? 64 : atoi(argv[3]);
    if (argc > 4)
        jobs = atoi(argv[4]);
    options.models = text(argv[1]);
    options.threads = 1;
    /* Remembers some results, so that jobs also share what another one computes, and evict it. */
    options.cache_bytes = 64 << 10;
    if (!good(wst_engine_new(&options, &engine)) || !good(wst_graph_open(engine, text(argv[2]), &graph)))
        return 1;
    for (at = 0; at < SEEDS; at++)
        CHECK(good(compute(at, 0, &alone[at])));
    for (at = 0; at < count; at++)
        CHECK(pthread_create(&threads[at], NULL, work, (void *)(size_t)at) == 0);
    for (at = 0; at < count; at++)
        CHECK(pthread_join(threads[at], NULL) == 0);
    printf("threads: %d threads with %d jobs each, %d results that differ\n", count, jobs, failures);
    wst_graph_free(graph);
    wst_engine_free(engine);
    return wrong || failures > 0;
}
