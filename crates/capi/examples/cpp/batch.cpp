// batch.cpp: several prompts in one run; each picture is shown when it is finished.   batch [PROMPTS.txt]
//
// Writes the file of prompts, and removes it at the end.
#include <filesystem>
#include <fstream>
#include <iostream>

#include "wuerst.hpp"

static void write(const std::filesystem::path &path, const char *third)
{
    std::ofstream file(path);
    file << "a red apple, twemoji style\na green apple, noto style\n" << third << '\n';
    if (!file.flush())
        throw std::runtime_error(path.string() + " cannot be written");
}

int main(int argc, char **argv)
try {
    const std::filesystem::path path = argc > 1 ? argv[1] : "batch-prompts.txt";
    wuerst::Options options;
    options.models = "models/icons";
    auto engine = wuerst::Engine::make(options).value();
    auto job = engine.open("graphs/batch.yaml").value().job().value();

    write(path, "a pizza, twemoji style");
    job.set("prompts", path).value();
    wuerst::Observer observer;
    observer.part = [](std::string_view output, std::uint32_t index, std::uint32_t of, const wuerst::Value &) {
        std::cout << output << ' ' << index + 1 << " of " << of << '\n';
    };
    std::vector<wuerst::Value> values = job.get_all({"images", "grid"}, observer).value();
    wst_tensor images = values[0].tensor().value(), grid = values[1].tensor().value();
    std::cout << images.shape[0] << " pictures in a grid of " << grid.shape[1] << 'x' << grid.shape[0] << '\n';

    // The nodes run for the changed line alone; results of the other two lines are remembered.
    write(path, "a rocket, noto style");
    wuerst::Value again = job.get("grid").value();
    grid = again.tensor().value();
    std::cout << "with another third line: " << grid.shape[1] << 'x' << grid.shape[0] << '\n';
    std::filesystem::remove(path);
} catch (const std::exception &error) {
    std::cerr << error.what() << '\n';
    return 1;
}
