/* text_to_image.c: a picture from a prompt.   text_to_image [PROMPT [PICTURE.ppm]] */
#include "example.h"

int main(int argc, char **argv)
{
    const char *prompt = argc > 1 ? argv[1] : "a red apple, twemoji style";
    const char *path = argc > 2 ? argv[2] : "apple.ppm";
    wst_options options = WST_OPTIONS_INIT;
    wst_engine *engine = NULL;
    wst_graph *graph = NULL;
    wst_job *job = NULL;
    wst_value *image = NULL;
    wst_tensor rgb; /* u8 [height, width, 3] */
    FILE *file;

    options.models = wst_str_of("models/icons");
    if (failed(wst_engine_new(&options, &engine)) ||
        failed(wst_graph_open(engine, wst_str_of("graphs/text-to-image.yaml"), &graph)) ||
        failed(wst_job_new(graph, &job)) ||
        failed(wst_job_set_text(job, wst_str_of("prompt"), wst_str_of(prompt))) ||
        failed(wst_job_set_text(job, wst_str_of("seed"), wst_str_of("7"))) ||
        failed(wst_job_get(job, wst_str_of("image"), NULL, &image)) ||
        failed(wst_value_as_tensor(image, &rgb)))
        return 1;

    file = fopen(path, "wb");
    if (!file) {
        perror(path);
        return 1;
    }
    fprintf(file, "P6\n%d %d\n255\n", (int)rgb.shape[1], (int)rgb.shape[0]);
    fwrite(rgb.data, 3, (size_t)(rgb.shape[0] * rgb.shape[1]), file);
    if (fclose(file) != 0) {
        perror(path);
        return 1;
    }
    printf("%s: %dx%d\n", path, (int)rgb.shape[1], (int)rgb.shape[0]);
    wst_value_free(image);
    wst_job_free(job);
    wst_graph_free(graph);
    wst_engine_free(engine);
    return 0;
}
