#!/usr/bin/env python3
"""Compares what stylize made of other people's models with what ONNX Runtime gives directly. For use by hand:

    STYLIZE_TEST_DATA=DATA STYLIZE_DUMP=DUMP cargo test --test foreign_models
    pip install onnxruntime numpy
    tests/tools/judge_models.py DATA/models_thirdparty DUMP

The conventions of the models are stated here a second time, on purpose: the judge shares no code with the accused.
"""

import sys
from pathlib import Path

import numpy as np
import onnxruntime

# Start of the name: (range in, range out, BGR, channels last in, channels last out, further inputs)
CONVENTIONS = {
    "winml_": (255, 255, True, False, False, {}),
    "cjmills_": (255, 255, False, False, False, {}),
    "gnsmrky_": (255, 255, False, False, False, {}),
    "ncnn_": (255, 255, False, False, False, {}),
    "lengstrom_": (255, 255, False, True, True, {}),
    "obs_zero_dce": (1, 255, False, False, True, {}),
    "obs_uretinex": (1, 1, False, False, False, {"exposure_ratio_3to5": np.array([3], np.float32)}),
    "obs_semantic": (1, 1, False, False, False, {}),
}
FREE_SIZE = (160, 96)


def judge(model, dump):
    range_in, range_out, bgr, last_in, last_out, further = next(
        convention for start, convention in CONVENTIONS.items() if model.stem.startswith(start))
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    image = next(port for port in session.get_inputs() if port.name not in further)
    sides = image.shape[1:3] if last_in else image.shape[2:4]
    height, width = [side if isinstance(side, int) else free for side, free in zip(sides, FREE_SIZE[::-1])]
    channel, y, x = np.mgrid[0:3, 0:height, 0:width]
    picture = (((x * 7 + y * 13 + channel * 29) % 256) / 255).astype(np.float32)
    tensor = picture[::-1] if bgr else picture
    tensor = (tensor.transpose(1, 2, 0) if last_in else tensor)[None] * np.float32(range_in)
    tensor = tensor.astype(np.float16 if "float16" in image.type else np.float32)
    expected = session.run(None, {image.name: tensor, **further})[0].astype(np.float32)
    expected = expected.reshape(expected.shape[-3:])
    expected = expected.transpose(2, 0, 1) if last_out else expected
    expected = (expected[::-1] if bgr else expected) / np.float32(range_out)
    given = np.fromfile(next(dump.glob(f"{model.stem}.*.f32")), np.float32)
    if given.size != expected.size:
        return f"WRONG SIZE: {given.size} values, not {expected.shape}"
    difference = np.abs(given.reshape(expected.shape) - expected) * 255
    verdict = "same" if difference.max() < 1 else "DIFFERENT"
    return f"{verdict}: {expected.shape[2]}x{expected.shape[1]}, differs by {difference.max():.4f} of 255 at most"


if __name__ == "__main__":
    verdicts = {}
    for path in sorted(Path(sys.argv[1]).glob("*.onnx")):
        if path.stem != "winml_old_Candy":
            verdicts[path.stem] = judge(path, Path(sys.argv[2]))
            print(f"{path.stem}: {verdicts[path.stem]}")
    sys.exit(any(not verdict.startswith("same") for verdict in verdicts.values()))
