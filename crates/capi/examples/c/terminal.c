/* terminal.c: previews of a picture in the terminal.   terminal MODELS GRAPH PROMPT
 *
 * Shows previews in coloured half blocks, and reads keys (characters, if stdin is a pipe): s stops the run, n starts a
 * picture with another seed, q ends the program. The first picture starts at once. At the end of the input the program
 * waits for the run and ends. A tool would call `turn` from its timer; the program never waits inside the library.
 */
#include <fcntl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "example.h"

/* Two rows of pixels to a line of text, at most so many columns. */
static void draw(const wst_value *picture)
{
    wst_tensor rgb;
    int64_t width, height, x, y, step;
    const uint8_t *pixels;

    if (failed(wst_value_as_tensor(picture, &rgb)))
        return;
    height = rgb.shape[0];
    width = rgb.shape[1];
    pixels = (const uint8_t *)rgb.data;
    step = (width + 63) / 64;
    fputs("\033[H", stdout);
    for (y = 0; y + step < height; y += 2 * step) {
        for (x = 0; x < width; x += step) {
            const uint8_t *top = pixels + 3 * (y * width + x), *below = top + 3 * step * width;
            printf("\033[38;2;%d;%d;%dm\033[48;2;%d;%d;%dm\xe2\x96\x80", top[0], top[1], top[2], below[0], below[1],
                   below[2]);
        }
        fputs("\033[0m\n", stdout);
    }
}

struct tool {
    wst_job *job;
    wst_run *run;
    int64_t seed;
};

static int begin(struct tool *tool)
{
    wst_str image = wst_str_of("image");
    wst_value *seed = wst_value_int(tool->seed);
    int bad;

    wst_run_free(tool->run);
    tool->run = NULL;
    bad = failed(wst_job_set(tool->job, wst_str_of("seed"), seed)) ||
          failed(wst_job_start(tool->job, &image, 1, NULL, &tool->run));
    wst_value_free(seed);
    return bad;
}

/* One tick of a timer. Gives 1 while the run goes on. */
static int turn(struct tool *tool)
{
    wst_status status = WST_STATUS_INIT;
    wst_value *picture = NULL;
    int over;

    if (!tool->run || failed(wst_run_poll(tool->run, &status)))
        return 0;
    over = status.state != WST_RUNNING;
    if (status.state == WST_STOPPED) {
        printf("\033[K\rseed %ld: stopped at %.0f %%\n", (long)tool->seed, 100 * status.fraction);
    } else if (over ? !failed(wst_run_take(tool->run, &picture, 1)) : !failed(wst_run_preview(tool->run, &picture))) {
        if (picture)
            draw(picture);
        printf("\033[K\rseed %ld: %3.0f %% %.*s %u/%u%s", (long)tool->seed, 100 * status.fraction,
               (int)status.node.len, status.node.data, (unsigned)status.done, (unsigned)status.of, over ? "\n" : "");
    }
    wst_value_free(picture);
    fflush(stdout);
    if (over) {
        wst_run_free(tool->run);
        tool->run = NULL;
    }
    return !over;
}

int main(int argc, char **argv)
{
    wst_options options = WST_OPTIONS_INIT;
    wst_engine *engine = NULL;
    wst_graph *graph = NULL;
    struct tool tool = {NULL, NULL, 0};
    struct termios before, raw;
    struct timespec tick = {0, 20000000};
    int is_terminal = tcgetattr(0, &before) == 0, bad, going_on = 1, input = 1;

    if (argc != 4)
        return 2;
    options.models = wst_str_of(argv[1]);
    if (failed(wst_engine_new(&options, &engine)) || failed(wst_graph_open(engine, wst_str_of(argv[2]), &graph)) ||
        failed(wst_job_new(graph, &tool.job)) ||
        failed(wst_job_set_text(tool.job, wst_str_of("prompt"), wst_str_of(argv[3]))))
        return 1;
    if (is_terminal) {
        raw = before;
        raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
        tcsetattr(0, TCSANOW, &raw);
    }
    fcntl(0, F_SETFL, fcntl(0, F_GETFL) | O_NONBLOCK);
    if (is_terminal)
        fputs("\033[2J", stdout);
    bad = begin(&tool);
    while (!bad && going_on) {
        char key = 0;
        ssize_t got = input ? read(0, &key, 1) : 0;
        int running = turn(&tool);
        if (got == 0)
            input = 0;
        if (key == 's')
            wst_run_cancel(tool.run);
        if (key == 'n') {
            tool.seed++;
            bad = begin(&tool);
        }
        going_on = key != 'q' && (input || running);
        nanosleep(&tick, NULL);
    }
    /* Stops what goes on, and waits for it. */
    wst_run_free(tool.run);
    wst_job_free(tool.job);
    wst_graph_free(graph);
    wst_engine_free(engine);
    if (is_terminal)
        tcsetattr(0, TCSANOW, &before);
    return bad;
}
