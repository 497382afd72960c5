"""A run in the background: progress and previews while it goes on, and a cancellation."""

import wuerst

engine = wuerst.Engine(models="models/icons")
job = engine.open("graphs/text-to-image.yaml").job(prompt="a red apple, twemoji style", steps=200)

run = job.start("image")
previews = 0
# Previews are made from the first time that they are asked for.
while previews < 3 and not run.wait(0.005):
    preview, status = run.preview(), run.poll()
    if preview:
        previews += 1
        height, width, _ = preview.shape
        print(f"{100 * status.fraction:3.0f} %: {status.node} at step {status.done}, preview {width}x{height}")
run.cancel()
try:
    run.result()
    print("finished before the cancellation")
except wuerst.Error as error:
    if error.code != wuerst.CANCELLED:
        raise
    print("cancelled")

# The job is as usable as before.
job["steps"] = 4
image = job.get("image")
print(f"again: {image.shape[1]}x{image.shape[0]}")
