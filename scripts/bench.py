"""Measures the programs from outside, and beside them what one would write in Python with the same parts (`peer.py`).

Where the two are compared, stylize-video decodes and encodes in software, too. Each measurement is a process of its own; runs of all of
them alternate, and medians are compared, so that what else the machine does meets all alike. Frames a second count from when the
network is open to the end of the file, here and there: imports and sessions are in none of the ratios.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release"
MODEL = ROOT / "models" / "wave.live.int8.onnx"
#: As the peer decodes and encodes, where a machine has chips for it as well.
SOFTWARE = ["--decoder", "software", "--encoder", "software"]
#: Frames a second of the rendered clips.
FPS = 25
#: Frames of the networks that take a second for one.
FEW = 6


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--long", action="store_true")
    options = parser.parse_args()
    # Clips have whole seconds.
    options.frames = max(1, options.frames // FPS) * FPS
    with tempfile.TemporaryDirectory() as folder:
        table(options, Path(folder))


def table(options: argparse.Namespace, folder: Path) -> None:
    """Prints every figure with its goal."""
    hd, full_hd, johnson = folder / "hd.mp4", folder / "full-hd.mp4", folder / "johnson.onnx"
    clip(hd, "1280x720", options.frames)
    clip(full_hd, "1920x1080", options.frames)
    onnx.save(johnson_network(), johnson)
    out = str(folder / "out.mp4")
    found: dict[str, list[float]] = {}

    def note(name: str, value: float) -> None:
        found.setdefault(name, []).append(value)

    for run in range(options.runs):
        print(f"run {run + 1} of {options.runs}", file=sys.stderr)
        note("mp4", stylize(hd, out, *SOFTWARE)["fps"])
        note("null", stylize(hd, "null:")["fps"])
        large = stylize(full_hd, "null:")
        note("null 1080", large["fps"])
        note("memory", large["peak_rss_mb"])
        note("memory mp4", stylize(full_hd, out, *SOFTWARE)["peak_rss_mb"])
        note("cold", cold_start_s(hd))
        note("python", python(MODEL, hd, out, options.frames))
        note("python johnson", python(johnson, hd, out, FEW))
        note("beyond", beyond_inference_ms())
        for name, value in bench(options.frames).items():
            note(name, value)
    median = {name: statistics.median(values) for name, values in found.items()}
    rows = [
        ("network alone, 1280x720, all threads", median["network"], "ms", "at most 11"),
        ("1280x720 H.264 to H.264", median["mp4"], "fps", "at least 45"),
        ("1280x720 to null:", median["null"], "fps", "at least 60"),
        ("1920x1080 to null:", median["null 1080"], "fps", "at least 30"),
        ("pipeline efficiency", median["efficiency"], "", "at least 0.92"),
        ("times OpenCV + ONNX Runtime + ffmpeg, same network", median["mp4"] / median["python"], "", "at least 1.5"),
        ("times the same with 154 kMAC/px", median["mp4"] / median["python johnson"], "", "at least 40"),
        ("live latency beyond inference, 1280x720", median["beyond"], "ms", "at most 4"),
        ("peak memory, 1920x1080 to null:", median["memory"], "MB", "at most 350"),
        ("peak memory, 1920x1080 to H.264", median["memory mp4"], "MB", "at most 350"),
        ("cold start to the end of one frame", median["cold"], "s", "at most 0.5"),
    ]
    print(f"{cores()} cores, medians of {options.runs} runs of {options.frames} frames")
    for name, value, unit, goal in rows:
        print(f"  {name:<52}{value:>9.2f} {unit:<4} {goal}")
    print(
        f"  {'Python, the same network; with 154 kMAC/px':<52}{median['python']:>9.2f} fps  {median['python johnson']:.2f} fps"
    )
    if options.long:
        flat(folder)


def cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def x264() -> list[str]:
    """The encoder as stylize-video sets it (src/sink/encoder.rs)."""
    settings = f"partitions=i8x8:bframes=0:rc-lookahead=0:sync-lookahead=0:sliced-threads=0:threads={(cores() + 1) // 2}"
    return ["-c:v", "libx264", "-profile:v", "high", "-preset", "superfast", "-crf", "20", "-x264-params", settings]


def stylize(source: Path, target: str, *more: str) -> dict:
    """Runs stylize-video with its defaults, and `more`; its report."""
    return reported("stylize-video", source, target, "--force", *more)


def reported(program: str, *words: Path | str) -> dict:
    """Runs a program; its report."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.json")
        subprocess.run([PROGRAMS / program, *map(str, words), "--quiet", "--report", str(report)], check=True)
        return json.loads(report.read_text())


