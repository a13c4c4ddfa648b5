"""Writes DigitNet as ONNX with `onnx.helper`: the graph says what network.py says and nothing else."""

from pathlib import Path

import onnx
from onnx import TensorProto, helper, numpy_helper

from network import DigitNet, SeparableBlock

OPSET, IR_VERSION = 13, 8
PRODUCER = "bnn-quantize examples/train"


class GraphWriter:
    """Collects nodes and initializers. Each method appends one node and returns the name of its output."""

    def __init__(self, net: DigitNet):
        self.modules = dict(net.named_modules())
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []

    def node(self, op: str, name: str, inputs: list[str], output: str = "", **attributes: object) -> str:
        output = output or f"{name}.out"
        self.nodes.append(helper.make_node(op, inputs, [output], name=name, **attributes))
        return output

    def parameters(self, module: str, *names: str) -> list[str]:
        """Adds parameters of a module as float32 initializers under their names in PyTorch."""
        for name in names:
            array = getattr(self.modules[module], name).detach().numpy()
            self.initializers.append(numpy_helper.from_array(array, f"{module}.{name}"))
        return [f"{module}.{name}" for name in names]

    def conv(self, name: str, x: str) -> str:
        conv = self.modules[name]
        return self.node(
            "Conv",
            name,
            [x, *self.parameters(name, "weight")],
            kernel_shape=list(conv.kernel_size),
            strides=list(conv.stride),
            pads=list(conv.padding) * 2,
            dilations=list(conv.dilation),
            group=conv.groups,
        )

    def batch_norm(self, name: str, x: str) -> str:
        parameters = self.parameters(name, "weight", "bias", "running_mean", "running_var")
        return self.node("BatchNormalization", name, [x, *parameters], epsilon=self.modules[name].eps)

    def relu(self, name: str, x: str) -> str:
        return self.node("Relu", name, [x])

    def separable_block(self, name: str, x: str) -> str:
        block: SeparableBlock = self.modules[name]
        y = self.batch_norm(f"{name}.bn_depthwise", self.conv(f"{name}.depthwise", x))
        y = self.conv(f"{name}.pointwise", self.relu(f"{name}.relu_depthwise", y))
        y = self.batch_norm(f"{name}.bn_pointwise", y)
        if block.residual:
            y = self.node("Add", f"{name}.add", [y, x])
        return self.relu(f"{name}.relu", y)


def export(net: DigitNet, path: Path) -> None:
    """Writes `net` to `path`: opset 13, IR 8, `input` [N,1,28,28] float32 to `logits` [N,10], N free.

    BatchNormalization stays a node: folded into the convolutions it would spread the scales of their
    channels, and weights are quantized before that.
    """
    g = GraphWriter(net)
    x = g.relu("relu1", g.batch_norm("bn1", g.conv("conv1", "input")))
    x = g.relu("relu2", g.batch_norm("bn2", g.conv("conv2", x)))
    x = g.separable_block("block3", x)
    x = g.node("MaxPool", "pool", [x], kernel_shape=[2, 2], strides=[2, 2])
    x = g.separable_block("block5", g.separable_block("block4", x))
    x = g.node("GlobalAveragePool", "average", [x])
    x = g.node("Flatten", "flatten", [x], axis=1)
    g.node("Gemm", "fc", [x, *g.parameters("fc", "weight", "bias")], "logits", transB=1)

    graph = helper.make_graph(
        g.nodes,
        "digits",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["N", 1, 28, 28])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", 10])],
        g.initializers,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    model.producer_name = PRODUCER
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)
