"""What one would write in Python: OpenCV reads, ONNX Runtime runs the network on all cores, ffmpeg's x264 writes.

    peer.py MODEL IN OUT FRAMES [options of ffmpeg's encoder…]

Prints the frames a second, from when the network is open to the end of the file.
"""

import subprocess
import sys
import time

import cv2
import imageio_ffmpeg
import numpy as np
import onnxruntime as ort


def main(model: str, source: str, target: str, frames: str, *encoder: str) -> None:
    network = Network(model)
    since = time.perf_counter()
    video = cv2.VideoCapture(source)
    width, height = (int(video.get(key)) for key in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
    pictures = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", str(video.get(cv2.CAP_PROP_FPS))]
    words = ["-y", "-loglevel", "error", *pictures, "-i", "-", "-pix_fmt", "yuv420p", *encoder, target]
    writer = subprocess.Popen([imageio_ffmpeg.get_ffmpeg_exe(), *words], stdin=subprocess.PIPE)
    written = 0
    while written < int(frames):
        there, frame = video.read()
        if not there:
            break
        writer.stdin.write(network.paint(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)).tobytes())
        written += 1
    writer.stdin.close()
    if writer.wait() != 0:
        sys.exit("ffmpeg failed: what was measured is no encoded video")
    print(written / (time.perf_counter() - since))


class Network:
    """A style network of this project, in bytes, or one that takes and gives N x 3 x H x W floats in 0..255."""

    def __init__(self, model: str):
        options = ort.SessionOptions()
        options.log_severity_level = 3
        self.session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        (self.input,) = self.session.get_inputs()
        said = self.session.get_modelmeta().custom_metadata_map
        self.pad, self.multiple = int(said.get("stylize.pad", 0)), int(said.get("stylize.multiple_of", 4))
        self.left = int(said.get("stylize.output_pad", self.pad))

    def paint(self, frame: np.ndarray) -> np.ndarray:
        """H x W x 3 bytes, RGB, to the same."""
        height, width, _ = frame.shape
        bottom, right = (self.pad + -(side + 2 * self.pad) % self.multiple for side in (height, width))
        frame = cv2.copyMakeBorder(frame, self.pad, bottom, self.pad, right, cv2.BORDER_REFLECT_101)
        if self.input.type == "tensor(uint8)":
            blocks = self._run(frame[None])
            rows, columns, _ = blocks.shape
            painted = blocks.reshape(rows, columns, 4, 4, 3).swapaxes(1, 2).reshape(4 * rows, 4 * columns, 3)
        else:
            planes = self._run(frame.astype(np.float32).transpose(2, 0, 1)[None])
            painted = planes.clip(0, 255).astype(np.uint8).transpose(1, 2, 0)
        return np.ascontiguousarray(painted[self.left :, self.left :][:height, :width])

    def _run(self, tensor: np.ndarray) -> np.ndarray:
        return self.session.run(None, {self.input.name: tensor})[0][0]


if __name__ == "__main__":
    main(*sys.argv[1:])