def clip(path: Path, size: str, frames: int) -> None:
    """Renders the project's own scene."""
    words = [PROGRAMS / "examples" / "demo_clip", path, "--size", size, "--seconds", str(frames // FPS)]
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)


def bench(frames: int) -> dict[str, float]:
    """Pipeline efficiency, and milliseconds of a live frame in the network."""
    said = subprocess.run(
        [PROGRAMS / "stylize", "bench", "--frames", str(frames)], check=True, capture_output=True, text=True
    ).stdout
    words = {"efficiency": "pipeline efficiency", "network": "live frame takes"}
    return {name: float(said.split(before)[1].split()[0]) for name, before in words.items()}


def cold_start_s(source: Path) -> float:
    """Seconds from nothing to the end of a run of one frame."""
    since = time.perf_counter()
    stylize(source, "null:", "--frames", "1")
    return time.perf_counter() - since


def flat(folder: Path) -> None:
    """Resident memory over ten thousand frames, in megabytes; seen on Linux alone."""
    if not Path("/proc/self/status").exists():
        print("10,000 frames of 1920x1080: left out, memory is seen on Linux alone")
        return
    source = folder / "long.mp4"
    clip(source, "1920x1080", 10_000)
    words = [PROGRAMS / "stylize-video", source, "null:", "--quiet"]
    with subprocess.Popen(words) as running:
        seen = []
        while running.poll() is None:
            status = Path(f"/proc/{running.pid}/status")
            lines = [line for line in status.read_text().splitlines() if line.startswith("VmRSS")]
            seen += [int(line.split()[1]) / 1000 for line in lines]
            time.sleep(5)
    if running.returncode != 0:
        sys.exit(f"stylize-video ended with {running.returncode} in ten thousand frames")
    tenth = len(seen) // 10
    print(f"10,000 frames of 1920x1080: {seen[tenth]:.0f} MB after a tenth, {seen[-1]:.0f} MB at the end")


def python(model: Path, source: Path, target: str, frames: int) -> float:
    """Frames a second of the peer."""
    words = [sys.executable, ROOT / "scripts" / "peer.py", model, source, target, frames, *x264()]
    return float(subprocess.run([*map(str, words)], check=True, capture_output=True, text=True).stdout)


def beyond_inference_ms() -> float:
    """What a live frame takes from the camera to the outputs, but for the network. The camera is slow, so that no frame waits for the one
    before it, and none is painted smaller to keep up."""
    said = reported("stylize-webcam", "--camera", "test", "--mode", "1280x720@10", "--no-window", "--frames", "100")
    return said["latency_ms"]["p50"] - said["stages"]["infer"]["p50_ms"]


def johnson_network() -> onnx.ModelProto:
    """The usual network (Johnson et al. 2016): 32, 64, 128 channels, five residual blocks, instance norm; weights at random."""
    nodes, weights, dice = [], [], np.random.default_rng(0)

    def node(kind: str, inputs: list[str], **attributes) -> str:
        nodes.append(helper.make_node(kind, inputs, [f"x{len(nodes)}"], **attributes))
        return f"x{len(nodes) - 1}"

    def constant(values: np.ndarray) -> str:
        weights.append(numpy_helper.from_array(values, f"w{len(weights)}"))
        return weights[-1].name

    def conv(x: str, ins: int, outs: int, side: int, stride: int = 1, norm: bool = True) -> str:
        kernel = dice.normal(0, (ins * side * side) ** -0.5, (outs, ins, side, side)).astype(np.float32)
        x = node("Conv", [x, constant(kernel)], kernel_shape=[side] * 2, strides=[stride] * 2, pads=[side // 2] * 4)
        ones, zeros = np.ones(outs, np.float32), np.zeros(outs, np.float32)
        return node("InstanceNormalization", [x, constant(ones), constant(zeros)]) if norm else x

    def relu(x: str) -> str:
        return node("Relu", [x])

    x = relu(conv("image", 3, 32, 9))
    x = relu(conv(x, 32, 64, 3, 2))
    x = relu(conv(x, 64, 128, 3, 2))
    for _ in range(5):
        x = node("Add", [x, conv(relu(conv(x, 128, 128, 3)), 128, 128, 3)])
    for ins, outs in ((128, 64), (64, 32)):
        scales = constant(np.array([1, 1, 2, 2], np.float32))
        x = relu(conv(node("Resize", [x, "", scales], mode="nearest"), ins, outs, 3))
    x = conv(x, 32, 3, 9, norm=False)
    sides = [1, 3, "height", "width"]
    graph = helper.make_graph(
        nodes,
        "johnson",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, sides)],
        [helper.make_tensor_value_info(x, TensorProto.FLOAT, sides)],
        weights,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


if __name__ == "__main__":
    main()
