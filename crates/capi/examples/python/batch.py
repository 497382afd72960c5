"""Several prompts in one run; each picture is shown when it is finished."""

import pathlib
import tempfile

import wuerst


def write(path, third):
    path.write_text(f"a red apple, twemoji style\na green apple, noto style\n{third}\n", encoding="utf-8")


def part(output, index, of, _value):
    print(f"{output} {index + 1} of {of}")


engine = wuerst.Engine(models="models/icons")
with tempfile.TemporaryDirectory() as folder:
    prompts = pathlib.Path(folder, "prompts.txt")
    write(prompts, "a pizza, twemoji style")
    job = engine.open("graphs/batch.yaml").job(prompts=prompts)
    images, grid = job.get_all(["images", "grid"], part=part)
    print(f"{images.shape[0]} pictures in a grid of {grid.shape[1]}x{grid.shape[0]}")

    # The nodes run for the changed line alone; results of the other two lines are remembered.
    write(prompts, "a rocket, noto style")
    grid = job.get("grid")
    print(f"with another third line: {grid.shape[1]}x{grid.shape[0]}")
