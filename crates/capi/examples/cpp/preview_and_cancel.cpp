// preview_and_cancel.cpp: a run in the background: progress and previews while it goes on, and a cancellation.
#include <cstdio>

#include "wuerst.hpp"

using namespace std::chrono_literals;

int main()
try {
    wuerst::Options options;
    options.models = "models/icons";
    auto engine = wuerst::Engine::make(options).value();
    auto job = engine.open("graphs/text-to-image.yaml").value().job().value();
    job.set("prompt", "a red apple, twemoji style").value();
    job.set("steps", 200).value();

    wuerst::Run run = job.start({"image"}).value();
    // Previews are made from the first time that they are asked for.
    for (int previews = 0; previews < 3 && !run.wait(5ms);) {
        wuerst::Value preview = run.preview().value();
        wst_status status = run.poll().value();
        if (preview.empty())
            continue;
        previews++;
        wst_tensor rgb = preview.tensor().value();
        std::printf("%3.0f %%: %s at step %u, preview %dx%d\n", 100 * status.fraction,
                    std::string(wuerst::view(status.node)).c_str(), static_cast<unsigned>(status.done),
                    static_cast<int>(rgb.shape[1]), static_cast<int>(rgb.shape[0]));
    }
    run.cancel();
    auto values = run.take();
    if (values)
        std::puts("finished before the cancellation");
    else if (values.error().code() == WST_CANCELLED)
        std::puts("cancelled");
    else
        throw values.error();

    // The job is as usable as before.
    job.set("steps", 4).value();
    wuerst::Value again = job.get("image").value();
    wst_tensor image = again.tensor().value();
    std::printf("again: %dx%d\n", static_cast<int>(image.shape[1]), static_cast<int>(image.shape[0]));
} catch (const std::exception &error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
}
