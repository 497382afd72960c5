/* preview_and_cancel.c: a run in the background: progress and previews while it goes on, and a cancellation. */
#include "example.h"

int main(void)
{
    const wst_str output = wst_str_of("image");
    wst_engine *engine = NULL;
    wst_job *job = NULL;
    wst_run *run = NULL;
    wst_value *preview, *value = NULL;
    wst_status status = WST_STATUS_INIT;
    wst_tensor image;
    int previews = 0;

    if (engine_failed(&engine) || job_failed(engine, SHIPPED, &job) ||
        set_failed(job, "prompt", "a red apple, twemoji style") || set_failed(job, "steps", "200") ||
        failed(wst_job_start(job, &output, 1, NULL, &run)))
        return 1;
    /* Previews are made from the first time that they are asked for. */
    while (previews < 3 && !wst_run_wait(run, 5)) {
        if (failed(wst_run_preview(run, &preview)) || failed(wst_run_poll(run, &status)))
            return 1;
        if (preview && !failed(wst_value_as_tensor(preview, &image))) {
            previews++;
            printf("%3.0f %%: %.*s at step %u, preview %dx%d\n", 100 * status.fraction, (int)status.node.len,
                   status.node.data, (unsigned)status.done, (int)image.shape[1], (int)image.shape[0]);
        }
        wst_value_free(preview);
    }
    wst_run_cancel(run);
    wst_run_wait(run, -1);
    if (failed(wst_run_poll(run, &status)))
        return 1;
    if (status.state == WST_STOPPED)
        puts("cancelled");
    else if (failed(wst_run_take(run, &value, 1)))
        return 1;
    else
        puts("finished before the cancellation");
    wst_value_free(value);
    wst_run_free(run);

    /* The job is as usable as before. */
    if (set_failed(job, "steps", "4") || failed(wst_job_get(job, output, NULL, &value)) ||
        failed(wst_value_as_tensor(value, &image)))
        return 1;
    printf("again: %dx%d\n", (int)image.shape[1], (int)image.shape[0]);
    wst_value_free(value);
    wst_job_free(job);
    wst_engine_free(engine);
    return 0;
}
