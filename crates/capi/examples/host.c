/* host.c: a prompt becomes a picture.   host MODELS GRAPH PROMPT SEED PICTURE.ppm
 *
 *   cc -Iinclude examples/host.c -Ltarget/release -lwuerst -o host
 */
#include <stdio.h>
#include "wuerst.h"

static int failed(wst_error *error)
{
    wst_code code = wst_error_code(error);
    if (code)
        fprintf(stderr, "%s\n", wst_error_message(error).data);
    wst_error_free(error);
    return code != WST_OK;
}

int main(int argc, char **argv)
{
    wst_options options = WST_OPTIONS_INIT;
    wst_engine *engine = NULL;
    wst_graph *graph = NULL;
    wst_job *job = NULL;
    wst_value *image = NULL;
    wst_tensor rgb;
    FILE *file = argc == 6 ? fopen(argv[5], "wb") : NULL;
    if (!file)
        return 2;
    options.models = wst_str_of(argv[1]);
    if (failed(wst_engine_new(&options, &engine)) ||
        failed(wst_graph_open(engine, wst_str_of(argv[2]), &graph)) ||
        failed(wst_job_new(graph, &job)) ||
        failed(wst_job_set_text(job, wst_str_of("prompt"), wst_str_of(argv[3]))) ||
        failed(wst_job_set_text(job, wst_str_of("seed"), wst_str_of(argv[4]))) ||
        failed(wst_job_get(job, wst_str_of("image"), NULL, &image)) ||
        failed(wst_value_as_tensor(image, &rgb)))
        return 1;
    fprintf(file, "P6\n%d %d\n255\n", (int)rgb.shape[1], (int)rgb.shape[0]);
    fwrite(rgb.data, 3, (size_t)(rgb.shape[0] * rgb.shape[1]), file);
    wst_value_free(image);
    wst_job_free(job);
    wst_graph_free(graph);
    wst_engine_free(engine);
    return fclose(file) != 0;
}
