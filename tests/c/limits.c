/* limits.c: a run in less and less address space.   limits MODELS GRAPH KIBIBYTES THREADS [STARTED]
 *           a picture that is read likewise.        limits PICTURE KIBIBYTES
 *
 * One run with so many KiB beside what the process has, counted when the engine is there (or, with STARTED, after a
 * run that leaves nothing loaded, so that ONNX Runtime is there too); then the limit is raised, and a run must
 * succeed, on the same engine. Prints the code of the first run's error, or "runs"; ends with 1 when something is
 * wrong, and by a signal when the process was taken down.
 */
#include <sys/resource.h>
#include <unistd.h>

#include "check.h"

static wst_error *image(const wst_engine *engine, const char *graph_path, const char *steps, wst_digest *digest)
{
    wst_graph *graph = NULL;
    wst_job *job = NULL;
    wst_value *value = NULL;
    wst_error *error = wst_graph_open(engine, text(graph_path), &graph);
    if (!error)
        error = wst_job_new(graph, &job);
    if (!error)
        error = wst_job_set_text(job, text("prompt"), text("a red apple"));
    if (!error)
        error = wst_job_set_text(job, text("steps"), text(steps));
    if (!error)
        error = wst_job_set_text(job, text("decoder_steps"), text(steps));
    if (!error)
        error = wst_job_get(job, text("image"), NULL, &value);
    if (!error)
        error = wst_value_digest(value, digest);
    wst_value_free(value);
    wst_job_free(job);
    wst_graph_free(graph);
    return error;
}

static rlim_t address_space(void)
{
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    CHECK(file && fscanf(file, "%lu", &pages) == 1);
    if (file)
        fclose(file);
    return (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE);
}

static wst_error *load(const wst_graph *graph, const char *picture)
{
    wst_job *job = NULL;
    wst_value *value = NULL;
    wst_error *error = wst_job_new(graph, &job);
    if (!error)
        error = wst_job_set_text(job, text("file"), text(picture));
    if (!error)
        error = wst_job_get(job, text("image"), NULL, &value);
    wst_value_free(value);
    wst_job_free(job);
    return error;
}

/* Limits the address space to what there is and so many KiB more; gives what it was limited to. */
static rlim_t limited(long kibibytes)
{
    struct rlimit limit;
    rlim_t before;
    CHECK(getrlimit(RLIMIT_AS, &limit) == 0);
    before = limit.rlim_cur;
    limit.rlim_cur = address_space() + ((rlim_t)kibibytes << 10);
    CHECK(setrlimit(RLIMIT_AS, &limit) == 0);
    return before;
}

static void unlimited(rlim_t before)
{
    struct rlimit limit;
    CHECK(getrlimit(RLIMIT_AS, &limit) == 0);
    limit.rlim_cur = before;
    CHECK(setrlimit(RLIMIT_AS, &limit) == 0);
}

static wst_code of_picture(const char *picture, long kibibytes)
{
    static const char yaml[] = "{wuerstchen: 1, inputs: {file: file}, outputs: {image: $p.image}, "
                               "nodes: {p: {use: image.load, with: {file: $file}}}}";
    wst_engine *engine = NULL;
    wst_graph *graph = NULL;
    wst_error *error;
    wst_code code;
    rlim_t before;

    CHECK(good(wst_engine_new(NULL, &engine)) && good(wst_graph_new(engine, text(yaml), &graph)));
    before = limited(kibibytes);
    error = load(graph, picture);
    code = wst_error_code(error);
    unlimited(before);
    if (error)
        fprintf(stderr, "%s\n", wst_error_message(error).data);
    wst_error_free(error);
    CHECK(good(load(graph, picture)));
    wst_graph_free(graph);
    wst_engine_free(engine);
    return code;
}

int main(int argc, char **argv)
{
    static const char *const names[] = {"runs",    "invalid",       "graph", "not_found", "file",    "model",
                                        "runtime", "out_of_memory", "node",  "cancelled", "internal"};
    wst_options options = WST_OPTIONS_INIT;
    wst_engine *engine = NULL;
    wst_digest first, second, third;
    wst_error *error;
    wst_code code;
    rlim_t before;

    check_uses();
    if (argc == 3) {
        code = of_picture(argv[1], atol(argv[2]));
        printf("%s\n", code <= WST_INTERNAL ? names[code] : "an unknown code");
        return wrong;
    }
    if (argc < 5)
        return 2;
    options.models = text(argv[1]);
    options.threads = (uint32_t)atoi(argv[4]);
    options.cache_bytes = 1;
    CHECK(good(wst_engine_new(&options, &engine)));
    if (argc > 5) {
        CHECK(good(image(engine, argv[2], "1", &first)));
        wst_engine_release(engine);
    }
    before = limited(atol(argv[3]));
    error = image(engine, argv[2], "1", &first);
    code = wst_error_code(error);
    unlimited(before);
    if (error)
        fprintf(stderr, "%s\n", wst_error_message(error).data);
    wst_error_free(error);
    CHECK(good(image(engine, argv[2], "1", &second)) && good(image(engine, argv[2], "1", &third)));
    CHECK(memcmp(&second, &third, sizeof second) == 0 &&
          (code != WST_OK || memcmp(&first, &second, sizeof first) == 0));
    wst_engine_free(engine);
    printf("%s\n", code <= WST_INTERNAL ? names[code] : "an unknown code");
    return wrong;
}
