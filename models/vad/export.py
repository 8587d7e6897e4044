"""Write silero_v6.onnx: the Silero VAD that faster-whisper carries, its layers laid out as matrix products for many signals.

    pip install onnx && python models/vad/export.py

Input: magnitudes (steps, signals, 4 x 129) of each window's four frames, and the state (1, signals, 128) of the recurrent layer;
output: probabilities (steps, signals) and the state behind the last step.  The Fourier basis is left out: it is a Hann window
times cosines and sines (checked here), and ``qa/silero.py`` takes a fast transform.  No weight is changed.
"""

from __future__ import annotations

from pathlib import Path

import faster_whisper
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SOURCE = Path(faster_whisper.__file__).parent / "assets" / "silero_vad_v6.onnx"
BASIS = "encoder.feature_extractor.forward_basis_buffer"
LSTM = ("onnx::LSTM_209", "onnx::LSTM_210", "onnx::LSTM_211")


class Graph:
    """Nodes and constants in the order in which they are added."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, name: str, value: np.ndarray) -> str:
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def node(self, kind: str, inputs: list[str], **attributes: object) -> str:
        name = f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        return name

    def part(self, x: str, axis: int, begin: int, end: int) -> str:
        limits = [self.constant(f"limit_{len(self.constants)}", np.asarray([v])) for v in (begin, end, axis)]
        return self.node("Slice", [x, *limits])


def convolved(graph: Graph, x: str, kernel: np.ndarray, offset: np.ndarray, steps: int, stride: int) -> str:
    """ReLU of a convolution of width 3 over ``steps`` steps with a step of silence around them, all steps side by side.

    Each output step is the product of the steps that lie inside with the taps that meet them.
    """
    channels, wide, _ = kernel.shape
    name = graph.constant(f"kernel_{x}", kernel.transpose(2, 1, 0).reshape(-1, channels))
    outputs = []
    for start in range(-1, steps - 1, stride):
        low, high = max(0, start), min(steps, start + 3)
        taps = graph.part(name, 0, (low - start) * wide, (high - start) * wide)
        outputs.append(graph.node("MatMul", [graph.part(x, 2, low * wide, high * wide), taps]))
    joined = graph.node("Concat", outputs, axis=2) if len(outputs) > 1 else outputs[0]
    return graph.node("Relu", [graph.node("Add", [joined, graph.constant(f"offset_{x}", np.tile(offset, len(outputs)))])])


def build(weights: dict[str, np.ndarray]) -> onnx.ModelProto:
    graph, x = Graph(), "spectrum"
    for number, (steps, stride) in enumerate(((4, 1), (4, 2), (2, 2), (1, 1))):
        layer = f"encoder.conv_layers.{number}"
        x = convolved(graph, x, weights[f"{layer}.weight"], weights[f"{layer}.bias"], steps, stride)
    names = [graph.constant(f"lstm_{i}", weights[name]) for i, name in enumerate(LSTM)]
    outputs = ["states", "hidden_after", "cell_after"]
    graph.nodes.append(helper.make_node("LSTM", [x, *names, "", "hidden", "cell"], outputs, hidden_size=128))
    flat = graph.node("Squeeze", ["states", graph.constant("one", np.asarray([1]))])
    out = graph.constant("out", weights["decoder.conv1d.weight"][0])
    logit = graph.node(
        "Add", [graph.node("MatMul", [graph.node("Relu", [flat]), out]), graph.constant("bias", weights["decoder.conv1d.bias"])]
    )
    heard = graph.node("Squeeze", [graph.node("Sigmoid", [logit]), graph.constant("two", np.asarray([2]))])
    graph.nodes.append(helper.make_node("Identity", [heard], ["probability"]))
    value = helper.make_tensor_value_info
    state: list[int | str] = [1, "signals", 128]
    made = helper.make_graph(
        graph.nodes,
        "silero",
        [value("spectrum", TensorProto.FLOAT, ["steps", "signals", 516])]
        + [value(n, TensorProto.FLOAT, state) for n in ("hidden", "cell")],
        [value("probability", TensorProto.FLOAT, ["steps", "signals"])] + [value(n, TensorProto.FLOAT, state) for n in outputs[1:]],
        graph.constants,
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=9, producer_name="Silero VAD v6")
    onnx.checker.check_model(model, full_check=True)
    return model


def main() -> None:
    weights = {i.name: numpy_helper.to_array(i) for i in onnx.load(SOURCE).graph.initializer}
    n, window = np.arange(256), np.hanning(257)[:256]
    turns = 2 * np.pi * np.arange(129)[:, None] * n / 256
    if np.abs(weights[BASIS][:, 0] - np.concatenate([np.cos(turns), -np.sin(turns)]) * window).max() > 1e-6:
        raise SystemExit("this Silero does not look at the spectrum through a Hann window of 256 samples: qa/silero.py must be changed")
    onnx.save(build(weights), Path(__file__).parent / "silero_v6.onnx")


if __name__ == "__main__":
    main()
