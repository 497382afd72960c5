/* batch.c: several prompts in one run; each picture is shown when it is finished.   batch [PROMPTS.txt]
 *
 * Writes the file of prompts, and removes it at the end. */
#include "example.h"

/* Says when a picture is finished. */
static void part(void *user, wst_str output, uint32_t index, uint32_t of, const wst_value *value)
{
    (void)user;
    (void)value;
    printf("%.*s %u of %u\n", (int)output.len, output.data, (unsigned)index + 1, (unsigned)of);
}

static int write_failed(const char *path, const char *third)
{
    FILE *file = fopen(path, "w");
    if (file)
        fprintf(file, "a red apple, twemoji style\na green apple, noto style\n%s\n", third);
    if (file && fclose(file) == 0)
        return 0;
    perror(path);
    return 1;
}

int main(int argc, char **argv)
{
    const char *path = argc > 1 ? argv[1] : "batch-prompts.txt";
    const wst_str outputs[2] = {wst_str_of("images"), wst_str_of("grid")};
    wst_observer observer = WST_OBSERVER_INIT;
    wst_engine *engine = NULL;
    wst_job *job = NULL;
    wst_value *values[3];
    wst_tensor images, grid, again;

    observer.part = part;
    if (write_failed(path, "a pizza, twemoji style") || engine_failed(&engine) ||
        job_failed(engine, "graphs/batch.yaml", &job) || set_failed(job, "prompts", path) ||
        failed(wst_job_get_all(job, outputs, 2, &observer, values)) ||
        failed(wst_value_as_tensor(values[0], &images)) ||
        failed(wst_value_as_tensor(values[1], &grid)))
        return 1;
    printf("%d pictures in a grid of %dx%d\n", (int)images.shape[0], (int)grid.shape[1], (int)grid.shape[0]);

    /* The nodes run for the changed line alone; results of the other two lines are remembered. */
    if (write_failed(path, "a rocket, noto style") || failed(wst_job_get(job, outputs[1], NULL, &values[2])) ||
        failed(wst_value_as_tensor(values[2], &again)))
        return 1;
    printf("with another third line: %dx%d\n", (int)again.shape[1], (int)again.shape[0]);
    wst_value_free(values[0]);
    wst_value_free(values[1]);
    wst_value_free(values[2]);
    wst_job_free(job);
    wst_engine_free(engine);
    return remove(path) != 0;
}
